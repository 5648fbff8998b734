#include "common/event_loop.h"

#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <stdexcept>

#include "libxos/unique_fd.h"

using namespace xos;
using namespace std::chrono_literals;

namespace {

struct Pipe {
    UniqueFd out, in;
    Pipe() {
        int ends[2];
        REQUIRE(pipe(ends) == 0);
        out.reset(ends[0]);
        in.reset(ends[1]);
        REQUIRE(write(in.get(), "x", 1) == 1);
    }
};

struct Fixture {
    EventLoop loop = *EventLoop::create();
    Pipe pipe;
    int calls = 0;
    void turn() { sd_event_run(loop.get(), 100'000); }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "a source calls as long as it is there") {
    auto source = loop.watch_fd(pipe.out.get(), EPOLLIN, [this](uint32_t events) {
        CHECK(events == EPOLLIN);
        ++calls;
    });
    REQUIRE(source);
    turn();
    turn();
    CHECK(calls == 2);
    EventSource moved = *std::move(source);
    turn();
    CHECK(calls == 3);
    moved = {};
    CHECK_FALSE(moved);
    turn();
    CHECK(calls == 3);
}

TEST_CASE_METHOD(Fixture, "a callback may end its own source, and goes on with what it holds") {
    EventSource source;
    auto held = std::make_shared<int>(7);
    const std::weak_ptr<int> seen = held;
    source = *loop.watch_fd(pipe.out.get(), EPOLLIN, [this, &source, held = std::move(held)](uint32_t) {
        source = {};
        calls += *held;
    });
    turn();
    turn();
    CHECK(calls == 7);
    CHECK(seen.expired());
}

TEST_CASE_METHOD(Fixture, "a callback may put another source in its place") {
    EventSource source;
    source = *loop.watch_fd(pipe.out.get(), EPOLLIN, [&](uint32_t) {
        source = {};  // epoll takes a descriptor once
        source = *loop.watch_fd(pipe.out.get(), EPOLLIN, [&](uint32_t) {
            calls += 10;
            source = {};
        });
        ++calls;
    });
    turn();
    turn();
    turn();
    CHECK(calls == 11);
}

TEST_CASE_METHOD(Fixture, "an exception drops one event, not the source") {
    auto source = loop.watch_fd(pipe.out.get(), EPOLLIN, [this](uint32_t) {
        if (++calls == 1) throw std::runtime_error("once");
    });
    turn();
    turn();
    CHECK(calls == 2);
}

TEST_CASE_METHOD(Fixture, "a timer calls once") {
    auto timer = loop.after(1ms, [this] { ++calls; });
    auto past = loop.after(-5s, [this] { calls += 10; });
    REQUIRE(timer);
    REQUIRE(past);
    for (int i = 0; i < 5; ++i) sd_event_run(loop.get(), 5'000);
    CHECK(calls == 11);
}

TEST_CASE_METHOD(Fixture, "a signal is an event, and stop ends the loop") {
    auto source = loop.watch_signal(SIGUSR1, [this] { loop.stop(3); });
    REQUIRE(source);
    REQUIRE(kill(getpid(), SIGUSR1) == 0);
    CHECK(*loop.run() == 3);
}

TEST_CASE_METHOD(Fixture, "what cannot be watched is said") {
    CHECK_FALSE(loop.watch_fd(-1, EPOLLIN, [](uint32_t) {}));
}
