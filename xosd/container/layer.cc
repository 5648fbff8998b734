#include "xosd/container/layer.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <filesystem>

#include "xosd/container/tree_removal.h"

namespace xos {
namespace {

struct PrivateDir {
    const char* path;
    mode_t mode;
};
constexpr PrivateDir kPrivate[] = {{"/dev", 0755},  {"/run", 0755},      {"/tmp", 01777},
                                   {"/home", 0755}, {"/var/tmp", 01777}, {"/var/lib/xos", 0755}};
constexpr PrivateDir kBelowRun[] = {{"/run/lock", 01777}, {"/run/user", 0755}};

struct DeviceNode {
    const char* name;
    unsigned int major, minor;  // Documentation/admin-guide/devices.txt
};
constexpr DeviceNode kDevices[] = {{"null", 1, 3},   {"zero", 1, 5},    {"full", 1, 7},
                                   {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}};
constexpr std::pair<const char*, const char*> kDeviceLinks[] = {{"ptmx", "pts/ptmx"},
                                                                {"fd", "/proc/self/fd"},
                                                                {"stdin", "/proc/self/fd/0"},
                                                                {"stdout", "/proc/self/fd/1"},
                                                                {"stderr", "/proc/self/fd/2"}};

Outcome<UniqueFd> open_upper(const std::string& layer) {
    UniqueFd dir(open((layer + kUpper).c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!dir) return failure_errno(errno, "cannot open {}{}", layer, kUpper);
    return dir;
}

// Every directory of path below upper, root-owned; the last one is answered.
Outcome<UniqueFd> make_dirs(int upper, const std::string& path, mode_t mode) {
    UniqueFd at(openat(upper, ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
    for (const auto& part : std::filesystem::path(path).relative_path()) {
        if (mkdirat(at.get(), part.c_str(), 0755) != 0 && errno != EEXIST)
            return failure_errno(errno, "cannot make {} in the layer", path);
        UniqueFd next(openat(at.get(), part.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
        if (!next) return failure_errno(errno, "cannot open {} in the layer", path);
        at = std::move(next);
    }
    if (fchmod(at.get(), mode) != 0)
        return failure_errno(errno, "cannot set the mode of {} in the layer", path);
    return at;
}

Outcome<void> make_private_dirs(int upper) {
    for (const PrivateDir& dir : kPrivate)
        if (auto made = make_dirs(upper, dir.path, dir.mode); !made) return std::unexpected(made.error());
    for (const PrivateDir& dir : kBelowRun)
        if (auto made = make_dirs(upper, dir.path, dir.mode); !made) return std::unexpected(made.error());
    return {};
}

Outcome<void> make_devices(int upper) {
    auto dir = make_dirs(upper, "/dev", 0755);
    if (!dir) return std::unexpected(dir.error());
    for (const DeviceNode& node : kDevices) {
        // as files of the layer, not bind mounts: CRIU cannot restore mounts whose source is outside
        if (mknodat(dir->get(), node.name, S_IFCHR | 0666, makedev(node.major, node.minor)) != 0 ||
            fchmodat(dir->get(), node.name, 0666, 0) != 0)
            return failure_errno(errno, "cannot make the device node /dev/{} in the layer", node.name);
    }
    for (const auto& [name, target] : kDeviceLinks)
        if (symlinkat(target, dir->get(), name) != 0)
            return failure_errno(errno, "cannot make the link /dev/{} in the layer", name);
    for (const char* name : {"pts", "shm"})
        if (mkdirat(dir->get(), name, 0755) != 0)
            return failure_errno(errno, "cannot make /dev/{} in the layer", name);
    return {};
}

Outcome<void> write_file(int dir, const std::string& name, std::string_view content, mode_t mode,
                         uint32_t owner) {
    UniqueFd file(openat(dir, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    while (file && !content.empty()) {
        const ssize_t n = write(file.get(), content.data(), content.size());
        if (n <= 0) return failure_errno(errno, "cannot write {} in the layer", name);
        content.remove_prefix(static_cast<size_t>(n));
    }
    if (!file || fchown(file.get(), owner, owner) != 0 || fchmod(file.get(), mode) != 0)
        return failure_errno(errno, "cannot make {} in the layer", name);
    return {};
}

Outcome<void> write_layer_files(int upper, const std::vector<LayerFile>& files) {
    for (const LayerFile& file : files) {
        const std::filesystem::path path(file.path);
        auto dir = make_dirs(upper, path.parent_path(), 0755);
        if (!dir) return std::unexpected(dir.error());
        if (auto written = write_file(dir->get(), path.filename(), file.content, file.mode, 0); !written)
            return written;
    }
    return {};
}

// The bytes of loader_protocol.h's job file.
std::string encode_job(const ContainerSpec& spec) {
    const auto count = [](const auto& list) { return static_cast<uint32_t>(list.size()); };
    const JobHeader header{kJobMagic,
                           spec.uid,
                           spec.gid,
                           static_cast<uint32_t>(spec.stdio),
                           spec.rows,
                           spec.cols,
                           static_cast<uint32_t>(spec.grace.count()),
                           count(spec.groups),
                           count(spec.argv),
                           count(spec.environment)};
    std::string out(reinterpret_cast<const char*>(&header), sizeof header);
    out.append(reinterpret_cast<const char*>(spec.groups.data()), spec.groups.size() * sizeof(uint32_t));
    out.append(spec.directory).push_back('\0');
    out.append(spec.output).push_back('\0');
    for (const auto& list : {spec.argv, spec.environment})
        for (const std::string& text : list) out.append(text).push_back('\0');
    return out;
}

Outcome<void> copy_program(int dir, const std::string& from, uint32_t owner) {
    UniqueFd source(open(from.c_str(), O_RDONLY | O_CLOEXEC));
    if (!source) return failure_errno(errno, "cannot open the loader {}: reinstall the package", from);
    UniqueFd target(openat(dir, kLoaderProgram, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0500));
    if (!target) return failure_errno(errno, "cannot make the loader's copy in the layer");
    for (;;) {
        const ssize_t n = sendfile(target.get(), source.get(), nullptr, size_t{1} << 30);
        if (n == 0) break;
        if (n < 0) return failure_errno(errno, "cannot copy the loader into the layer");
    }
    if (fchown(target.get(), owner, owner) != 0)
        return failure_errno(errno, "cannot give the loader its owner");
    return {};
}

Outcome<void> place_loader(int upper, const ContainerSpec& spec) {
    auto dir = make_dirs(upper, kLoaderDir, 0700);
    if (!dir) return std::unexpected(dir.error());
    const std::string job = encode_job(spec);
    if (job.size() > kJobFileMax)
        return failure(Errc::invalid, "the arguments and environment of {} are longer than {} bytes",
                       spec.job, kJobFileMax);
    if (auto written = write_file(dir->get(), kLoaderJob, job, 0600, spec.inner_root); !written)
        return written;
    if (auto copied = copy_program(dir->get(), spec.loader, spec.inner_root); !copied) return copied;
    if (fchown(dir->get(), spec.inner_root, spec.inner_root) != 0)
        return failure_errno(errno, "cannot give {} its owner", kLoaderDir);
    return {};
}

// Clones the mount of source and puts it over the directory target below root. attributes: MOUNT_ATTR_*.
Outcome<void> bind_dir(int source, int root, const std::string& target, uint64_t attributes) {
    UniqueFd clone(static_cast<int>(
        syscall(SYS_open_tree, source, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)));
    mount_attr change{};
    change.attr_set = attributes;
    if (!clone || mount_setattr(clone.get(), "", AT_EMPTY_PATH, &change, sizeof change) != 0)
        return failure_errno(errno, "cannot clone the mount for {} of the container", target);
    UniqueFd over = target == "/" ? UniqueFd(fcntl(root, F_DUPFD_CLOEXEC, 0))
                                  : open_beneath(root, target, O_PATH | O_DIRECTORY);
    if (!over ||
        move_mount(clone.get(), "", over.get(), "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) != 0)
        return failure_errno(errno, "cannot mount {} of the container", target);
    return {};
}

Outcome<UniqueFd> open_dir(const std::string& path) {
    UniqueFd dir(open(path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!dir) return failure_errno(errno, "cannot open {}", path);
    return dir;
}

Outcome<UniqueFd> open_home(const std::string& home, uint32_t uid) {
    auto slash = open_dir("/");
    if (!slash) return slash;
    UniqueFd dir = open_beneath(slash->get(), home, O_PATH | O_DIRECTORY);
    if (!dir)
        return failure_errno(errno, "cannot open the home {} (no part of its path may be a symlink)", home);
    struct stat st{};
    if (fstat(dir.get(), &st) != 0 || st.st_uid != uid)
        return failure(Errc::denied, "the home {} does not belong to uid {}", home, uid);
    return dir;
}

}  // namespace

bool is_plain_path(const std::string& path) {
    if (path.size() < 2 || path.size() > 1024 || path[0] != '/' || path.contains('\0')) return false;
    for (size_t at = 1; at <= path.size();) {
        const size_t end = std::min(path.find('/', at), path.size());
        const std::string_view part(path.data() + at, end - at);
        if (part.empty() || part == "." || part == "..") return false;
        at = end + 1;
    }
    return path.back() != '/';
}

UniqueFd open_beneath(int dir, const std::string& path, int flags, mode_t mode) {
    open_how how{};
    how.flags = static_cast<uint64_t>(flags | O_CLOEXEC);
    how.mode = mode;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    const std::string relative = path.starts_with('/') ? path.substr(1) : path;
    return UniqueFd(static_cast<int>(syscall(SYS_openat2, dir, relative.c_str(), &how, sizeof how)));
}

Outcome<void> make_layer_dirs(const std::string& layer) {
    if (mkdir(layer.c_str(), 0711) != 0) return failure_errno(errno, "cannot make the job's layer {}", layer);
    const std::pair<const char*, mode_t> dirs[] = {{kUpper, 0755}, {kMountPoint, 0755}};
    for (const auto& [name, mode] : dirs)
        if (mkdir((layer + name).c_str(), mode) != 0)
            return failure_errno(errno, "cannot make {}{}", layer, name);
    return {};
}

Outcome<void> fill_layer(const ContainerSpec& spec) {
    auto upper = open_upper(spec.layer);
    if (!upper) return std::unexpected(upper.error());
    if (auto made = make_private_dirs(upper->get()); !made) return made;
    if (auto devices = make_devices(upper->get()); !devices) return devices;
    if (auto home = make_dirs(upper->get(), spec.home, 0755); !home) return std::unexpected(home.error());
    if (auto files = write_layer_files(upper->get(), spec.files); !files) return files;
    return place_loader(upper->get(), spec);
}

Outcome<void> leave_mount_namespace() {
    if (unshare(CLONE_NEWNS) != 0 || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
        return failure_errno(errno, "cannot make a mount namespace");
    return {};
}

std::vector<ExternalMount> external_mounts(const std::string& layer, const std::string& home) {
    std::vector<ExternalMount> out;
    for (const PrivateDir& dir : kPrivate)
        if (struct stat st{}; lstat(dir.path, &st) == 0 && S_ISDIR(st.st_mode))
            out.push_back({dir.path, layer + kUpper + dir.path});
    out.push_back({home, home});
    return out;
}

bool is_private_path(const std::string& path) {
    return std::ranges::any_of(
        kPrivate, [&](const PrivateDir& dir) { return path.starts_with(std::string(dir.path) + '/'); });
}

Outcome<void> mount_root(const std::string& layer) {
    struct stat slash{}, usr{};
    if (stat("/", &slash) != 0 || stat("/usr", &usr) != 0 || slash.st_dev != usr.st_dev)
        return failure(Errc::unavailable,
                       "/usr is a file system of its own: jobs see the root file system only");
    auto source = open_dir("/"), target = open_dir(layer + kMountPoint);
    if (!source || !target) return std::unexpected(!source ? source.error() : target.error());
    return bind_dir(source->get(), target->get(), "/", MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID);
}

Outcome<void> mount_layer(const std::string& layer, const std::string& home, uint32_t uid) {
    // before anything is covered: the layer itself may lie below a directory that is
    auto home_dir = open_home(home, uid);
    if (!home_dir) return std::unexpected(home_dir.error());
    if (auto mounted = mount_root(layer); !mounted) return mounted;
    auto root = open_dir(layer + kMountPoint);
    if (!root) return std::unexpected(root.error());
    const auto mounts = external_mounts(layer, home);
    for (const ExternalMount& mount : mounts) {
        const bool is_home = &mount == &mounts.back();
        // the home was opened and checked before: its path is the user's to change
        auto source = is_home ? Outcome<UniqueFd>(UniqueFd(home_dir->release())) : open_dir(mount.source);
        if (!source) return std::unexpected(source.error());
        const uint64_t attributes =
            MOUNT_ATTR_NOSUID | (mount.inside == "/dev" ? MOUNT_ATTR_NOEXEC : MOUNT_ATTR_NODEV);
        if (auto bound = bind_dir(source->get(), root->get(), mount.inside, attributes); !bound) return bound;
    }
    return {};
}

Outcome<void> remove_layer(const std::string& layer) {
    if (!is_plain_path(layer)) return failure(Errc::invalid, "{} is no layer", layer);
    const size_t slash = layer.rfind('/');
    const UniqueFd parent(
        open(slash == 0 ? "/" : layer.substr(0, slash).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!parent && errno == ENOENT) return {};
    if (!parent) return failure_errno(errno, "cannot open the directory of {}", layer);
    return remove_directory(parent.get(), layer.substr(slash + 1), layer);
}

}  // namespace xos
