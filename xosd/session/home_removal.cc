#include "xosd/session/home_removal.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cstdio>

#include "libxos/unique_fd.h"
#include "xosd/container/layer.h"
#include "xosd/container/tree_removal.h"

namespace xos {
namespace {

// HOME_ROOT/VO, open, and the names in it.
struct Place {
    UniqueFd vo;
    std::string vo_path, user, aside;
};

Outcome<UniqueFd> open_roots_own(int parent, const std::string& name, const std::string& path) {
    UniqueFd fd(openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd && errno == ENOENT) return failure(Errc::not_found, "there is no {}", path);
    if (!fd) return failure_errno(errno, "cannot open {}", path);
    struct stat st{};
    if (fstat(fd.get(), &st) != 0 || st.st_uid != 0 || (st.st_mode & 022) != 0)
        return failure(Errc::conflict, "{} must be root's and writable by root only", path);
    return fd;
}

Outcome<Place> open_place(const std::string& path, uint32_t uid) {
    const size_t user = path.rfind('/');
    const size_t vo = user == 0 || user == std::string::npos ? 0 : path.rfind('/', user - 1);
    if (!is_plain_path(path) || vo == 0 || vo == std::string::npos)
        return failure(Errc::invalid, "{} is no path of a home", path);
    const std::string root = path.substr(0, vo);
    const auto root_fd = open_roots_own(AT_FDCWD, root, root);
    if (!root_fd) return std::unexpected(root_fd.error());
    Place place;
    place.vo_path = path.substr(0, user);
    auto vo_fd = open_roots_own(root_fd->get(), path.substr(vo + 1, user - vo - 1), place.vo_path);
    if (!vo_fd) return std::unexpected(vo_fd.error());
    place.vo = *std::move(vo_fd);
    place.user = path.substr(user + 1);
    // no user's name begins so, and none of make_home()'s
    place.aside = ".#" + std::to_string(uid);
    return place;
}

bool is_there(const Place& place, const std::string& name, struct stat* st) {
    return fstatat(place.vo.get(), name.c_str(), st, AT_SYMLINK_NOFOLLOW) == 0;
}

bool is_home(const Place& place, uint32_t uid) {
    struct stat st{};
    return is_there(place, place.user, &st) && S_ISDIR(st.st_mode) && st.st_uid == uid;
}

// Aside where it is uid's: true. Under the lock of make_home(), which a login may be at.
Outcome<bool> put_aside(const Place& place, const std::string& path, uint32_t uid) {
    if (flock(place.vo.get(), LOCK_EX) != 0) return failure_errno(errno, "cannot lock {}", place.vo_path);
    Outcome<bool> moved = is_home(place, uid);
    if (*moved && renameat2(place.vo.get(), place.user.c_str(), place.vo.get(), place.aside.c_str(),
                            RENAME_NOREPLACE) != 0)
        moved = errno == EBUSY ? failure(Errc::conflict,
                                         "cannot remove {}: a file system is mounted there: umount it", path)
                               : failure_errno(errno, "cannot put {} aside", path);
    flock(place.vo.get(), LOCK_UN);
    return moved;
}

}  // namespace

Outcome<bool> has_home(const std::string& path, uint32_t uid) {
    const auto place = open_place(path, uid);
    if (!place && place.error().code == Errc::not_found) return false;
    if (!place) return std::unexpected(place.error());
    struct stat st{};
    return is_home(*place, uid) || is_there(*place, place->aside, &st);
}

Outcome<bool> remove_home(const std::string& path, uint32_t uid) {
    const auto place = open_place(path, uid);
    if (!place && place.error().code == Errc::not_found) return false;
    if (!place) return std::unexpected(place.error());
    struct stat st{};
    const bool left = is_there(*place, place->aside, &st);
    const std::string aside_path = place->vo_path + "/" + place->aside;
    if (left)
        if (auto removed = remove_directory(place->vo.get(), place->aside, aside_path); !removed)
            return std::unexpected(removed.error());
    const auto moved = put_aside(*place, path, uid);
    if (!moved) return moved;
    if (!*moved) return left;
    if (auto removed = remove_directory(place->vo.get(), place->aside, aside_path); !removed)
        return std::unexpected(removed.error());
    return true;
}

}  // namespace xos
