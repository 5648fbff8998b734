#include "xosd/job/job_journals.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <ranges>

#include "common/log.h"
#include "xosd/job/job.h"

namespace xos {

std::string JobJournals::path_of(uint64_t job) const {
    return directory_ + "/" + job_name(job);
}

Outcome<UniqueFd> JobJournals::open(uint64_t job) const {
    UniqueFd file(::open(path_of(job).c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file) return failure_errno(errno, "cannot open {}", path_of(job));
    return file;
}

Outcome<UniqueFd> JobJournals::read(uint64_t job) const {
    UniqueFd file(::open(path_of(job).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!file && errno == ENOENT)
        return failure(Errc::not_found, "no events of {} are kept any more", job_name(job));
    if (!file) return failure_errno(errno, "cannot open {}", path_of(job));
    return file;
}

void JobJournals::remove(uint64_t job) const {
    if (unlink(path_of(job).c_str()) != 0 && errno != ENOENT)
        log(Level::warning, "events not removed", {{"job", job_name(job)}, {"reason", strerror(errno)}});
}

std::vector<uint64_t> JobJournals::list() const {
    std::vector<uint64_t> jobs;
    std::error_code error;
    for (std::filesystem::directory_iterator at(directory_, error), end; !error && at != end;
         at.increment(error))
        if (const auto id = parse_job_name(at->path().filename().string())) jobs.push_back(*id);
    return jobs;
}

void JobJournals::trim(const std::vector<uint64_t>& ended) const {
    uint64_t sum = 0;
    for (const uint64_t job : ended | std::views::reverse) {
        struct stat st{};
        if (stat(path_of(job).c_str(), &st) != 0) continue;
        sum += static_cast<uint64_t>(st.st_size);
        if (sum > kJournalsOfUserMax) remove(job);
    }
}

}  // namespace xos
