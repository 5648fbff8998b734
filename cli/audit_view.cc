#include "cli/audit_view.h"

#include <ctime>

#include "cli/clock_text.h"
#include "common/policy/quantity.h"

namespace xos {
namespace {

// The moment at which clocks in the reader's time zone show what those of UTC show at time.
std::chrono::sys_seconds as_local(std::chrono::sys_seconds time) {
    const time_t seconds = time.time_since_epoch().count();
    tm clock{};
    gmtime_r(&seconds, &clock);
    clock.tm_isdst = -1;
    return std::chrono::sys_seconds(std::chrono::seconds(mktime(&clock)));
}

std::string or_dash(const std::string& text) {
    return text.empty() ? "-" : text;
}

std::string remark_of(const AuditRecord& record) {
    std::string remark = record.session == 0 ? "" : compose("session {}", record.session);
    if (record.count != 0) remark = compose("{} records left out", record.count);
    if (!remark.empty() && !record.reason.empty()) remark += ": ";
    return or_dash(remark + record.reason);
}

}  // namespace

bool AuditFilter::wants(const AuditRecord& record) const {
    if (refused && record.permit) return false;
    if (since && record.time < *since) return false;
    if (record.event == AuditEvent::suppressed) return true;
    const AuditName name = audit_name(record.login);
    if (!vo.empty() && name.vo != vo) return false;
    return user.empty() || user == name.user || user == record.login;
}

Outcome<std::chrono::sys_seconds> read_since(const std::string& text, std::chrono::sys_seconds now) {
    if (const auto seconds = parse_duration(text)) return now - std::chrono::seconds(*seconds);
    const auto time = parse_utc(text);
    if (!time)
        return failure(Errc::invalid,
                       "--since '{}': expected a duration such as 2h or 3d, or a time such as 2026-12-01 or "
                       "'2026-12-01 08:00'",
                       text);
    return text.ends_with("Z") || text.ends_with("UTC") ? *time : as_local(*time);
}

std::string format_audit_row(const AuditRecord& record) {
    const auto seconds = static_cast<uint64_t>(record.time.time_since_epoch().count());
    return compose("{}  {:<14}  {:<6}  {:<24}  {:<15}  {:<12}  {}\n", clock_text(seconds),
                   audit_event_name(record.event), record.permit ? "permit" : "refuse", or_dash(record.login),
                   or_dash(record.remote), or_dash(record.service), remark_of(record));
}

}  // namespace xos
