// The ids and names that the machine itself uses, which no VO may take.
//
// Owns: reading /etc/passwd, group, subuid and subgid as files: never through NSS, which would ask us.
// Process: xosd. Trusts: the files, which are root's; a line that breaks the format is passed over, as glibc
// does.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/failure.h"

namespace xos {

struct LocalIds {
    struct Range {
        std::string owner;   // "user alice", "group adm", "subuids of alice", ...: for messages
        uint64_t first = 0;  // ids from first to first + count - 1
        uint64_t count = 1;
    };
    std::vector<Range> ranges;
    std::vector<std::string> names;    // of users, sorted
    std::vector<std::string> domains;  // whose users SSSD serves as user@domain, sorted

    // Who serves names user@vo here already: "SSSD", or "the local user NAME"; empty: nobody that is known.
    [[nodiscard]] std::string find_server_of(std::string_view vo) const;

    [[nodiscard]] bool has_user(const std::string& name) const;
    // The first range that shares an id with the block; nullptr where none does.
    [[nodiscard]] const Range* find_clash(uint32_t base, uint32_t size) const;
};

// Reads passwd, group, subuid, subgid, and of sssd.conf(5) the names of domains, in directory. passwd and
// group must be there; without subuid or subgid nobody has any.
[[nodiscard]] Outcome<LocalIds> read_local_ids(const std::string& directory = "/etc");

}  // namespace xos
