#include "xosd/session/refused_connections.h"

#include "tests/unit/session/session_node.h"

using namespace xos;
using namespace xos::test;

namespace {

struct Fixture {
    EventLoop loop = must(EventLoop::create());
    RefusedConnections refused{loop};
    bool run_until(const std::function<bool()>& done) { return test::run_until(loop, done); }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "a connection that stays after its refusal is ended") {
    SessionProcess listens, deaf([] { signal(SIGTERM, SIG_IGN); });
    refused.add(listens.pidfd());
    refused.add(deaf.pidfd());
    refused.add(UniqueFd());  // went before it was asked for
    CHECK_FALSE(listens.has_ended());
    CHECK(run_until([&] { return listens.has_ended() && deaf.has_ended(); }));
}

TEST_CASE_METHOD(Fixture, "one that ended by itself is forgotten") {
    SessionProcess gone, stays;
    refused.add(gone.pidfd());
    gone.end();
    const auto until = std::chrono::steady_clock::now() + kRefusalGrace + std::chrono::milliseconds(200);
    CHECK(run_until([&] { return std::chrono::steady_clock::now() > until; }));
    CHECK_FALSE(stays.has_ended());
}
