#include "xosd/session/verdict_cache.h"

#include <openssl/sha.h>

namespace xos {

Outcome<std::string> VerdictCache::digest_of(const VerifyRequest& request) {
    VerifyRequest timeless = request;
    timeless.now = {};
    const auto encoded = encode_request(0, timeless);
    if (!encoded) return std::unexpected(encoded.error());
    std::string digest(SHA256_DIGEST_LENGTH, '\0');
    SHA256(reinterpret_cast<const unsigned char*>(encoded->data()), encoded->size(),
           reinterpret_cast<unsigned char*>(digest.data()));
    return digest;
}

void VerdictCache::drop_old(Time now) {
    while (!order_.empty() && (order_.front().until <= now || order_.size() > kVerdictsMax)) {
        entries_.erase(order_.front().digest);
        order_.pop_front();
    }
}

const VerifiedCredential* VerdictCache::find(const std::string& digest, Time now) {
    drop_old(now);
    const auto found = entries_.find(digest);
    return found == entries_.end() ? nullptr : &found->second->credential;
}

void VerdictCache::put(const std::string& digest, VerifiedCredential credential, Time now) {
    if (const auto before = entries_.find(digest); before != entries_.end()) {
        order_.erase(before->second);
        entries_.erase(before);
    }
    order_.push_back({digest, std::move(credential), now + kVerdictLifetime});
    entries_.emplace(digest, std::prev(order_.end()));
    drop_old(now);
}

}  // namespace xos
