#include "common/tracking/agent_protocol.h"

#include <catch2/catch_test_macros.hpp>
#include <string>

using namespace xos;

TEST_CASE("every agent message survives its own bytes") {
    const Bind bind{.serial = 7,
                    .slot = 3,
                    .cgroup_id = 1ULL << 40,
                    .main_pid = 99,
                    .restored = true,
                    .job = "j",
                    .path = "/a"};
    const auto parsed = parse_agent_message(encode_agent_message(BindingState{
        .binding = bind, .main_ended = true, .main_status = 9, .alive = 4, .counters = {.passed = 12}}));
    REQUIRE(parsed);
    const auto& state = std::get<BindingState>(*parsed);
    CHECK(state.binding.cgroup_id == 1ULL << 40);
    CHECK(state.binding.job == "j");
    CHECK(state.main_status == 9);
    CHECK(state.counters.passed == 12);
    const ProcessInfo info{
        .pid = 5, .state = 'S', .exit_status = {}, .comm = "x", .command_line = std::string(5000, 'a')};
    const auto page = parse_agent_message(encode_agent_message(SnapshotPage{.processes = {info, info}}));
    REQUIRE(page);
    CHECK(std::get<SnapshotPage>(*page).processes.at(1).command_line.size() == kCommandLineMax);
    CHECK_FALSE(std::get<SnapshotPage>(*page).processes.at(0).exit_status);
}

TEST_CASE("a full snapshot page fits into one message") {
    ProcessInfo info;
    info.comm.assign(kCommMax, 'c');
    info.command_line.assign(kCommandLineMax, 'l');
    const SnapshotPage page{.processes = std::vector<ProcessInfo>(kSnapshotPageMax, info)};
    CHECK(encode_agent_message(page).size() <= kAgentMessageMax);
}

TEST_CASE("no bytes but a message's own are a message") {
    const auto whole = encode_agent_message(Bind{.serial = 1, .job = "job", .path = "/p"});
    for (size_t size = 0; size < whole.size(); ++size)
        CHECK_FALSE(parse_agent_message(std::span(whole).first(size)));
    auto longer = whole;
    longer.push_back(std::byte{0});
    CHECK_FALSE(parse_agent_message(longer));
    auto unknown = whole;
    unknown[0] = std::byte{200};
    CHECK_FALSE(parse_agent_message(unknown));
    auto lying = encode_agent_message(Lost{.serial = 1});
    lying[4] = std::byte{77};  // no such reason
    CHECK_FALSE(parse_agent_message(lying));
    CHECK_FALSE(parse_agent_message(std::vector<std::byte>(kAgentMessageMax + 1)));
}
