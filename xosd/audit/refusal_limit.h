// How many refusals are recorded: what strangers can cause must neither fill the disk nor push the rest out.
//
// Owns: for each event, how much may still be recorded, and what was left out. Pure; the time is handed in.
// Process: xosd. Trusts: nothing.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>

#include "common/audit/audit_record.h"

namespace xos {

class RefusalLimit {
  public:
    using Time = std::chrono::steady_clock::time_point;

    // Of each event: this many at once, then so many a second; this many bytes at once, then as many a day.
    static constexpr uint64_t kBurst = 200, kPerSecond = 20;
    static constexpr uint64_t kBytesPerDay = 2 * 1024 * 1024;
    // Left-out refusals are told no sooner than this after the first of them.
    static constexpr std::chrono::seconds kTellAfter{60};

    // Whether a refusal of this many bytes is to be recorded; one that is not is counted.
    bool admit(AuditEvent event, size_t bytes, Time now);
    // How many were left out, once kTellAfter has passed (or, at the end, at once); 0 for nothing to tell.
    // Told once.
    uint64_t take_left_out(AuditEvent event, Time now, bool at_once);

  private:
    // Full at the moment full; each token that is taken moves that by an interval.
    struct Bucket {
        Time full;
        bool has(uint64_t tokens, uint64_t size, std::chrono::nanoseconds interval, Time now) const;
        void take(uint64_t tokens, std::chrono::nanoseconds interval, Time now);
    };
    struct Kind {
        Bucket records, bytes;
        uint64_t left_out = 0;
        Time first_left_out;
    };
    std::array<Kind, static_cast<size_t>(AuditEvent::suppressed)> kinds_;
};

}  // namespace xos
