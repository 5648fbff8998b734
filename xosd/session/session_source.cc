#include "xosd/session/session_source.h"

#include <utility>

#include "xosd/session/session_store.h"

namespace xos {

SessionSource source_of(std::string_view service) {
    if (service == "sshd") return SessionSource::key;
    for (const std::string_view unattended : {"cron", "crond", "atd"})
        if (service == unattended) return SessionSource::delegated;
    if (service == kUserManagerService) return SessionSource::session;
    return SessionSource::caller;
}

void Authentications::note(pid_t pid, uint64_t start_time, std::string login, SessionCredential credential,
                           Time now) {
    std::erase_if(entries_, [now](const auto& entry) { return entry.second.until <= now; });
    if (entries_.size() >= kMost && !entries_.contains(pid)) return;  // its session has no credential then
    entries_.insert_or_assign(pid,
                              Entry{start_time, std::move(login), std::move(credential), now + kLifetime});
}

std::optional<SessionCredential> Authentications::take(pid_t pid, uint64_t start_time, std::string_view login,
                                                       Time now) {
    auto entry = entries_.extract(pid);
    if (!entry) return std::nullopt;
    Entry& noted = entry.mapped();
    if (noted.start_time != start_time || noted.login != login || noted.until <= now) return std::nullopt;
    return std::move(noted.credential);
}

}  // namespace xos
