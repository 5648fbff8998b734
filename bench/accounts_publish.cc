// What it takes until a change is published: one member in place, and all of them as a new file.
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <random>
#include <thread>

#include "bench/accounts.h"
#include "libxos/accounts_source.h"
#include "libxos/names.h"
#include "xosd/identity/accounts_editor.h"

namespace xos::bench {
namespace {

using Clock = std::chrono::steady_clock;
using Nanoseconds = std::chrono::duration<double, std::nano>;

constexpr size_t kChanges = 200;                                         // of one turn
constexpr double kPublishMax = 5e3, kVisibleMax = 1e6, kBuildMax = 3e9;  // nanoseconds

// The published file, changed one member after the other.
class Changes {
  public:
    explicit Changes(const Population& population) : population_(population) { open(); }
    // A member gets another full name, mark in figures; when that began and ended.
    struct Times {
        Clock::time_point begun, ended;
    };
    Outcome<Times> make(uint32_t index, uint64_t mark) {
        AccountsChange change;
        AccountEntry entry = population_.snapshot.accounts[index];
        entry.gecos = std::to_string(mark);
        const auto user = map_user(entry.uid);
        if (!user) return std::unexpected(user.error());
        change.accounts.push_back({std::move(entry), *user});
        for (int attempt = 0; attempt < 2; ++attempt) {
            const auto begun = Clock::now();
            const Outcome<void> applied = editor_->apply(change);
            const auto ended = Clock::now();
            if (applied) return Times{begun, ended};
            if (applied.error().code != Errc::too_small) return std::unexpected(applied.error());
            renew();
        }
        return failure(Errc::too_small, "a new file has no room for a change");
    }

  private:
    Outcome<std::vector<uint32_t>> map_user(uint32_t uid) const {
        const auto accounts = pin_accounts();
        if (!accounts) return failure(Errc::unavailable, "no accounts file");
        const auto user = accounts->find_user(uid);
        if (!user) return failure(Errc::not_found, "uid {} is not there", uid);
        return std::vector<uint32_t>(user->groups, user->groups + user->group_count);
    }
    void open() {
        auto opened = AccountsEditor::open(kAccountsFile, "");
        if (!opened) die(opened.error().message);
        editor_ = *std::move(opened);
    }
    void renew() {
        editor_.reset();
        auto writer = AccountsWriter::open(kAccountsFile, "");
        if (!writer || !writer->replace(population_.snapshot)) die("the accounts file cannot be renewed");
        open();
    }
    const Population& population_;
    std::unique_ptr<AccountsEditor> editor_;
};

double percentile(std::vector<double> values, double part) {
    const auto at = values.begin() + static_cast<ptrdiff_t>(part * static_cast<double>(values.size() - 1));
    std::ranges::nth_element(values, at);
    return *at;
}

// A thread that looks one user up, over and over, as any process would, and says when it sees a mark.
class Watcher {
  public:
    Watcher() : thread_([this](const std::stop_token& stop) { watch(stop); }) {}
    void begin(uint32_t uid, uint64_t mark) {
        uid_ = uid;
        wanted_.store(mark, std::memory_order_release);
        while (ready_.load(std::memory_order_acquire) != mark) std::this_thread::yield();
    }
    Clock::time_point wait(uint64_t mark) {
        while (seen_.load(std::memory_order_acquire) != mark) std::this_thread::yield();
        return when_;
    }

  private:
    void watch(const std::stop_token& stop) {
        uint64_t done = 0;
        while (!stop.stop_requested()) {
            const uint64_t mark = wanted_.load(std::memory_order_acquire);
            if (mark == done) continue;
            ready_.store(mark, std::memory_order_release);
            const std::string text = std::to_string(mark);
            for (bool seen = false; !seen && !stop.stop_requested();) {
                const auto accounts = pin_accounts();
                const auto user = accounts ? accounts->find_user(uid_) : std::unexpected(accounts.error());
                seen = user && user->gecos == text;
            }
            when_ = Clock::now();
            done = mark;
            seen_.store(mark, std::memory_order_release);
        }
    }
    uint32_t uid_ = 0;
    Clock::time_point when_;
    std::atomic<uint64_t> wanted_{0}, ready_{0}, seen_{0};
    std::jthread thread_;  // last: it uses all above
};

Turn time_changes(Changes& changes, size_t users) {
    return [&changes, users, random = std::mt19937(4)]() mutable -> Outcome<double> {
        std::vector<double> times;
        for (size_t i = 0; i < kChanges; ++i) {
            const auto made = changes.make(static_cast<uint32_t>(random() % users), random());
            if (!made) return std::unexpected(made.error());
            times.push_back(Nanoseconds(made->ended - made->begun).count());
        }
        return median(std::move(times));
    };
}

// The 99th of 100 waits from the beginning of a change until another thread sees it.
Turn time_visibility(Changes& changes, Watcher& watcher, const Population& population) {
    return [&, mark = uint64_t{1} << 40, random = std::mt19937(5)]() mutable -> Outcome<double> {
        std::vector<double> times;
        for (size_t i = 0; i < kChanges; ++i) {
            const auto index = static_cast<uint32_t>(random() % population.snapshot.accounts.size());
            watcher.begin(population.snapshot.accounts[index].uid, ++mark);
            const auto made = changes.make(index, mark);
            if (!made) return std::unexpected(made.error());
            times.push_back(Nanoseconds(watcher.wait(mark) - made->begun).count());
        }
        return percentile(std::move(times), 0.99);
    };
}

}  // namespace

void publish_accounts(const Population& population, Report& report) {
    const size_t users = population.snapshot.accounts.size();
    Contest whole("all published, a new file", users);
    whole.add("xos", [&]() -> Outcome<double> {
        const auto start = Clock::now();
        auto writer = AccountsWriter::open(kAccountsFile, "");
        if (!writer) return std::unexpected(writer.error());
        if (const Outcome<void> done = writer->replace(population.snapshot); !done)
            return std::unexpected(done.error());
        return Nanoseconds(Clock::now() - start).count();
    });
    whole.run(3);
    report.state(whole, "xos", kBuildMax);
}

void measure_changes(const Population& population, Report& report) {
    Changes changes(population);
    Watcher watcher;
    Contest one("one member published", population.snapshot.accounts.size());
    one.add("the writer's step", time_changes(changes, population.snapshot.accounts.size()));
    one.run(9);
    report.state(one, "the writer's step", kPublishMax);
    Contest visible("until another thread sees it, p99", population.snapshot.accounts.size());
    visible.add("xos", time_visibility(changes, watcher, population));
    visible.run(9);
    report.state(visible, "xos", kVisibleMax);
}

}  // namespace xos::bench
