// A kernel that tells no process events any more, because somebody's words to it unbalanced its count of
// listeners.
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <utility>

#include "tests/unit/tracking/require_kernel.h"
#include "tests/unit/tracking/tracking_node.h"
#include "xosd/tracking/proc_connector_socket.h"

using namespace xos;
using namespace xos::test;

namespace {

// A message as a program of any user may send it: on 6.12 pairs of these take away a listener's count.
void send_raw(int fd, uint32_t operation, bool whole) {
    struct {
        nlmsghdr netlink;
        alignas(4) char connector[sizeof(cn_msg)];
        alignas(4) uint32_t operation;
    } request{};
    request.netlink.nlmsg_len = sizeof request;
    request.netlink.nlmsg_type = NLMSG_DONE;
    request.operation = operation;
    cn_msg head{};
    head.id = {.idx = CN_IDX_PROC, .val = CN_VAL_PROC};
    head.len = whole ? sizeof request.operation : 1;
    std::memcpy(request.connector, &head, sizeof head);
    CHECK(send(fd, &request, sizeof request, 0) == static_cast<ssize_t>(sizeof request));
}

}  // namespace

TEST_CASE("a kernel that was made silent is found out and made to speak") {
    require_kernel();
    TrackingNode node;
    const JobCgroup job = node.make_job("silent");
    const pid_t agent = node.client().agent_pid();
    const pid_t quiet = spawn_in(job, wait_for_signal);
    REQUIRE(node.run_until([&] { return node.settled("silent").processes.size() == 1; }));
    // the listener's own withdrawal, by the socket that agent and xosd share: the count is at zero
    for (const UniqueFd& fd : node.keep())
        if (int domain = 0, size = sizeof domain;
            getsockopt(fd.get(), SOL_SOCKET, SO_DOMAIN, &domain, reinterpret_cast<socklen_t*>(&size)) == 0 &&
            domain == AF_NETLINK)
            ignore_proc_connector(fd.get());
    const pid_t unseen = spawn_in(job, [] { return run_storm(5); });
    CHECK(reap(unseen) == 0);
    REQUIRE(node.run_until([&] {
        return std::ranges::any_of(node.seen().lost, [](const auto& loss) {
            return loss.second.reason == LossReason::silence && !loss.second.number_known;
        });
    }));
    CHECK(node.client().agent_pid() == agent);
    const uint64_t before = node.settled("silent").counters.received;
    const pid_t seen = spawn_in(job, [] { return run_storm(10); });
    CHECK(reap(seen) == 0);
    REQUIRE(node.run_until([&] { return node.settled("silent").counters.received == before + 31; }));
    REQUIRE(job.kill());
    reap(quiet);
}

TEST_CASE("what anybody may send to the connector does not silence it for long") {
    require_kernel();
    TrackingNode node;
    const JobCgroup job = node.make_job("attacked");
    const pid_t attacker = fork();
    REQUIRE(attacker >= 0);
    if (attacker == 0) {
        if (setgid(65534) != 0 || setuid(65534) != 0) _exit(1);
        for (int i = 0; i < 3; ++i) {
            const int fd = socket(AF_NETLINK, SOCK_DGRAM, NETLINK_CONNECTOR);
            sockaddr_nl group{.nl_family = AF_NETLINK, .nl_groups = CN_IDX_PROC};
            if (bind(fd, reinterpret_cast<sockaddr*>(&group), sizeof group) != 0) _exit(2);
            send_raw(fd, PROC_CN_MCAST_LISTEN, true);
            for (int twice = 0; twice < 2; ++twice) {
                send_raw(fd, 77, true);
                send_raw(fd, PROC_CN_MCAST_IGNORE, true);
            }
        }
        _exit(0);
    }
    CHECK(reap(attacker) == 0);
    uint64_t seen = 0;
    REQUIRE(node.run_until([&] {
        const pid_t storm = spawn_in(job, [] { return run_storm(5); });
        reap(storm);
        const uint64_t before = std::exchange(seen, node.settled("attacked").counters.exits);
        return seen >= before + 6;
    }));
    REQUIRE(job.kill());
}
