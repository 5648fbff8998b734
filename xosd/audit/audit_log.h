// The audit log: every decision about a member is one record, in the journal, or in a file where there is
// none.
//
// Owns: the socket to the journal, the file (audit_file.h), how many refusals are kept (refusal_limit.h).
// Process: xosd, in its loop. Trusts: no value in a record. It never blocks and never fails the caller: that
// the file cannot be written is a line in the log, and how many records are missing the next one that is
// written.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "common/audit/audit_record.h"
#include "libxos/names.h"
#include "libxos/unique_fd.h"
#include "xosd/audit/audit_file.h"
#include "xosd/audit/refusal_limit.h"

namespace xos {

class AuditLog {
  public:
    struct Options {
        std::string path = kAuditLog;
        std::string journal = kJournalSocket;  // empty: the file only
        uint64_t max_bytes = 16 * 1024 * 1024;
        std::function<RefusalLimit::Time()> clock = std::chrono::steady_clock::now;
    };

    explicit AuditLog(Options options);
    // Tells what was left out.
    ~AuditLog();
    AuditLog(const AuditLog&) = delete;
    AuditLog& operator=(const AuditLog&) = delete;

    // False: it is one of too many refusals, and counted only.
    bool record(const AuditRecord& record);
    // Whether records go to the journal now: what else is said of a decision would stand there twice.
    bool is_in_journal() const;
    // Records how many refusals were left out and not told yet, if it is time. record() does so too: to be
    // called now and then, for the end of a flood after which nothing comes.
    void tell_left_out() { tell_left_out(false); }

  private:
    void tell_left_out(bool at_once);
    void tell_lost();
    // line is the record as a line, with its newline.
    void keep(const AuditRecord& record, const std::string& line);
    bool send_to_journal(const AuditRecord& record) const;

    Options options_;
    AuditFile file_;
    UniqueFd journal_;
    RefusalLimit limit_;
    uint64_t lost_ = 0;  // records since the file could not be written
    std::string why_lost_;
    RefusalLimit::Time quiet_until_{};  // the log is told of a failure once a minute
};

}  // namespace xos
