#include "xosd/control/event_stream.h"

#include "common/tracking/agent_protocol.h"

namespace xos {
namespace {

constexpr size_t kRecordsOfReply = 256;
constexpr int kRepliesOfRun = 8;  // other callers get their turn
constexpr std::chrono::milliseconds kLookPause{100}, kBusyPause{10};
// The agent may still write what it read last when the job's end is known.
constexpr int kQuietLooks = 5;

void set_known(JsonObject& object, const char* name, int32_t value) {
    if (value > 0) object.set(name, Json::signed_integer(value));
}

void set_ids(JsonObject& object, const char* real, const char* effective, uint64_t value) {
    object.set(real, Json::integer(value >> 32)).set(effective, Json::integer(value & 0xffffffff));
}

}  // namespace

void EventStream::start(EventLoop& loop, UniqueFd journal, bool follow, std::function<bool()> ended,
                        Respond respond) {
    const std::shared_ptr<EventStream> stream(
        new EventStream(loop, std::move(journal), follow, std::move(ended), std::move(respond)));
    stream->run();
}

void EventStream::run() {
    const bool over = !follow_ || ended_();  // asked first: what comes before the end is in the journal then
    for (int reply = 0; reply < kRepliesOfRun; ++reply) {
        if (!respond_.wanted()) return;
        if (respond_.busy()) return run_later(kBusyPause);
        const auto page = read_journal(journal_.get(), offset_, kRecordsOfReply);
        if (!page)
            return respond_(failure(page.error().code, "the events cannot be read: {}", page.error().step));
        if (page->records.empty()) {
            if (over && (!follow_ || ++quiet_ >= kQuietLooks)) return (void)tell({});
            return run_later(kLookPause);
        }
        quiet_ = 0;
        if (!tell(*page)) return;
    }
    run_later(std::chrono::milliseconds(0));  // there is more
}

void EventStream::run_later(std::chrono::milliseconds pause) {
    // the timer's own reference keeps the stream; a subscriber that has gone is met at the next look
    auto timer = loop_.after(pause, [self = shared_from_this()] {
        const EventSource fired = std::move(self->timer_);
        self->run();
    });
    if (!timer) return respond_(std::unexpected(timer.error()));
    timer_ = *std::move(timer);
}

// False: that was the last reply.
bool EventStream::tell(const JournalPage& page) {
    JsonArray list;
    for (const EventRecord& record : page.records) list.add(describe(record));
    offset_ = std::max(offset_, page.next);
    ControlReply reply{JsonObject().set("events", list.build()).build(), {}};
    reply.more = !page.records.empty();
    const bool more = reply.more;
    respond_(std::move(reply));
    return more;
}

Json EventStream::describe(const EventRecord& record) {
    if (record.kind == ProcessEventKind::bound) wall_offset_ns_ = record.value;
    JsonObject object;
    object.set("time", Json::integer((record.monotonic_ns + wall_offset_ns_) / 1000))
        .set("event", Json::string(process_event_name(record.kind)))
        .set("pid", Json::signed_integer(record.pid));
    set_known(object, "parent", record.parent);
    set_known(object, "containerPid", record.container_pid);
    if (record.identity != 0) object.set("identity", Json::integer(record.identity));
    if (record.kind == ProcessEventKind::ended && (record.flags & kStatusUnknown) == 0)
        object.set("waitStatus", Json::signed_integer(record.status));
    if (record.kind == ProcessEventKind::user) set_ids(object, "uid", "effectiveUid", record.value);
    if (record.kind == ProcessEventKind::group) set_ids(object, "gid", "effectiveGid", record.value);
    if (const std::string comm = comm_of(record); !comm.empty()) object.set("comm", Json::string(comm));
    if (record.kind == ProcessEventKind::lost) {
        if ((record.flags & kNumberUnknown) == 0) object.set("number", Json::integer(record.value));
        const auto reason = static_cast<uint32_t>(record.status);
        if (reason <= static_cast<uint32_t>(kLossReasonLast))
            object.set("reason", Json::string(loss_reason_name(static_cast<LossReason>(reason))));
    }
    return object.build();
}

}  // namespace xos
