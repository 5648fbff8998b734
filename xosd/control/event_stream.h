// Somebody who is told what happens to a job's processes: from the job's journal, no faster than he reads.
//
// Owns: the open journal, how far it was told, the timer that looks for more. Process: xosd. Trusts: nothing
// of the journal but that read_journal() has checked its records.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "common/event_loop.h"
#include "common/tracking/event_journal.h"
#include "libxos/unique_fd.h"
#include "xosd/control/control_server.h"

namespace xos {

class EventStream : public std::enable_shared_from_this<EventStream> {
  public:
    // ended: nothing will come that is not in the journal, or on its way there. Without follow the stream
    // ends where the journal does now.
    static void start(EventLoop& loop, UniqueFd journal, bool follow, std::function<bool()> ended,
                      Respond respond);

  private:
    EventStream(EventLoop& loop, UniqueFd journal, bool follow, std::function<bool()> ended, Respond respond)
        : loop_(loop),
          journal_(std::move(journal)),
          follow_(follow),
          ended_(std::move(ended)),
          respond_(std::move(respond)) {}
    void run();
    void run_later(std::chrono::milliseconds pause);
    bool tell(const JournalPage& page);
    Json describe(const EventRecord& record);

    EventLoop& loop_;
    UniqueFd journal_;
    bool follow_;
    std::function<bool()> ended_;
    Respond respond_;
    EventSource timer_;
    uint64_t offset_ = 0;
    uint64_t wall_offset_ns_ = 0;  // of the records that follow
    int quiet_ = 0;                // looks in a row that found nothing after the end
};

}  // namespace xos
