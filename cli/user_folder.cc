#include "cli/user_folder.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>

#include <cstdlib>

#include "cli/input_file.h"
#include "cli/output_file.h"

namespace xos {
namespace {

Outcome<std::string> home_directory() {
    if (const char* home = secure_getenv("HOME"); home != nullptr && *home == '/') return home;
    if (const passwd* entry = getpwuid(geteuid()); entry != nullptr && entry->pw_dir[0] == '/')
        return entry->pw_dir;
    return failure(Errc::not_found, "this user has no home directory: set HOME");
}

Outcome<UniqueFd> enter(int parent, const std::string& name, const std::string& path, bool make) {
    if (make && mkdirat(parent, name.c_str(), 0700) != 0 && errno != EEXIST)
        return failure_errno(errno, "cannot make {}", path);
    UniqueFd fd(openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd && errno == ENOENT) return failure(Errc::not_found, "there is no folder {}", path);
    struct stat status{};
    if (!fd || fstat(fd.get(), &status) != 0) return failure_errno(errno, "cannot open {}", path);
    if (status.st_uid != geteuid() || (status.st_mode & 022) != 0)
        return failure(Errc::denied, "{} must belong to you and be writable by you alone: chmod go-w {}",
                       path, path);
    return fd;
}

std::string key_name(std::string_view user) {
    return std::string(user) + ".key";
}

}  // namespace

Outcome<UserFolder> UserFolder::open(std::string_view vo) {
    return open(vo, true);
}

Outcome<UserFolder> UserFolder::find(std::string_view vo) {
    return open(vo, false);
}

Outcome<UserFolder> UserFolder::open(std::string_view vo, bool make) {
    const auto home = home_directory();
    if (!home) return std::unexpected(home.error());
    std::string path = *home + "/.config";
    // ~/.config may be anywhere, a link too; what is ours in it may not
    if (make && mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
        return failure_errno(errno, "cannot make {}", path);
    UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd && errno == ENOENT) return failure(Errc::not_found, "there is no folder {}", path);
    if (!fd) return failure_errno(errno, "cannot open {}", path);
    for (const std::string& name : {std::string("xos"), std::string(vo)}) {
        if (name.empty()) continue;
        path += "/" + name;
        auto next = enter(fd.get(), name, path, make);
        if (!next) return std::unexpected(next.error());
        fd = std::move(*next);
    }
    return UserFolder(std::move(fd), std::move(path));
}

Outcome<std::string> UserFolder::read(const std::string& name) const {
    const UniqueFd file(openat(fd(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
    if (!file && errno == ENOENT) return failure(Errc::not_found, "there is no {}", path_of(name));
    if (!file) return failure_errno(errno, "cannot open {}", path_of(name));
    return read_all(file.get(), kCredentialMax, path_of(name));
}

Outcome<void> UserFolder::write(const std::string& name, std::string_view bytes, mode_t mode) const {
    auto written = replace_file(fd(), name, bytes, mode);
    if (!written) return failure(written.error().code, "in {}: {}", path_, written.error().message);
    return {};
}

Outcome<bool> UserFolder::remove(const std::string& name) const {
    if (unlinkat(fd(), name.c_str(), 0) == 0) return true;
    if (errno == ENOENT) return false;
    return failure_errno(errno, "cannot remove {}", path_of(name));
}

Outcome<LoginName> require_login_name(std::string_view text) {
    if (const auto name = parse_login_name(text)) return *name;
    return failure(Errc::invalid, "'{}' is not a login name; expected USER@VO as in user1@physics", text);
}

Outcome<SigningKey> load_user_key(const UserFolder& folder, std::string_view user) {
    const std::string name = key_name(user);
    if (faccessat(folder.fd(), name.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT)
        return failure(Errc::not_found, "there is no key {}", folder.path_of(name));
    auto key = load_signing_key(folder.fd(), name.c_str());
    if (!key) return failure(key.error().code, "{}: {}", folder.path_of(name), key.error().message);
    return key;
}

Outcome<SigningKey> load_or_make_user_key(const UserFolder& folder, std::string_view user) {
    auto key = load_user_key(folder, user);
    if (key || key.error().code != Errc::not_found) return key;
    key = SigningKey::generate();
    if (!key) return key;
    const auto stored = store_signing_key(folder.fd(), key_name(user).c_str(), *key);
    if (!stored)
        return failure(stored.error().code, "{}: {}", folder.path_of(key_name(user)), stored.error().message);
    return key;
}

}  // namespace xos
