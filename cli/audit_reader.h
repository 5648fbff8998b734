// Where the records of the audit log are read: the journal, and the file with its older copy.
//
// Owns: the open journal, the open files. Process: the xos command, as root. Trusts: entries that the journal
// says come from root, not their text; nothing in the files. What is no record is passed over and counted.
#pragma once

#include <systemd/sd-journal.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "common/audit/audit_record.h"
#include "libxos/unique_fd.h"

namespace xos {

// PATH.1, then PATH, then whatever takes PATH's place.
class AuditFileReader {
  public:
    // No file is no failure.
    static Outcome<AuditFileReader> open(const std::string& path);

    // The next record; nothing where there is none yet. May be asked again later.
    std::optional<AuditRecord> next();
    // Lines that were no records, so far.
    uint64_t odd_lines() const { return odd_lines_; }

  private:
    explicit AuditFileReader(std::string path) : path_(std::move(path)) {}
    std::optional<std::string> next_line();
    bool read_more();
    bool go_on();

    std::string path_;
    UniqueFd file_, following_;  // following_ is read when file_ ends
    std::string buffer_;
    size_t start_ = 0;       // of the first line in buffer_
    bool too_long_ = false;  // the line that begins at start_ began further ahead
    uint64_t odd_lines_ = 0;
};

class AuditJournalReader {
  public:
    // An absent journal is an empty one.
    static Outcome<AuditJournalReader> open(std::optional<std::chrono::sys_seconds> since);

    std::optional<AuditRecord> next();
    uint64_t odd_entries() const { return odd_entries_; }
    // Returns when the journal has changed, or after the time at the latest.
    void wait(std::chrono::milliseconds time);

  private:
    struct Close {
        void operator()(sd_journal* journal) const { sd_journal_close(journal); }
    };
    explicit AuditJournalReader(sd_journal* journal) : journal_(journal) {}

    std::unique_ptr<sd_journal, Close> journal_;
    uint64_t odd_entries_ = 0;
};

}  // namespace xos
