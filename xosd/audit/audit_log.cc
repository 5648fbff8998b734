#include "xosd/audit/audit_log.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <exception>

#include "common/clock.h"
#include "common/log.h"

namespace xos {
namespace {

AuditRecord left_out(uint64_t count, std::string reason) {
    return {
        .event = AuditEvent::suppressed, .reason = std::move(reason), .time = current_time(), .count = count};
}

std::string line_of(const AuditRecord& record) {
    return format_audit_line(record) + "\n";
}

}  // namespace

AuditLog::AuditLog(Options options) : options_(std::move(options)), file_(options_.path, options_.max_bytes) {
    if (!options_.journal.empty())
        journal_.reset(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

AuditLog::~AuditLog() {
    try {
        tell_left_out(true);
    } catch (const std::exception& error) {
        log(Level::error, "audit log ends without its last record", {{"reason", error.what()}});
    }
}

bool AuditLog::record(const AuditRecord& given) {
    AuditRecord record = given;
    if (record.time == std::chrono::sys_seconds()) record.time = current_time();
    tell_left_out(false);
    const std::string line = line_of(record);
    const bool limited = !record.permit && record.event != AuditEvent::suppressed;
    if (limited && !limit_.admit(record.event, line.size(), options_.clock())) return false;
    keep(record, line);
    return true;
}

bool AuditLog::is_in_journal() const {
    return journal_ && access(options_.journal.c_str(), F_OK) == 0;
}

void AuditLog::tell_left_out(bool at_once) {
    const auto now = options_.clock();
    for (int i = 0; i < static_cast<int>(AuditEvent::suppressed); ++i) {
        const auto event = static_cast<AuditEvent>(i);
        const uint64_t count = limit_.take_left_out(event, now, at_once);
        if (count == 0) continue;
        const AuditRecord record =
            left_out(count, compose("more refusals ({}) than are recorded", audit_event_name(event)));
        keep(record, line_of(record));
    }
}

void AuditLog::tell_lost() {
    const AuditRecord record = left_out(lost_, "could not be written: " + why_lost_);
    if (file_.append(line_of(record))) lost_ = 0;
}

void AuditLog::keep(const AuditRecord& record, const std::string& line) {
    if (send_to_journal(record)) return;
    const auto written = file_.append(line);
    if (written) {
        if (lost_ != 0) tell_lost();
        return;
    }
    ++lost_;
    why_lost_ = written.error().message;
    const auto now = options_.clock();
    if (now < quiet_until_) return;
    quiet_until_ = now + std::chrono::minutes(1);
    log(Level::error, "audit log cannot be written", {{"file", options_.path}, {"reason", why_lost_}});
}

// systemd.io/JOURNAL_NATIVE_PROTOCOL: no value holds a newline, so each is NAME=value and a newline. Not by
// sd_journal_sendv(3), which waits where the journal's queue is full.
bool AuditLog::send_to_journal(const AuditRecord& record) const {
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    if (!journal_ || options_.journal.size() >= sizeof address.sun_path) return false;
    options_.journal.copy(address.sun_path, sizeof address.sun_path - 1);
    std::string entry;
    for (const std::string& field : format_audit_entry(record)) entry += field + "\n";
    return sendto(journal_.get(), entry.data(), entry.size(), MSG_NOSIGNAL,
                  reinterpret_cast<const sockaddr*>(&address), sizeof address) >= 0;
}

}  // namespace xos
