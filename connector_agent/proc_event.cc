#include "connector_agent/proc_event.h"

#include <cstring>

namespace xos {
namespace {

constexpr size_t kNetlinkHead = 16, kConnectorHead = 20, kEventHead = 16;
constexpr size_t kHeads = kNetlinkHead + kConnectorHead;
constexpr uint32_t kProcIndex = 1, kProcValue = 1;
constexpr uint32_t kFork = 0x1, kExec = 0x2, kComm = 0x200, kExit = 0x80000000;

template <typename T>
T read_at(std::span<const std::byte> bytes, size_t offset) {
    T value{};
    std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
}

// How many bytes of the union the kind needs.
size_t payload_size(uint32_t what) {
    switch (what) {
        case kFork:
        case kExit:
            return 16;
        case kExec:
        case kComm:
            return 8;
        default:
            return 0;
    }
}

void read_payload(std::span<const std::byte> bytes, uint32_t what, ProcEvent& event) {
    if (what == kFork) {
        event.kind = ProcEventKind::fork;
        event.parent_pid = read_at<int32_t>(bytes, 0);
        event.parent_tgid = read_at<int32_t>(bytes, 4);
        event.pid = read_at<int32_t>(bytes, 8);
        event.tgid = read_at<int32_t>(bytes, 12);
        return;
    }
    event.kind = what == kExec   ? ProcEventKind::exec
                 : what == kExit ? ProcEventKind::exit
                 : what == kComm ? ProcEventKind::comm
                                 : ProcEventKind::other;
    if (event.kind == ProcEventKind::other) return;
    event.pid = read_at<int32_t>(bytes, 0);
    event.tgid = read_at<int32_t>(bytes, 4);
    if (event.kind == ProcEventKind::exit) event.status = read_at<int32_t>(bytes, 8);
}

}  // namespace

Result<ProcEvent> parse_proc_event(std::span<const std::byte> message) {
    if (message.size() < kHeads + kEventHead) return fail(Errc::invalid, "a process event is cut off");
    const auto total = read_at<uint32_t>(message, 0);
    if (total < kHeads + kEventHead || total > message.size())
        return fail(Errc::invalid, "a process event lies about its length");
    if (read_at<uint32_t>(message, kNetlinkHead) != kProcIndex ||
        read_at<uint32_t>(message, kNetlinkHead + 4) != kProcValue)
        return fail(Errc::invalid, "a connector message is not a process event");
    const size_t length = read_at<uint16_t>(message, kNetlinkHead + 16);
    if (length < kEventHead || length > total - kHeads)
        return fail(Errc::invalid, "a process event lies about its payload");
    const auto body = message.subspan(kHeads, length);
    const auto what = read_at<uint32_t>(body, 0);
    if (length - kEventHead < payload_size(what)) return fail(Errc::invalid, "a process event is too short");
    ProcEvent event;
    event.sequence = read_at<uint32_t>(message, kNetlinkHead + 8);
    event.cpu = read_at<uint32_t>(body, 4);
    event.timestamp_ns = read_at<uint64_t>(body, 8);
    read_payload(body.subspan(kEventHead), what, event);
    const bool has_ids = event.kind != ProcEventKind::other;
    if (has_ids && (event.pid <= 0 || event.tgid <= 0))
        return fail(Errc::invalid, "a process event names no process");
    return event;
}

}  // namespace xos
