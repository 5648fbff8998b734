// The state of a node in memory, and a VO that is alive now. Process: tests only.
#pragma once

#include <catch2/catch_test_macros.hpp>

#include "tests/unit/vo/sample_vo.h"
#include "xosd/trust/trust_store.h"

namespace xos::test {

inline std::chrono::sys_seconds now_seconds() {
    return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

inline SampleVo make_live_vo(const char* name = "physics") {
    SampleVo sample(name);
    sample.bundle.vo.not_before = now_seconds() - std::chrono::hours(1);
    sample.bundle.vo.not_after = now_seconds() + std::chrono::days(365);
    sample.bundle.issued = now_seconds() - std::chrono::minutes(1);
    sample.bundle.not_after = sample.bundle.issued + sample.bundle.vo.bundle_lifetime;
    sample.bundle.policy = R"([{"allow":["all"]}])";
    return sample;
}

struct NodeState {
    NodeState() {
        if (auto loaded = trust.load(); !loaded) FAIL(loaded.error().message);
    }

    EventLoop loop = must(EventLoop::create());
    Database database = must(Database::open(":memory:"));
    UidLedger ledger = must(UidLedger::open(database));
    NodeConfig config;
    TrustStore trust{loop, database, ledger, config};
};

}  // namespace xos::test
