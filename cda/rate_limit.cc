#include "cda/rate_limit.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstring>

namespace xos {

std::chrono::milliseconds RateLimit::missing(const Bucket& bucket, Time now) const {
    if (bucket.full <= now) return std::chrono::milliseconds(0);
    return std::chrono::ceil<std::chrono::milliseconds>(bucket.full - now);
}

void RateLimit::forget_full(Time now) {
    // each look goes through all names: a flood of them must not pay for one at every request
    if (now < next_look_) return;
    next_look_ = now + std::chrono::seconds(1);
    std::erase_if(buckets_, [now](const auto& entry) { return entry.second.full <= now; });
}

bool RateLimit::has(std::string_view name, Time now) const {
    const auto found = buckets_.find(std::string(name));
    return found == buckets_.end() || missing(found->second, now) <= interval_ * (burst_ - 1);
}

bool RateLimit::take(std::string_view name, Time now) {
    auto found = buckets_.find(std::string(name));
    if (found == buckets_.end()) {
        if (buckets_.size() >= names_) forget_full(now);
        if (buckets_.size() >= names_) return false;
        found = buckets_.emplace(name, Bucket{now}).first;
    }
    Bucket& bucket = found->second;
    if (missing(bucket, now) > interval_ * (burst_ - 1)) return false;
    bucket.full = std::max(bucket.full, now) + interval_;
    return true;
}

std::string limit_name(std::string_view address) {
    in6_addr bytes{};
    if (inet_pton(AF_INET6, std::string(address).c_str(), &bytes) != 1) return std::string(address);
    if (IN6_IS_ADDR_V4MAPPED(&bytes)) {
        char text[INET_ADDRSTRLEN];
        return inet_ntop(AF_INET, bytes.s6_addr + 12, text, sizeof text);
    }
    std::memset(bytes.s6_addr + 8, 0, 8);
    char text[INET6_ADDRSTRLEN];
    return std::string(inet_ntop(AF_INET6, &bytes, text, sizeof text)) + "/64";
}

}  // namespace xos
