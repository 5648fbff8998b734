// One thread beside the daemon's loop, for work that only computes: opening a bundle of a million members.
//
// Owns: the thread and its queue. Process: xosd. Trusts: its work to touch nothing that the loop touches. The
// thread is started with the first work, so that a small node has none, and takes no signal. Children that
// are forked meanwhile see memory and malloc in order (glibc sees to that); what they call of OpenSSL has
// been loaded before.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "common/event_loop.h"
#include "common/failure.h"
#include "libxos/unique_fd.h"

namespace xos {

class Background {
  public:
    using Work = std::function<Outcome<void>()>;
    using Done = std::function<void(Outcome<void>)>;

    explicit Background(EventLoop& loop) : loop_(loop) {}
    ~Background();  // waits for the work under way; no done is called
    Background(const Background&) = delete;
    Background& operator=(const Background&) = delete;

    // Runs work in the thread, after what was handed in before; done is called once, from the loop: with its
    // answer, or with Errc::timeout once limit has passed since this call. A thread cannot be ended: late
    // work goes on to its end, unheeded. What both share is held by both, as a shared_ptr.
    void run(std::string about, std::chrono::seconds limit, Work work, Done done);
    // Destroys what holds there, in the thread: a million records take their time.
    void drop(std::shared_ptr<const void> holds);

  private:
    struct Job {
        std::string about;
        Done done;
        EventSource deadline;
    };
    Outcome<void> start();
    void serve();
    void collect();
    void finish(uint64_t id, Outcome<void> outcome);

    EventLoop& loop_;
    std::map<uint64_t, Job> jobs_;  // the loop's
    uint64_t next_ = 1;
    UniqueFd wake_;
    EventSource on_wake_;

    std::mutex mutex_;  // of all below
    std::condition_variable more_;
    std::deque<std::pair<uint64_t, Work>> queue_;
    std::deque<std::pair<uint64_t, Outcome<void>>> ended_;
    bool stop_ = false;
    std::thread thread_;
};

}  // namespace xos
