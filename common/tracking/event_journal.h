// What happened to the processes of one binding, kept: a file of fixed-size records.
//
// Owns: the record's layout and its reader. Process: the agent appends (xosd made the file and handed the
// descriptor over with Bind), xosd reads. Trusts: nothing that it reads: the agent is not xosd.
//
// Records lie in the order in which the kernel told of them, which is the order of causes. A successor of a
// killed agent goes on where the last committed batch ended: no record is there twice and none is torn.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "libxos/result.h"

namespace xos {

enum class ProcessEventKind : uint8_t {
    bound = 1,  // tracking begins: value is the wall clock minus the monotonic one, in nanoseconds (int64)
    forked,     // parent, and container_pid, start_ticks where the kernel's filter told them
    execed,     // comm
    ended,      // status, unless flags say that it is unknown
    adopted,    // was there when it was first looked at: parent, container_pid, comm as far as known
    escaped,    // alive, but moved out of the container's cgroup
    returned,   // an escaped one is inside again
    restored,   // as adopted, where an earlier process of this binding had that container_pid
    user,       // value: real uid << 32 | effective uid
    group,      // value: real gid << 32 | effective gid
    session,    // setsid(2): the process leads a session of its own now
    named,      // comm
    core,       // the kernel begins to write its core
    lost,       // value: events that were not seen; status: LossReason; kNumberUnknown where none can say
    cut,        // the last record: the journal is as long as it may be, what follows is not kept
};
inline constexpr ProcessEventKind kProcessEventKindLast = ProcessEventKind::cut;
const char* process_event_name(ProcessEventKind kind);

enum : uint8_t {
    kStatusUnknown = 1,  // ended: nobody saw how
    kNumberUnknown = 2,  // lost
};

// Host byte order: journals do not leave the machine.
struct EventRecord {
    uint64_t monotonic_ns = 0;  // CLOCK_MONOTONIC, the kernel's where it told the event
    uint64_t value = 0;
    uint64_t identity = 0;      // the process's inode in pidfs, 0 = unknown
    int32_t pid = 0;            // in the initial pid namespace
    int32_t parent = 0;         // 0 = unknown
    int32_t container_pid = 0;  // in the innermost pid namespace, 0 = unknown
    int32_t status = 0;         // wait(2) form
    ProcessEventKind kind = ProcessEventKind::bound;
    uint8_t flags = 0;
    std::array<uint8_t, 6> unused{};
    std::array<char, 16> comm{};  // NUL-terminated where shorter; hostile text
};
static_assert(sizeof(EventRecord) == 64);

inline constexpr uint64_t kJournalMax = 16ULL * 1024 * 1024;  // of one job: some 260,000 records

std::string comm_of(const EventRecord& record);

struct JournalPage {
    std::vector<EventRecord> records;
    uint64_t next = 0;  // where to read on
};
// At most max whole records from offset on. Errc::invalid: something there is no record.
Result<JournalPage> read_journal(int fd, uint64_t offset, size_t max);

}  // namespace xos
