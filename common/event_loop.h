// The event loop of a daemon: sd-event with C++ ownership.
//
// Owns: sd_event and its sources. Process: programs only, one loop a thread.
// Trusts: its callbacks not to block. An exception that leaves a callback is logged and that event is
// dropped.
#pragma once

#include <systemd/sd-event.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include "common/failure.h"

namespace xos {

// A registered interest; destroying it ends it. The callback may destroy its own source.
class EventSource {
  public:
    struct State;
    EventSource();
    explicit EventSource(std::unique_ptr<State> state);
    EventSource(EventSource&&) noexcept;
    EventSource& operator=(EventSource&&) noexcept;
    ~EventSource();
    explicit operator bool() const { return state_ != nullptr; }

  private:
    std::unique_ptr<State> state_;
};

class EventLoop {
  public:
    static Outcome<EventLoop> create();
    EventLoop(EventLoop&&) = default;

    sd_event* get() const { return event_.get(); }

    // fd stays the caller's and must outlive the source; events is a mask of epoll(7).
    Outcome<EventSource> watch_fd(int fd, uint32_t events, std::function<void(uint32_t)> callback);
    // Once, after delay on CLOCK_MONOTONIC.
    Outcome<EventSource> after(std::chrono::microseconds delay, std::function<void()> callback);
    // signo is blocked for the whole process from here on.
    Outcome<EventSource> watch_signal(int signo, std::function<void()> callback);

    // Until stop(); the value given there.
    Outcome<int> run();
    void stop(int value);

  private:
    struct Unref {
        void operator()(sd_event* event) const { sd_event_unref(event); }
    };
    explicit EventLoop(sd_event* event) : event_(event) {}
    std::unique_ptr<sd_event, Unref> event_;
};

}  // namespace xos
