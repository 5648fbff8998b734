// What a started program finds on its descriptors (posix_spawn(3)). Process: the xos command. Trusts:
// nothing.
#pragma once

#include <spawn.h>

namespace xos {

struct FileActions {
    posix_spawn_file_actions_t actions;
    FileActions() { posix_spawn_file_actions_init(&actions); }
    ~FileActions() { posix_spawn_file_actions_destroy(&actions); }
    FileActions(const FileActions&) = delete;
    FileActions& operator=(const FileActions&) = delete;
};

}  // namespace xos
