// An authority with its state in a directory of its own.
#pragma once

#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <memory>

#include "cda/authority.h"
#include "common/registry/sqlite_registry.h"
#include "tests/unit/vo/sample_vo.h"

namespace xos {

struct TestAuthority {
    std::string path = "/tmp/xos-cda-test-XXXXXX";
    std::unique_ptr<SqliteRegistry> registry;
    std::unique_ptr<Authority> authority;

    TestAuthority() {
        REQUIRE(mkdtemp(path.data()) != nullptr);
        reopen();
    }
    ~TestAuthority() { std::filesystem::remove_all(path); }

    void reopen() {
        registry = must(SqliteRegistry::open(path + "/registry.sqlite"));
        authority = std::make_unique<Authority>(*registry, must(KeyDirectory::open(path)));
    }
    Authority* operator->() { return authority.get(); }
    Bundle bundle(const char* vo = "physics", std::chrono::sys_seconds now = kNow) {
        const std::string bytes = must(authority->export_bundle(vo, now));
        return must(open_bundle(bytes, must(authority->show_vo(vo)).fingerprint, now));
    }
};

}  // namespace xos
