// Writes the accounts file that every process on the node maps.
//
// Owns: the accounts file and its boot copy, their replacement, and what a crash left beside them.
// Process: xosd (root), its only writer. Trusts: its caller for who is a member and which ids are the VO's
// (the uid ledger has been asked); it checks again what would make the file ambiguous or unsafe to read.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/failure.h"
#include "libxos/unique_fd.h"

namespace xos {

struct VoEntry {
    std::string vo;
    uint32_t base = 0, size = 0;  // the block on this node
};
struct AccountEntry {
    std::string name;  // user1@physics
    uint32_t uid = 0, gid = 0;
    std::string gecos, home, shell;
    bool listed = true;  // shown by enumeration (getent passwd)
};
// The private group of an account (gid = uid) needs no entry.
struct GroupEntry {
    std::string name;  // analysis@physics
    uint32_t gid = 0;
    std::vector<std::string> members = {};  // one that has no account in the snapshot is left out
    bool of_all = false;                    // every account of the VO is in it; members stays empty
};
// A group of more members lists none in gr_mem; initgroups still knows it. As gr_mem holds every name, each
// program that prints the group of a file would copy megabytes for a large one.
inline constexpr size_t kListedMembersMax = 4096;

struct AccountsSnapshot {
    std::vector<VoEntry> vos;
    std::vector<AccountEntry> accounts;
    std::vector<GroupEntry> groups;
};

// The bytes of an accounts file: for tests and the small static file in a job's layer. Errc::invalid names
// the first entry that is malformed, outside its VO's block or there twice; nothing is written for such a
// snapshot.
[[nodiscard]] Outcome<std::string> build_accounts_file(const AccountsSnapshot& snapshot,
                                                       uint64_t generation = 1);

class AccountsWriter {
  public:
    // The directories of both paths must exist and belong to root. Finishes what a crash interrupted: a file
    // that lies aside is retired and removed. boot_path may be empty: then there is no boot copy.
    [[nodiscard]] static Outcome<AccountsWriter> open(const std::string& run_path,
                                                      const std::string& boot_path);

    // Both files become snapshot's: first the boot copy (synced), then the run file. When it returns, every
    // look-up that starts sees the new file. After a failure each path holds the old or the new file, whole.
    // Blocks for a disk sync: call it from a thread or child, never from xosd's loop.
    [[nodiscard]] Outcome<void> replace(const AccountsSnapshot& snapshot);

    // Of the file that was written last; 0 where there is none yet.
    [[nodiscard]] uint64_t generation() const { return generation_; }

  private:
    struct Target {
        std::string path;  // for messages
        UniqueFd directory;
        std::string name;
        bool durable = false;
    };
    AccountsWriter() = default;
    [[nodiscard]] static Outcome<Target> open_target(const std::string& path, bool durable);
    [[nodiscard]] static Outcome<void> recover(const Target& target);
    [[nodiscard]] static Outcome<void> retire_aside(const Target& target);
    std::vector<Target> targets_;
    uint64_t generation_ = 0;
};

}  // namespace xos
