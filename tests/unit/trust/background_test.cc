#include "xosd/trust/background.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <csignal>

using namespace xos;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("work is done beside the loop, in order, and answers in it") {
    EventLoop loop = *EventLoop::create();
    Background background(loop);
    std::vector<int> order;
    const auto loop_thread = std::this_thread::get_id();
    for (int i = 0; i < 3; ++i)
        background.run(
            "a test", 10s,
            [i, loop_thread]() -> Outcome<void> {
                if (std::this_thread::get_id() == loop_thread) return failure(Errc::system, "in the loop");
                sigset_t blocked;
                pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
                if (sigismember(&blocked, SIGTERM) != 1) return failure(Errc::system, "takes signals");
                if (i == 1) return failure(Errc::invalid, "one");
                if (i == 2) throw std::runtime_error("two");
                return {};
            },
            [&, i](Outcome<void> done) {
                CHECK(std::this_thread::get_id() == loop_thread);
                order.push_back(i);
                CHECK((done ? "" : done.error().message) ==
                      std::array{"", "one", "two"}[static_cast<size_t>(i)]);
            });
    while (order.size() < 3) sd_event_run(loop.get(), UINT64_MAX);
    CHECK(order == std::vector{0, 1, 2});
}

TEST_CASE("late work is not waited for, and its answer not heeded") {
    EventLoop loop = *EventLoop::create();
    Background background(loop);
    int answers = 0;
    std::string said;
    background.run(
        "a nap", 1s,
        []() -> Outcome<void> {
            std::this_thread::sleep_for(1500ms);
            return {};
        },
        [&](Outcome<void> done) {
            ++answers;
            said = done ? "" : done.error().message;
        });
    bool second = false;
    background.run("more", 10s, []() -> Outcome<void> { return {}; }, [&](Outcome<void>) { second = true; });
    while (!second) sd_event_run(loop.get(), UINT64_MAX);
    CHECK(answers == 1);
    CHECK_THAT(said, ContainsSubstring("a nap takes too long"));
}
