// A small snapshot and a directory of its own, for the tests of accounts files and of the NSS module.
#pragma once

#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <format>
#include <string>
#include <vector>

#include "xosd/identity/accounts_writer.h"

namespace xos::sample {

inline constexpr uint32_t kPhysics = 0x70000000, kBio = 0x70100000;
inline constexpr uint32_t kAnalysis = kPhysics + (3u << 18) + 1, kMembers = kPhysics + (3u << 18);

inline AccountEntry account(const std::string& user, const std::string& vo, uint32_t uid) {
    return {.name = user + "@" + vo,
            .uid = uid,
            .gid = uid,
            .gecos = "User " + user,
            .home = "/home/" + vo + "/" + user,
            .shell = "/bin/sh"};
}

// user1 to usercount of physics, one user of bio; analysis@physics has user1 and user3.
inline AccountsSnapshot snapshot(uint32_t count = 5) {
    AccountsSnapshot all{.vos = {{"physics", kPhysics, 1u << 20}, {"bio", kBio, 1u << 20}}};
    GroupEntry members{.name = "members@physics", .gid = kMembers};
    for (uint32_t i = 1; i <= count; ++i) {
        all.accounts.push_back(account("user" + std::to_string(i), "physics", kPhysics + i));
        members.members.push_back(all.accounts.back().name);
    }
    all.accounts.push_back(account("ann", "bio", kBio + 1));
    all.groups = {
        std::move(members),
        {.name = "analysis@physics", .gid = kAnalysis, .members = {"user3@physics", "user1@physics"}}};
    return all;
}

class TempDir {
  public:
    TempDir() {
        char name[] = "/tmp/xos-test.XXXXXX";
        if (mkdtemp(name) == nullptr) std::abort();
        path_ = name;
    }
    ~TempDir() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;
    [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }
    [[nodiscard]] const std::string& path() const { return path_; }

  private:
    std::string path_;
};

}  // namespace xos::sample
