#include "common/tracking/event_journal.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <type_traits>

namespace xos {
namespace {

static_assert(std::is_trivially_copyable_v<EventRecord>);

bool is_record(const EventRecord& record) {
    return record.kind >= ProcessEventKind::bound && record.kind <= kProcessEventKindLast &&
           record.pid >= 0 && record.parent >= 0 && record.container_pid >= 0;
}

}  // namespace

const char* process_event_name(ProcessEventKind kind) {
    switch (kind) {
        case ProcessEventKind::bound:
            return "bound";
        case ProcessEventKind::forked:
            return "fork";
        case ProcessEventKind::execed:
            return "exec";
        case ProcessEventKind::ended:
            return "exit";
        case ProcessEventKind::adopted:
            return "adopted";
        case ProcessEventKind::escaped:
            return "escaped";
        case ProcessEventKind::returned:
            return "returned";
        case ProcessEventKind::restored:
            return "restored";
        case ProcessEventKind::user:
            return "uid";
        case ProcessEventKind::group:
            return "gid";
        case ProcessEventKind::session:
            return "sid";
        case ProcessEventKind::named:
            return "comm";
        case ProcessEventKind::core:
            return "core";
        case ProcessEventKind::lost:
            return "lost";
        case ProcessEventKind::cut:
            return "cut";
    }
    return "?";
}

std::string comm_of(const EventRecord& record) {
    return {record.comm.data(), strnlen(record.comm.data(), record.comm.size())};
}

Result<JournalPage> read_journal(int fd, uint64_t offset, size_t max) {
    JournalPage page{.records = std::vector<EventRecord>(max), .next = offset};
    ssize_t got = -1;
    do got = pread(fd, page.records.data(), max * sizeof(EventRecord), static_cast<off_t>(offset));
    while (got < 0 && errno == EINTR);
    if (got < 0) return fail_errno("read the journal of events");
    // the last one may be half written at this moment
    page.records.resize(static_cast<size_t>(got) / sizeof(EventRecord));
    for (const EventRecord& record : page.records)
        if (!is_record(record)) return fail(Errc::invalid, "a record of the journal is none");
    page.next = offset + page.records.size() * sizeof(EventRecord);
    return page;
}

}  // namespace xos
