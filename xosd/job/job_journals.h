// The journals of jobs' process events: a file a job, from its first start until it is forgotten.
//
// Owns: the directory of them. Process: xosd; the connector agent appends through a descriptor. Trusts:
// nobody for the files' content: see event_journal.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/failure.h"
#include "libxos/unique_fd.h"

namespace xos {

// Of all ended jobs of one user; the oldest go. Journals of jobs that have not ended are on top of it.
inline constexpr uint64_t kJournalsOfUserMax = 256ULL * 1024 * 1024;

class JobJournals {
  public:
    explicit JobJournals(std::string directory) : directory_(std::move(directory)) {}

    // For appending; made where there is none.
    Outcome<UniqueFd> open(uint64_t job) const;
    // For reading. Errc::not_found: none was made, or it is gone.
    Outcome<UniqueFd> read(uint64_t job) const;
    void remove(uint64_t job) const;
    // Numbers of the jobs that have one.
    std::vector<uint64_t> list() const;
    // ended: of one user, the oldest first. Removes from there until the rest is within kJournalsOfUserMax.
    void trim(const std::vector<uint64_t>& ended) const;

  private:
    std::string path_of(uint64_t job) const;
    std::string directory_;
};

}  // namespace xos
