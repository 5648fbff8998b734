// How often somebody may ask: a bucket of tokens for each name, filled again with time.
//
// Owns: the buckets. Pure; the time is handed in. Process: xos-cda serve. Trusts: nothing; how many names it
// remembers is bounded, and where all are in use a new one is refused.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <unordered_map>

namespace xos {

class RateLimit {
  public:
    using Time = std::chrono::steady_clock::time_point;
    // burst tokens at once, then one in each interval; at most names buckets that are not full.
    RateLimit(uint32_t burst, std::chrono::milliseconds interval, size_t names = 65536)
        : burst_(burst), interval_(interval), names_(names) {}

    // Takes a token of name; false where there is none.
    bool take(std::string_view name, Time now);
    // Whether take() would have one.
    bool has(std::string_view name, Time now) const;

  private:
    struct Bucket {
        Time full;  // when it is full again: each token that is taken moves this by an interval
    };
    std::chrono::milliseconds missing(const Bucket& bucket, Time now) const;
    void forget_full(Time now);

    uint32_t burst_;
    std::chrono::milliseconds interval_;
    size_t names_;
    Time next_look_{};
    std::unordered_map<std::string, Bucket> buckets_;
};

// Whom an address stands for: an IPv4 address itself, of an IPv6 address the /64 network, which one host has
// whole.
std::string limit_name(std::string_view address);

}  // namespace xos
