#include "xosd/tracking/agent_root.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace xos {
namespace {

constexpr unsigned kClosed = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;

// Raw calls: glibc has no place for what the kernel knows here, and none may allocate.
int make_mount(const char* type, const char* option, const char* value, unsigned attributes) {
    const int context = static_cast<int>(syscall(SYS_fsopen, type, FSOPEN_CLOEXEC));
    if (context < 0) return -1;
    int mount = -1;
    if (syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, option, value, 0) == 0 &&
        syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) == 0)
        mount = static_cast<int>(syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, attributes));
    const int reason = errno;
    close(context);
    errno = reason;
    return mount;
}

// The directories of path below root, and nothing where they are.
bool make_path(int root, const char* path) {
    char part[256];
    const size_t length = strlen(path);
    if (length >= sizeof part) return false;
    for (size_t i = 1; i <= length; ++i) {
        if (path[i] != '/' && path[i] != '\0') continue;
        memcpy(part, path + 1, i - 1);
        part[i - 1] = '\0';
        if (i > 1 && mkdirat(root, part, 0755) != 0 && errno != EEXIST) return false;
    }
    return true;
}

bool attach(int mount, int root, const char* path) {
    return syscall(SYS_move_mount, mount, "", root, path + 1, MOVE_MOUNT_F_EMPTY_PATH) == 0;
}

// Read-only, with what is mounted right there and not below.
bool bind(int root, const char* path) {
    if (access(path, F_OK) != 0) return errno == ENOENT;
    const int tree = static_cast<int>(syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | O_CLOEXEC));
    if (tree < 0) return false;
    mount_attr attributes{};
    attributes.attr_set = kClosed;
    const bool done =
        syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attributes, sizeof attributes) == 0 &&
        make_path(root, path) && attach(tree, root, path);
    close(tree);
    return done;
}

// Debian's /lib and /lib64 are links into /usr: the dynamic linker is found through them.
bool copy_link(int root, const char* path) {
    char target[64];
    const ssize_t length = readlink(path, target, sizeof target - 1);
    if (length < 0) return errno == ENOENT;
    target[length] = '\0';
    return symlinkat(target, root, path + 1) == 0;
}

bool fill(int root, const AgentRoot& wanted) {
    const int proc = make_mount("proc", "hidepid", "off", kClosed | MOUNT_ATTR_NOEXEC);
    if (proc < 0 || !make_path(root, "/proc") || !attach(proc, root, "/proc")) return false;
    close(proc);
    return bind(root, "/usr") && copy_link(root, "/lib") && copy_link(root, "/lib64") &&
           bind(root, wanted.socket_directory) && bind(root, wanted.journal);
}

}  // namespace

int enter_agent_root(const AgentRoot& wanted) {
    // the mounts of a place that only this namespace sees: the owner can still unmount what is his
    if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return errno;
    const int tmpfs = make_mount("tmpfs", "size", "64k", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
    if (tmpfs < 0) return errno;
    // a mount that belongs nowhere yet takes no other ones: it is put over a place that is always there
    if (syscall(SYS_move_mount, tmpfs, "", AT_FDCWD, "/proc", MOVE_MOUNT_F_EMPTY_PATH) != 0) return errno;
    mount_attr attributes{};
    attributes.attr_set = MOUNT_ATTR_RDONLY;
    const bool done =
        fill(tmpfs, wanted) && fchdir(tmpfs) == 0 && syscall(SYS_pivot_root, ".", ".") == 0 &&
        umount2(".", MNT_DETACH) == 0 && chdir("/") == 0 &&
        syscall(SYS_mount_setattr, tmpfs, "", AT_EMPTY_PATH, &attributes, sizeof attributes) == 0;
    const int reason = errno;
    close(tmpfs);
    return done ? 0 : reason;
}

}  // namespace xos
