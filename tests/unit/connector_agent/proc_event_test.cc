#include "connector_agent/proc_event.h"

#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>

#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <vector>

using namespace xos;

namespace {

// A message as the kernel lays it out.
std::vector<std::byte> make_message(const proc_event& event) {
    std::vector<std::byte> bytes(sizeof(nlmsghdr) + sizeof(cn_msg) + sizeof event);
    nlmsghdr head{};
    head.nlmsg_len = static_cast<uint32_t>(bytes.size());
    head.nlmsg_type = NLMSG_DONE;
    cn_msg connector{};
    connector.id = {.idx = CN_IDX_PROC, .val = CN_VAL_PROC};
    connector.seq = 41;
    connector.len = sizeof event;
    std::memcpy(bytes.data(), &head, sizeof head);
    std::memcpy(bytes.data() + sizeof head, &connector, sizeof connector);
    std::memcpy(bytes.data() + sizeof head + sizeof connector, &event, sizeof event);
    return bytes;
}

proc_event make_exit() {
    proc_event event{};
    event.what = PROC_EVENT_EXIT;
    event.cpu = 3;
    event.timestamp_ns = 123456789;
    event.event_data.exit.process_pid = 70;
    event.event_data.exit.process_tgid = 60;
    event.event_data.exit.exit_code = 0x4d00;
    return event;
}

}  // namespace

TEST_CASE("the kernel's messages become events") {
    const auto exit = parse_proc_event(make_message(make_exit()));
    REQUIRE(exit);
    CHECK(exit->kind == ProcEventKind::exit);
    CHECK(exit->pid == 70);
    CHECK(exit->tgid == 60);
    CHECK(exit->status == 0x4d00);
    CHECK(exit->cpu == 3);
    CHECK(exit->sequence == 41);
    CHECK(exit->timestamp_ns == 123456789);
    proc_event fork{};
    fork.what = PROC_EVENT_FORK;
    fork.event_data.fork = {.parent_pid = 1, .parent_tgid = 2, .child_pid = 3, .child_tgid = 4};
    const auto forked = parse_proc_event(make_message(fork));
    REQUIRE(forked);
    CHECK(forked->parent_tgid == 2);
    CHECK(forked->pid == 3);
    CHECK(forked->tgid == 4);
    proc_event ack{};
    CHECK(parse_proc_event(make_message(ack))->kind == ProcEventKind::other);
}

TEST_CASE("bytes that are not whole are no event") {
    const auto whole = make_message(make_exit());
    for (size_t size = 0; size < whole.size(); ++size) {
        std::vector<std::byte> cut(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size));
        CHECK_FALSE(parse_proc_event(cut));
    }
    auto other = whole;
    other[sizeof(nlmsghdr)] = std::byte{9};  // another connector user
    CHECK_FALSE(parse_proc_event(other));
    auto longer = whole;
    longer[0] = std::byte{0xff};
    CHECK_FALSE(parse_proc_event(longer));
    proc_event nobody = make_exit();
    nobody.event_data.exit.process_tgid = -1;
    CHECK_FALSE(parse_proc_event(make_message(nobody)));
}
