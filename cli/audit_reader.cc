#include "cli/audit_reader.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <thread>

namespace xos {
namespace {

constexpr size_t kReadBytes = 64 * 1024;

// An absent file is an empty descriptor.
Outcome<UniqueFd> open_log_file(const std::string& path) {
    UniqueFd file(open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!file && errno == ENOENT) return UniqueFd();
    struct stat status{};
    if (!file || fstat(file.get(), &status) != 0) return failure_errno(errno, "cannot open {}", path);
    if (!S_ISREG(status.st_mode)) return failure(Errc::invalid, "{} is not a file", path);
    return file;
}

bool same_file(const UniqueFd& one, const UniqueFd& other) {
    struct stat a{}, b{};
    return one && other && fstat(one.get(), &a) == 0 && fstat(other.get(), &b) == 0 && a.st_ino == b.st_ino &&
           a.st_dev == b.st_dev;
}

std::optional<std::string> entry_field(sd_journal* journal, const char* name) {
    const void* data = nullptr;
    size_t size = 0;
    if (sd_journal_get_data(journal, name, &data, &size) < 0) return std::nullopt;
    // NAME=value
    const std::string_view field(static_cast<const char*>(data), size);
    return std::string(field.substr(std::min(size, std::string_view(name).size() + 1)));
}

}  // namespace

Outcome<AuditFileReader> AuditFileReader::open(const std::string& path) {
    AuditFileReader reader(path);
    // in this order: a file that is renamed meanwhile is then held twice, and not missed
    auto file = open_log_file(path), older = open_log_file(path + ".1");
    if (!file) return std::unexpected(file.error());
    if (!older) return std::unexpected(older.error());
    if (!same_file(*file, *older)) reader.file_ = std::move(*older);
    reader.following_ = std::move(*file);
    return reader;
}

// From the end of file_ to the file that follows it; false where there is none.
bool AuditFileReader::go_on() {
    if (following_) {
        file_ = std::move(following_);
        if (start_ < buffer_.size() || too_long_) ++odd_lines_;  // it ended inside a line
        buffer_.clear();
        start_ = 0;
        too_long_ = false;
        return true;
    }
    auto named = open_log_file(path_);
    if (!named || !*named || same_file(*named, file_)) return false;
    following_ = std::move(*named);
    return true;  // once more to the end of file_, where a line may have come meanwhile
}

bool AuditFileReader::read_more() {
    buffer_.erase(0, start_);
    start_ = 0;
    if (buffer_.size() > kAuditLineMax) {
        too_long_ = true;
        buffer_.clear();
    }
    if (!file_) return false;
    const size_t held = buffer_.size();
    buffer_.resize(held + kReadBytes);
    const ssize_t n = read(file_.get(), buffer_.data() + held, kReadBytes);
    buffer_.resize(held + static_cast<size_t>(std::max<ssize_t>(n, 0)));
    return n > 0;
}

std::optional<std::string> AuditFileReader::next_line() {
    while (true) {
        const size_t end = buffer_.find('\n', start_);
        if (end != std::string::npos) {
            std::string line = buffer_.substr(start_, end - start_);
            start_ = end + 1;
            if (!std::exchange(too_long_, false)) return line;
            ++odd_lines_;
        } else if (!read_more() && !go_on()) {
            return std::nullopt;
        }
    }
}

std::optional<AuditRecord> AuditFileReader::next() {
    while (const auto line = next_line()) {
        if (auto record = parse_audit_line(*line)) return *record;
        ++odd_lines_;
    }
    return std::nullopt;
}

Outcome<AuditJournalReader> AuditJournalReader::open(std::optional<std::chrono::sys_seconds> since) {
    sd_journal* opened = nullptr;
    int answer = sd_journal_open(&opened, SD_JOURNAL_LOCAL_ONLY);
    if (answer < 0) return failure_errno(-answer, "cannot open the journal");
    AuditJournalReader reader(opened);
    const std::string id = compose("MESSAGE_ID={}", kAuditMessageId);
    answer = sd_journal_add_match(opened, id.data(), id.size());
    // anybody may write to the journal under this id; it says itself who did
    if (answer >= 0) answer = sd_journal_add_match(opened, "_UID=0", 0);
    if (answer >= 0 && since)
        answer = sd_journal_seek_realtime_usec(
            opened, static_cast<uint64_t>(std::chrono::microseconds(since->time_since_epoch()).count()));
    else if (answer >= 0)
        answer = sd_journal_seek_head(opened);
    if (answer < 0) return failure_errno(-answer, "cannot search the journal");
    return reader;
}

std::optional<AuditRecord> AuditJournalReader::next() {
    sd_journal* const journal = journal_.get();
    while (sd_journal_next(journal) > 0) {
        uint64_t microseconds = 0;
        if (sd_journal_get_realtime_usec(journal, &microseconds) >= 0) {
            const auto record =
                parse_audit_entry([journal](const char* name) { return entry_field(journal, name); },
                                  std::chrono::sys_seconds(std::chrono::seconds(microseconds / 1'000'000)));
            if (record) return *record;
        }
        ++odd_entries_;
    }
    return std::nullopt;
}

void AuditJournalReader::wait(std::chrono::milliseconds time) {
    const auto microseconds = std::chrono::microseconds(time).count();
    if (sd_journal_wait(journal_.get(), static_cast<uint64_t>(microseconds)) < 0)
        std::this_thread::sleep_for(time);
}

}  // namespace xos
