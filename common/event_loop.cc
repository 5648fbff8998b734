#include "common/event_loop.h"

#include <csignal>
#include <exception>

#include "common/log.h"

namespace xos {

struct EventSource::State {
    sd_event_source* source = nullptr;
    std::function<void(uint32_t)> callback;
    // set while the callback runs, so that a callback which destroys its source does not destroy itself
    bool* destroyed = nullptr;

    ~State() {
        if (destroyed != nullptr) *destroyed = true;
        sd_event_source_disable_unref(source);
    }
};

EventSource::EventSource() = default;
EventSource::EventSource(std::unique_ptr<State> state) : state_(std::move(state)) {}
EventSource::EventSource(EventSource&&) noexcept = default;
EventSource& EventSource::operator=(EventSource&&) noexcept = default;
EventSource::~EventSource() = default;

namespace {

int dispatch(EventSource::State& state, uint32_t events) {
    bool destroyed = false;
    state.destroyed = &destroyed;
    // moved out for the call: the State may be gone when it returns
    auto callback = std::move(state.callback);
    try {
        callback(events);
    } catch (const std::exception& error) {
        log(Level::error, "event dropped", {{"reason", error.what()}});
    }
    if (!destroyed) {
        state.callback = std::move(callback);
        state.destroyed = nullptr;
    }
    return 0;
}

int on_io(sd_event_source*, int, uint32_t events, void* data) {
    return dispatch(*static_cast<EventSource::State*>(data), events);
}
int on_time(sd_event_source*, uint64_t, void* data) {
    return dispatch(*static_cast<EventSource::State*>(data), 0);
}
int on_signal(sd_event_source*, const signalfd_siginfo*, void* data) {
    return dispatch(*static_cast<EventSource::State*>(data), 0);
}

}  // namespace

Outcome<EventLoop> EventLoop::create() {
    sd_event* event = nullptr;
    if (const int r = sd_event_new(&event); r < 0) return failure_errno(-r, "cannot make the event loop");
    return EventLoop(event);
}

Outcome<EventSource> EventLoop::watch_fd(int fd, uint32_t events, std::function<void(uint32_t)> callback) {
    auto state = std::make_unique<EventSource::State>();
    state->callback = std::move(callback);
    if (const int r = sd_event_add_io(get(), &state->source, fd, events, on_io, state.get()); r < 0)
        return failure_errno(-r, "cannot watch a descriptor");
    return EventSource(std::move(state));
}

Outcome<EventSource> EventLoop::after(std::chrono::microseconds delay, std::function<void()> callback) {
    auto state = std::make_unique<EventSource::State>();
    state->callback = [inner = std::move(callback)](uint32_t) { inner(); };
    const auto usec = static_cast<uint64_t>(delay.count() < 0 ? 0 : delay.count());
    const int r =
        sd_event_add_time_relative(get(), &state->source, CLOCK_MONOTONIC, usec, 1000, on_time, state.get());
    if (r < 0) return failure_errno(-r, "cannot set a timer");
    return EventSource(std::move(state));
}

Outcome<EventSource> EventLoop::watch_signal(int signo, std::function<void()> callback) {
    auto state = std::make_unique<EventSource::State>();
    state->callback = [inner = std::move(callback)](uint32_t) { inner(); };
    const int r =
        sd_event_add_signal(get(), &state->source, signo | SD_EVENT_SIGNAL_PROCMASK, on_signal, state.get());
    if (r < 0) return failure_errno(-r, "cannot watch signal {}", signo);
    return EventSource(std::move(state));
}

Outcome<int> EventLoop::run() {
    const int r = sd_event_loop(get());
    if (r < 0) return failure_errno(-r, "the event loop failed");
    return r;
}

void EventLoop::stop(int value) {
    sd_event_exit(get(), value);
}

}  // namespace xos
