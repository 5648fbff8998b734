#include "xosd/operation_watch.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <optional>

using namespace xos;
using namespace std::chrono_literals;

namespace {

struct Fixture {
    EventLoop loop = *EventLoop::create();
    std::optional<OperationSet> operations{loop};
    std::vector<std::string> answers;

    void run(const std::function<Outcome<std::string>()>& work, std::chrono::seconds limit = 10s) {
        operations->run("work", limit, work, [this](const Outcome<std::string>& answer) {
            answers.push_back(answer ? *answer : "failed: " + answer.error().message);
        });
    }
    void wait(size_t count) {
        for (int i = 0; i < 100 && answers.size() < count; ++i) sd_event_run(loop.get(), 100'000);
        REQUIRE(answers.size() == count);
    }
    static bool has_children() { return waitpid(-1, nullptr, WNOHANG) >= 0 || errno != ECHILD; }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "work is done in a child and answered once, from the loop") {
    const pid_t self = getpid();
    run([self]() -> Outcome<std::string> { return getpid() == self ? "here" : "in a child"; });
    run([]() -> Outcome<std::string> { return failure(Errc::conflict, "no"); });
    CHECK(answers.empty());
    wait(2);
    std::ranges::sort(answers);  // the two children race
    CHECK(answers == std::vector<std::string>{"failed: no", "in a child"});
    CHECK_FALSE(has_children());
}

TEST_CASE_METHOD(Fixture, "a child that dies without an answer is a failure that says so") {
    run([]() -> Outcome<std::string> { _exit(0); });
    wait(1);
    CHECK(answers[0] == "failed: work failed: its process died before it answered");
}

TEST_CASE_METHOD(Fixture, "past its deadline work is stopped") {
    const auto begun = std::chrono::steady_clock::now();
    run(
        []() -> Outcome<std::string> {
            pause();
            return "";
        },
        1s);
    wait(1);
    CHECK(answers[0] == "failed: work took too long and was stopped");
    CHECK(std::chrono::steady_clock::now() - begun < 8s);
    CHECK_FALSE(has_children());
}

TEST_CASE_METHOD(Fixture, "an answer may begin more work") {
    operations->run(
        "first", 10s, []() -> Outcome<std::string> { return "first"; },
        [this](const Outcome<std::string>& first) {
            answers.push_back(*first);
            run([]() -> Outcome<std::string> { return "second"; });
        });
    wait(2);
    CHECK(answers == std::vector<std::string>{"first", "second"});
}

TEST_CASE_METHOD(Fixture, "what is dropped is killed and never answered") {
    run([]() -> Outcome<std::string> {
        pause();
        return "";
    });
    operations.reset();
    CHECK_FALSE(has_children());
    sd_event_run(loop.get(), 10'000);
    CHECK(answers.empty());
}
