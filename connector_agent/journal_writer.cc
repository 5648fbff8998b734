#include "connector_agent/journal_writer.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace xos {
namespace {

constexpr size_t kRecord = sizeof(EventRecord);

EventRecord make_record(const TreeChange& change, uint64_t now_ns) {
    const bool unknown = change.kind == ProcessEventKind::ended && !change.status;
    return {.monotonic_ns = change.time_ns != 0 ? change.time_ns : now_ns,
            .value = change.value,
            .identity = change.identity,
            .pid = change.pid,
            .parent = std::max(change.parent_pid, 0),
            .container_pid = change.container_pid,
            .status = change.status.value_or(0),
            .kind = change.kind,
            .flags = unknown ? uint8_t{kStatusUnknown} : uint8_t{0},
            .comm = change.comm};
}

}  // namespace

JournalWriter::JournalWriter(UniqueFd file, std::optional<uint64_t> committed) : file_(std::move(file)) {
    struct stat st{};
    if (!file_ || fstat(file_.get(), &st) != 0) {
        file_.reset();
        return;
    }
    end_ = committed.value_or(static_cast<uint64_t>(st.st_size) / kRecord * kRecord);
    if (ftruncate(file_.get(), static_cast<off_t>(end_)) != 0) file_.reset();
    closed_ = end_ + kRecord > kJournalMax;
}

void JournalWriter::append(const TreeChange& change, uint64_t now_ns) {
    if (keeps()) append(make_record(change, now_ns));
}

void JournalWriter::append(EventRecord record) {
    if (keeps()) fresh_.push_back(record);
}

Result<void> JournalWriter::write() {
    if (fresh_.empty() || !keeps()) return {};
    // the last place is for the word that there is no more
    const uint64_t room = (kJournalMax - end_) / kRecord - 1;
    if (fresh_.size() > room) {
        fresh_.resize(room);
        fresh_.push_back({.kind = ProcessEventKind::cut});
        closed_ = true;
    }
    const size_t size = fresh_.size() * kRecord;
    ssize_t done = -1;
    do done = pwrite(file_.get(), fresh_.data(), size, static_cast<off_t>(end_));
    while (done < 0 && errno == EINTR);
    const int reason = done < 0 ? errno : ENOSPC;
    fresh_.clear();
    // of a part, whole records are good
    end_ += done > 0 ? static_cast<uint64_t>(done) / kRecord * kRecord : 0;
    if (done == static_cast<ssize_t>(size)) return {};
    closed_ = true;
    return fail(Errc::system, "write the journal of events", reason);
}

}  // namespace xos
