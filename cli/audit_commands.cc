// xos audit: what this node decided about members of VOs.
#include <unistd.h>

#include <cstdio>
#include <deque>
#include <memory>

#include "cli/audit_reader.h"
#include "cli/audit_view.h"
#include "cli/commands.h"
#include "common/clock.h"
#include "libxos/login_name.h"
#include "libxos/names.h"

namespace xos {
namespace {

constexpr std::chrono::milliseconds kLookAgain{500};

struct AuditWords {
    std::string vo, user, since;
    uint64_t lines = 0;
    bool refused = false, json = false, follow = false;
};

Outcome<AuditFilter> read_filter(const AuditWords& words) {
    if (!words.vo.empty() && !is_vo_name(words.vo))
        return failure(Errc::invalid, "--vo {}: not the name of a VO", audit_text(words.vo));
    AuditFilter filter{words.vo, words.user, words.refused, std::nullopt};
    if (words.since.empty()) return filter;
    const auto since = read_since(words.since, current_time());
    if (!since) return std::unexpected(since.error());
    filter.since = *since;
    return filter;
}

// Both sources as one, in the order of time.
class AuditReader {
  public:
    AuditReader(AuditFileReader file, AuditJournalReader journal)
        : file_(std::move(file)), journal_(std::move(journal)) {}

    std::optional<AuditRecord> next() {
        if (!from_file_) from_file_ = file_.next();
        if (!from_journal_) from_journal_ = journal_.next();
        const bool file_first = from_file_ && (!from_journal_ || from_file_->time <= from_journal_->time);
        return std::exchange(file_first ? from_file_ : from_journal_, std::nullopt);
    }
    void wait() { journal_.wait(kLookAgain); }
    uint64_t odd() const { return file_.odd_lines() + journal_.odd_entries(); }

  private:
    AuditFileReader file_;
    AuditJournalReader journal_;
    std::optional<AuditRecord> from_file_, from_journal_;  // read, and not handed out yet
};

Outcome<AuditReader> open_reader(const AuditFilter& filter) {
    auto file = AuditFileReader::open(kAuditLog);
    if (!file) return std::unexpected(file.error());
    auto journal = AuditJournalReader::open(filter.since);
    if (!journal) return std::unexpected(journal.error());
    return AuditReader(std::move(*file), std::move(*journal));
}

bool print(const AuditRecord& record, bool json) {
    const std::string text = json ? format_audit_line(record) + "\n" : format_audit_row(record);
    return std::fputs(text.c_str(), stdout) >= 0;
}

Outcome<int> print_until_now(AuditReader& reader, const AuditFilter& filter, const AuditWords& words) {
    std::deque<AuditRecord> last;  // where only so many are wanted
    while (const auto record = reader.next()) {
        if (!filter.wants(*record)) continue;
        if (words.lines == 0) {
            if (!print(*record, words.json)) break;
            continue;
        }
        if (last.size() == words.lines) last.pop_front();
        last.push_back(*record);
    }
    for (const AuditRecord& record : last) print(record, words.json);
    if (std::fflush(stdout) != 0) return failure_errno(errno, "cannot write the records");
    if (reader.odd() != 0)
        std::fprintf(stderr, "xos: %llu lines of the audit log are no records\n",
                     static_cast<unsigned long long>(reader.odd()));
    return kExitOk;
}

Outcome<int> show_audit(const AuditWords& words) {
    const auto filter = read_filter(words);
    if (!filter) return std::unexpected(filter.error());
    if (geteuid() != 0) return failure(Errc::denied, "only root reads the audit log: sudo xos audit");
    auto reader = open_reader(*filter);
    if (!reader) return std::unexpected(reader.error());
    const auto status = print_until_now(*reader, *filter, words);
    if (!status || !words.follow) return status;
    while (true) {
        reader->wait();
        while (const auto record = reader->next())
            if (filter->wants(*record)) print(*record, words.json);
        if (std::fflush(stdout) != 0) return failure_errno(errno, "cannot write the records");
    }
}

}  // namespace

void add_audit_command(CommandTable& table) {
    const auto words = std::make_shared<AuditWords>();
    table
        .add("audit", "Show what this node decided: logins and sessions, permitted and refused (root)",
             [words] { return show_audit(*words); })
        .option("--vo", words->vo, "only of this VO")
        .option("--user", words->user, "only of this user, or user@vo")
        .flag("--refused", words->refused, "only what was refused")
        .option("--since", words->since, "only since so long ago (2h, 3d), or since a date or time")
        .option("-n,--lines", words->lines, "only the last so many")
        .flag("--json", words->json, "one JSON object a line; times are UTC")
        .flag("--follow", words->follow, "go on with what comes");
}

}  // namespace xos
