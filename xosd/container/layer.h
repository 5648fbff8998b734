// The layer of a job: what lies over the node's root, and where it is mounted.
//
// Owns: the directory LAYER with upper (the private files), work (overlayfs's own) and root (the mount
// point). Process: children of xosd. Trusts: nothing inside upper once a job has run: it is never followed,
// only descended.
#pragma once

#include <string>

#include "common/failure.h"
#include "libxos/unique_fd.h"
#include "xosd/container/container.h"

namespace xos {

inline constexpr char kUpper[] = "/upper";
inline constexpr char kWork[] = "/work";
inline constexpr char kMountPoint[] = "/root";

// LAYER with its three empty directories. Fails where LAYER exists.
Outcome<void> make_layer_dirs(const std::string& layer);
// What every job finds: device nodes, hidden directories, the mount point of its home, the loader and its job
// file.
Outcome<void> fill_layer(const ContainerSpec& spec);
// Overlay of the node's root and the layer at LAYER/root, and home inside it. In a mount namespace of the
// caller's own.
Outcome<void> mount_layer(const std::string& layer, const std::string& home, uint32_t uid);
// Gives the calling process a private copy of the mount namespace; nothing mounted in it is seen outside.
Outcome<void> leave_mount_namespace();

// path below dir, opened without following any symlink. The answer of openat2(2) otherwise.
UniqueFd open_beneath(int dir, const std::string& path, int flags, mode_t mode = 0);
// Absolute, no empty, "." or ".." component, no NUL.
bool is_plain_path(const std::string& path);

}  // namespace xos
