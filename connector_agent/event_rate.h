// Do events come so fast that waiting a little for more of them saves more than it delays?
//
// Owns: a count over a short window. Process: the agent. Pure: the caller reads the clock.
#pragma once

#include <cstddef>
#include <cstdint>

namespace xos {

class EventRate {
  public:
    void add(size_t events, uint64_t now_ns) {
        events_ += events;
        if (now_ns - since_ns_ < kWindowNs) return;
        busy_ = events_ >= kBusyEvents;
        events_ = 0;
        since_ns_ = now_ns;
    }
    bool busy() const { return busy_; }

  private:
    static constexpr uint64_t kWindowNs = 5'000'000;
    static constexpr size_t kBusyEvents = 16;  // in a window: some 1,000 short processes a second
    size_t events_ = 0;
    uint64_t since_ns_ = 0;
    bool busy_ = false;
};

}  // namespace xos
