// The layer of a job: its private directories, and how they are put over the node's root.
//
// Owns: the directory LAYER with upper (/dev, /run, /tmp, /home and so on of the job) and root (the mount
// point). Process: children of xosd. Trusts: nothing inside upper once a job has run: it is never followed,
// only descended.
//
// The root is a read-only bind mount of the node's, not an overlay: where the node's root is an overlay
// itself, the files that a program maps would show a mount outside the container, and CRIU refuses them.
#pragma once

#include <string>

#include "common/failure.h"
#include "libxos/unique_fd.h"
#include "xosd/container/container.h"

namespace xos {

inline constexpr char kUpper[] = "/upper";
inline constexpr char kMountPoint[] = "/root";

// LAYER with its two empty directories. Fails where LAYER exists.
Outcome<void> make_layer_dirs(const std::string& layer);
// What every job finds: device nodes, hidden directories, the mount point of its home, the loader and its job
// file.
Outcome<void> fill_layer(const ContainerSpec& spec);
// The root, the private directories and home at LAYER/root. In a mount namespace of the caller's own.
Outcome<void> mount_layer(const std::string& layer, const std::string& home, uint32_t uid);
// The root alone; whoever calls it mounts the rest.
Outcome<void> mount_root(const std::string& layer);

// What is bound into the container from outside its root. The home is the last one.
struct ExternalMount {
    std::string inside;  // path in the container
    std::string source;  // path on the node
};
std::vector<ExternalMount> external_mounts(const std::string& layer, const std::string& home);
// Whether path lies in one of the private directories: only there can a layer hold files.
bool is_private_path(const std::string& path);
// Gives the calling process a private copy of the mount namespace; nothing mounted in it is seen outside.
Outcome<void> leave_mount_namespace();

// path below dir, opened without following any symlink. The answer of openat2(2) otherwise.
UniqueFd open_beneath(int dir, const std::string& path, int flags, mode_t mode = 0);
// Absolute, no empty, "." or ".." component, no NUL.
bool is_plain_path(const std::string& path);

}  // namespace xos
