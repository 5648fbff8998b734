// Signed requests that were taken already: each counts once.
//
// Owns: the words (nonces) of the last minutes. Pure; the time is handed in. Process: xos-cda serve. Trusts:
// its caller to hand in only what an enrolled key has signed, so that strangers cannot fill it.
#pragma once

#include <chrono>
#include <string>
#include <unordered_map>

namespace xos {

class ReplayGuard {
  public:
    // A word is kept for span, which is longer than a request is good for; at most max words.
    explicit ReplayGuard(std::chrono::seconds span, size_t max = 1'000'000) : span_(span), max_(max) {}

    // Whether word is new; remembers it. false too where there is no room.
    bool take(const std::string& word, std::chrono::sys_seconds now) {
        if (now >= next_look_) {
            std::erase_if(until_, [now](const auto& entry) { return entry.second < now; });
            next_look_ = now + span_ / 8;
        }
        return until_.size() < max_ && until_.emplace(word, now + span_).second;
    }

  private:
    std::chrono::seconds span_;
    size_t max_;
    std::chrono::sys_seconds next_look_{};
    std::unordered_map<std::string, std::chrono::sys_seconds> until_;
};

}  // namespace xos
