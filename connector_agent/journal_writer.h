// One binding's journal, as the agent appends to it.
//
// Owns: the file's descriptor and what is not written yet. Process: the agent. Trusts: xosd for the file.
// What a batch did is written before the batch is committed, over what a killed predecessor may have left
// behind its last commit.
#pragma once

#include <optional>
#include <vector>

#include "common/tracking/event_journal.h"
#include "connector_agent/process_tree.h"
#include "libxos/unique_fd.h"

namespace xos {

class JournalWriter {
  public:
    JournalWriter() = default;
    // file: may be empty, then nothing is kept. committed: bytes that are valid; what lies behind is cut off.
    // Without it all of them are: an earlier binding's.
    JournalWriter(UniqueFd file, std::optional<uint64_t> committed);

    bool keeps() const { return static_cast<bool>(file_) && !closed_; }
    void append(const TreeChange& change, uint64_t now_ns);
    void append(EventRecord record);
    // Errc::system: the file cannot be written, and nothing is kept from here on.
    Result<void> write();
    // Bytes that are valid once the batch is committed.
    uint64_t end() const { return end_; }

  private:
    UniqueFd file_;
    uint64_t end_ = 0;
    std::vector<EventRecord> fresh_;
    bool closed_ = false;
};

}  // namespace xos
