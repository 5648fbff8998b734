#include "xosd/sshd/sshd_config.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>

#include "common/file.h"
#include "libxos/names.h"
#include "libxos/unique_fd.h"
#include "xosd/container/pidfd.h"

namespace xos {
namespace {

constexpr char kSshd[] = "/usr/sbin/sshd";
constexpr char kSshdPid[] = "/run/sshd.pid";  // sshd_config(5): PidFile
constexpr char kSystemctl[] = "/usr/bin/systemctl";

// Runs argv with nothing of ours but stderr; its exit status, or -1.
int run(std::vector<const char*> argv) {
    argv.push_back(nullptr);
    const char* const environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", nullptr};
    pid_t pid = 0;
    if (posix_spawn(&pid, argv[0], nullptr, nullptr, const_cast<char* const*>(argv.data()),
                    const_cast<char* const*>(environment)) != 0)
        return -1;
    int status = 0;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// SIGHUP to the sshd that wrote the pid file, if that process still is sshd.
bool reload_by_signal() {
    auto text = read_file(kSshdPid, 64);
    if (!text) return false;
    pid_t pid = 0;
    if (std::from_chars(text->data(), text->data() + text->size(), pid).ec != std::errc() || pid <= 1)
        return false;
    const UniqueFd pidfd(pidfd_open(pid, 0));
    if (!pidfd) return false;
    char target[256];
    const ssize_t n = readlink(compose("/proc/{}/exe", pid).c_str(), target, sizeof target);
    if (n <= 0 || std::string_view(target, static_cast<size_t>(n)) != kSshd) return false;
    return pidfd_send_signal(pidfd.get(), SIGHUP, nullptr, 0) == 0;
}

bool reload_sshd() {
    if (access("/run/systemd/system", F_OK) != 0) return reload_by_signal();
    return run({kSystemctl, "try-reload-or-restart", "ssh.service"}) == 0;
}

}  // namespace

std::string make_sshd_config(const std::vector<std::string>& vos, std::string_view host_certificate) {
    std::string text =
        "# Written by xosd for the virtual organisations that this node accepts; changes here are lost.\n";
    if (vos.empty()) return text;
    // before the block: it is no keyword of a Match
    if (!host_certificate.empty()) text += compose("HostCertificate {}\n", host_certificate);
    std::string users;
    for (const std::string& vo : vos) users += (users.empty() ? "*@" : ",*@") + vo;
    text += "Match User " + users + "\n";
    text += compose("    AuthorizedKeysCommand {}/xos-ssh-keys %u %U %t %k %C\n", kLibexecDir);
    text += compose("    AuthorizedKeysCommandUser {}\n", kKeysUser);
    text +=
        "    AuthorizedKeysFile none\n"
        "    TrustedUserCAKeys none\n"
        "    AuthenticationMethods publickey\n"
        "    PubkeyAuthentication yes\n"
        "    PasswordAuthentication no\n"
        "    KbdInteractiveAuthentication no\n"
        "    GSSAPIAuthentication no\n"
        "    HostbasedAuthentication no\n"
        "    PermitUserRC no\n"
        "Match all\n";
    return text;
}

Outcome<std::string> install_sshd_config(std::string_view text) {
    if (access(kSshd, X_OK) != 0) return "no sshd";
    // left by a process that died, or by an sshd that could not be reached: the block there may be unchecked
    // or unread
    const bool unfinished = access(kSshdUntold, F_OK) == 0;
    auto before = read_file(kSshdConfig, 64 * 1024);
    if (before && *before == text && !unfinished) return "unchanged";
    if (auto marked = write_file_atomically(kSshdUntold, "", 0600); !marked)
        return std::unexpected(marked.error());
    if (auto written = write_file_atomically(kSshdConfig, text, 0644); !written)
        return std::unexpected(written.error());
    if (run({kSshd, "-t"}) != 0) {
        if (before && !unfinished)
            (void)write_file_atomically(kSshdConfig, *before, 0644);
        else
            unlink(kSshdConfig);
        unlink(kSshdUntold);
        return failure(
            Errc::invalid,
            "sshd -t refuses the configuration with our block; {} was put back. Run 'sshd -t' to see why",
            kSshdConfig);
    }
    if (!reload_sshd()) return "written";
    unlink(kSshdUntold);
    return "reloaded";
}

}  // namespace xos
