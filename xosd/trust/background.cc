#include "xosd/trust/background.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <csignal>
#include <system_error>

namespace xos {

Background::~Background() {
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
    }
    more_.notify_one();
    if (thread_.joinable()) thread_.join();
}

Outcome<void> Background::start() {
    if (thread_.joinable()) return {};
    wake_.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!wake_) return failure_errno(errno, "cannot make an event descriptor");
    auto watched = loop_.watch_fd(wake_.get(), EPOLLIN, [this](uint32_t) { collect(); });
    if (!watched) return std::unexpected(watched.error());
    on_wake_ = *std::move(watched);
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    Outcome<void> started;
    try {
        thread_ = std::thread([this] { serve(); });
    } catch (const std::system_error& error) {
        started = failure(Errc::unavailable, "cannot start a thread: {}", error.what());
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return started;
}

void Background::run(std::string about, std::chrono::seconds limit, Work work, Done done) {
    const uint64_t id = next_++;
    if (auto started = start(); !started) return done(std::unexpected(started.error()));
    auto deadline = loop_.after(limit, [this, id] {
        const auto job = jobs_.find(id);
        if (job != jobs_.end())
            finish(id, failure(Errc::timeout, "{} takes too long; it is not waited for", job->second.about));
    });
    if (!deadline) return done(std::unexpected(deadline.error()));
    jobs_[id] = {std::move(about), std::move(done), *std::move(deadline)};
    {
        const std::lock_guard lock(mutex_);
        queue_.emplace_back(id, std::move(work));
    }
    more_.notify_one();
}

void Background::drop(std::shared_ptr<const void> holds) {
    if (!thread_.joinable()) return;
    {
        const std::lock_guard lock(mutex_);
        queue_.emplace_back(0, [holds = std::move(holds)]() mutable -> Outcome<void> {
            holds.reset();
            return {};
        });
    }
    more_.notify_one();
}

void Background::serve() {
    std::unique_lock lock(mutex_);
    for (;;) {
        more_.wait(lock, [this] { return stop_ || !queue_.empty(); });
        if (stop_) return;
        auto [id, work] = std::move(queue_.front());
        queue_.pop_front();
        lock.unlock();
        Outcome<void> outcome;
        try {
            outcome = work();
        } catch (const std::exception& error) {
            outcome = failure(Errc::system, "{}", error.what());
        }
        work = nullptr;  // what it held goes here, not in the loop
        lock.lock();
        if (id == 0) continue;
        ended_.emplace_back(id, std::move(outcome));
        const uint64_t one = 1;
        [[maybe_unused]] const auto written = write(wake_.get(), &one, sizeof one);
    }
}

void Background::collect() {
    uint64_t count = 0;
    [[maybe_unused]] const auto got = read(wake_.get(), &count, sizeof count);
    std::deque<std::pair<uint64_t, Outcome<void>>> ended;
    {
        const std::lock_guard lock(mutex_);
        ended.swap(ended_);
    }
    for (auto& [id, outcome] : ended) finish(id, std::move(outcome));
}

void Background::finish(uint64_t id, Outcome<void> outcome) {
    const auto job = jobs_.extract(id);
    if (!job.empty()) job.mapped().done(std::move(outcome));
}

}  // namespace xos
