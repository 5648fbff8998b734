#include "xosd/session/home_directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "libxos/unique_fd.h"

namespace xos {
namespace {

constexpr char kSkeleton[] = "/etc/skel";
constexpr int kSkeletonDepth = 8;

Outcome<UniqueFd> open_or_make(int parent, const char* name, const std::string& path) {
    if (mkdirat(parent, name, 0755) != 0 && errno != EEXIST)
        return failure_errno(errno, "cannot make {}", path);
    UniqueFd fd(openat(parent, name, O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_RDONLY));
    if (!fd) return failure_errno(errno, "cannot open {}", path);
    struct stat st{};
    if (fstat(fd.get(), &st) != 0 || st.st_uid != 0 || (st.st_mode & 022) != 0)
        return failure(Errc::conflict, "{} must be root's and writable by root only", path);
    return fd;
}

Outcome<void> copy_file(int from_dir, const char* name, int to_dir, const Home& home) {
    const UniqueFd from(openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    if (!from) return failure_errno(errno, "cannot read {}/{}", kSkeleton, name);
    struct stat st{};
    if (fstat(from.get(), &st) != 0) return failure_errno(errno, "cannot examine {}/{}", kSkeleton, name);
    const UniqueFd to(
        openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, st.st_mode & 0777));
    if (!to) return failure_errno(errno, "cannot make {} in the home", name);
    off_t left = st.st_size;
    while (left > 0) {
        const ssize_t n = sendfile(to.get(), from.get(), nullptr, static_cast<size_t>(left));
        if (n <= 0) return failure_errno(errno, "cannot copy {} into the home", name);
        left -= n;
    }
    if (fchown(to.get(), home.uid, home.gid) != 0)
        return failure_errno(errno, "cannot give {} to its user", name);
    return {};
}

Outcome<void> copy_tree(UniqueFd from, int to_dir, const Home& home, int depth) {
    if (depth > kSkeletonDepth) return failure(Errc::invalid, "{} is nested too deeply", kSkeleton);
    const std::unique_ptr<DIR, int (*)(DIR*)> dir(fdopendir(from.release()), closedir);
    if (!dir) return failure_errno(errno, "cannot list {}", kSkeleton);
    while (const dirent* entry = readdir(dir.get())) {
        const std::string name = entry->d_name;
        if (name == "." || name == "..") continue;
        struct stat st{};
        if (fstatat(dirfd(dir.get()), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0)
            return failure_errno(errno, "cannot examine {}/{}", kSkeleton, name);
        if (S_ISREG(st.st_mode)) {
            if (auto copied = copy_file(dirfd(dir.get()), name.c_str(), to_dir, home); !copied) return copied;
        } else if (S_ISDIR(st.st_mode)) {
            UniqueFd next(
                openat(dirfd(dir.get()), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
            if (mkdirat(to_dir, name.c_str(), st.st_mode & 0777) != 0)
                return failure_errno(errno, "cannot make {} in the home", name);
            const UniqueFd made(
                openat(to_dir, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
            if (!next || !made || fchown(made.get(), home.uid, home.gid) != 0)
                return failure_errno(errno, "cannot give {} to its user", name);
            if (auto copied = copy_tree(std::move(next), made.get(), home, depth + 1); !copied) return copied;
        }
    }
    return {};
}

Outcome<void> fill(int fd, const Home& home) {
    UniqueFd skeleton(open(kSkeleton, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (skeleton)
        if (auto copied = copy_tree(std::move(skeleton), fd, home, 0); !copied) return copied;
    // last, so that the user can reach nothing of it before it is whole
    if (fchown(fd, home.uid, home.gid) != 0 || fsync(fd) != 0)
        return failure_errno(errno, "cannot give {} to its user", home_path(home));
    return {};
}

}  // namespace

Outcome<void> make_home(const Home& home) {
    std::error_code ignored;
    std::filesystem::create_directories(std::filesystem::path(home.root).parent_path(), ignored);
    auto root = open_or_make(AT_FDCWD, home.root.c_str(), home.root);
    if (!root) return std::unexpected(root.error());
    auto vo = open_or_make(root->get(), home.vo.c_str(), home.root + "/" + home.vo);
    if (!vo) return std::unexpected(vo.error());
    // two first sessions at once: the second waits and finds the home made
    if (flock(vo->get(), LOCK_EX) != 0) return failure_errno(errno, "cannot lock {}/{}", home.root, home.vo);
    struct stat st{};
    if (fstatat(vo->get(), home.user.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0) {
        if (S_ISDIR(st.st_mode) && st.st_uid == home.uid) return {};
        return failure(Errc::conflict,
                       "{} exists and is not a directory of uid {}: move it away, or, where its owner is "
                       "gone from the VO, 'xos account purge {}'",
                       home_path(home), home.uid, st.st_uid);
    }
    // a user name never begins with a dot, so this one is nobody's
    const std::string temporary = "." + home.user;
    std::filesystem::remove_all(home.root + "/" + home.vo + "/" + temporary, ignored);
    if (mkdirat(vo->get(), temporary.c_str(), 0700) != 0)
        return failure_errno(errno, "cannot make {}", home_path(home));
    const UniqueFd fd(openat(vo->get(), temporary.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    Outcome<void> made = fd ? fill(fd.get(), home) : failure_errno(errno, "cannot open {}", home_path(home));
    if (made && renameat2(vo->get(), temporary.c_str(), vo->get(), home.user.c_str(), RENAME_NOREPLACE) != 0)
        made = failure_errno(errno, "cannot put {} in place", home_path(home));
    if (!made) std::filesystem::remove_all(home.root + "/" + home.vo + "/" + temporary, ignored);
    return made;
}

bool is_home_made(const Home& home) {
    const auto is_sound_parent = [](const std::string& path) {
        struct stat st{};
        return lstat(path.c_str(), &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == 0 &&
               (st.st_mode & 022) == 0;
    };
    struct stat st{};
    return is_sound_parent(home.root) && is_sound_parent(home.root + "/" + home.vo) &&
           lstat(home_path(home).c_str(), &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == home.uid;
}

bool is_on_local_disk(const std::string& path) {
    // linux/magic.h; f_type is signed on some machines
    constexpr uint32_t kLocal[] = {EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC,  BTRFS_SUPER_MAGIC,
                                   TMPFS_MAGIC,      F2FS_SUPER_MAGIC, OVERLAYFS_SUPER_MAGIC};
    struct statfs fs{};
    return statfs(path.c_str(), &fs) == 0 && std::ranges::contains(kLocal, static_cast<uint32_t>(fs.f_type));
}

}  // namespace xos
