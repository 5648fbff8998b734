#include "xosd/audit/refusal_limit.h"

#include <algorithm>
#include <utility>

namespace xos {
namespace {

using std::chrono::nanoseconds;

constexpr nanoseconds kRecordInterval = nanoseconds(std::chrono::seconds(1)) / RefusalLimit::kPerSecond;
constexpr nanoseconds kByteInterval = nanoseconds(std::chrono::days(1)) / RefusalLimit::kBytesPerDay;

}  // namespace

bool RefusalLimit::Bucket::has(uint64_t tokens, uint64_t size, nanoseconds interval, Time now) const {
    return tokens <= size && full <= now + interval * (size - tokens);
}

void RefusalLimit::Bucket::take(uint64_t tokens, nanoseconds interval, Time now) {
    full = std::max(full, now) + interval * tokens;
}

bool RefusalLimit::admit(AuditEvent event, size_t bytes, Time now) {
    Kind& kind = kinds_.at(static_cast<size_t>(event));
    if (kind.records.has(1, kBurst, kRecordInterval, now) &&
        kind.bytes.has(bytes, kBytesPerDay, kByteInterval, now)) {
        kind.records.take(1, kRecordInterval, now);
        kind.bytes.take(bytes, kByteInterval, now);
        return true;
    }
    if (kind.left_out++ == 0) kind.first_left_out = now;
    return false;
}

uint64_t RefusalLimit::take_left_out(AuditEvent event, Time now, bool at_once) {
    Kind& kind = kinds_.at(static_cast<size_t>(event));
    if (!at_once && now - kind.first_left_out < kTellAfter) return 0;
    return std::exchange(kind.left_out, 0);
}

}  // namespace xos
