#include "cli/login_service_check.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "libxos/names.h"

namespace xos {
namespace {

constexpr char kRestart[] = "systemctl restart xosd, which makes it again";

// Debian's sshd lets a group write whose only member is the owner.
bool is_roots_alone(const struct stat& file) {
    return file.st_uid == 0 && (file.st_mode & 002) == 0 && (file.st_gid == 0 || (file.st_mode & 020) == 0);
}

}  // namespace

void check_login_socket(const std::string& path, std::optional<gid_t> keys_group, Findings& findings) {
    struct stat file{};
    if (!keys_group)
        return wrong(findings, compose("there is no group {}: sshd's command cannot ask xosd", kKeysUser),
                     "install xosd again, or: systemd-sysusers");
    if (lstat(path.c_str(), &file) != 0)
        return wrong(findings, compose("{} cannot be examined: {}", path, strerror(errno)),
                     "systemctl start xosd; journalctl -u xosd says why it ended");
    if (!S_ISSOCK(file.st_mode))
        return wrong(findings, compose("{} is not a socket: sshd and PAM cannot ask xosd", path), kRestart);
    if (file.st_uid != 0 || file.st_gid != *keys_group || (file.st_mode & 07777) != 0660)
        return wrong(findings,
                     compose("{} is of {}:{} with the mode {:o}: it must be root:{} with 660", path,
                             file.st_uid, file.st_gid, file.st_mode & 07777, kKeysUser),
                     compose("chown root:{} {}; chmod 660 {}", kKeysUser, path, path));
    good(findings, compose("{} is root's and sshd's command's", path));
}

void check_keys_command(const std::string& path, Findings& findings) {
    struct stat file{};
    if (stat(path.c_str(), &file) != 0)
        return wrong(findings, compose("{} cannot be examined: {}", path, strerror(errno)),
                     "install xosd again");
    if (!S_ISREG(file.st_mode) || (file.st_mode & 0111) != 0111)
        return wrong(findings, compose("{} cannot be run by {}", path, kKeysUser),
                     compose("chmod 755 {}", path));
    std::string part = path;
    while (true) {
        if (stat(part.c_str(), &file) == 0 && !is_roots_alone(file))
            return wrong(
                findings,
                compose("sshd runs no command that others can change: {} is of {} with the mode {:o}", part,
                        file.st_uid, file.st_mode & 07777),
                compose("chown root {}; chmod go-w {}", part, part));
        if (part == "/") break;
        part.erase(std::max<size_t>(part.rfind('/'), 1));
    }
    good(findings, compose("{} is root's alone to change", path));
}

}  // namespace xos
