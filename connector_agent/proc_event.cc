#include "connector_agent/proc_event.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace xos {
namespace {

constexpr size_t kNetlinkHead = 16, kConnectorHead = 20, kEventHead = 16;
constexpr size_t kHeads = kNetlinkHead + kConnectorHead;
constexpr uint32_t kProcIndex = 1, kProcValue = 1;
constexpr uint32_t kFork = 0x1, kExec = 0x2, kUser = 0x4, kGroup = 0x40, kSession = 0x80, kComm = 0x200,
                   kCore = 0x40000000, kExit = 0x80000000;

template <typename T>
T read_at(std::span<const std::byte> bytes, size_t offset) {
    T value{};
    std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
}

struct Shape {
    uint32_t what;
    ProcEventKind kind;
    size_t size;  // bytes of the union that the kind needs
};
constexpr std::array kShapes{
    Shape{kFork, ProcEventKind::fork, 16},      Shape{kExec, ProcEventKind::exec, 8},
    Shape{kExit, ProcEventKind::exit, 16},      Shape{kComm, ProcEventKind::comm, 24},
    Shape{kUser, ProcEventKind::user, 16},      Shape{kGroup, ProcEventKind::group, 16},
    Shape{kSession, ProcEventKind::session, 8}, Shape{kCore, ProcEventKind::core, 8}};

void read_payload(std::span<const std::byte> bytes, ProcEvent& event) {
    if (event.kind == ProcEventKind::fork) {
        event.parent_pid = read_at<int32_t>(bytes, 0);
        event.parent_tgid = read_at<int32_t>(bytes, 4);
        event.pid = read_at<int32_t>(bytes, 8);
        event.tgid = read_at<int32_t>(bytes, 12);
        return;
    }
    event.pid = read_at<int32_t>(bytes, 0);
    event.tgid = read_at<int32_t>(bytes, 4);
    if (event.kind == ProcEventKind::exit) event.status = read_at<int32_t>(bytes, 8);
    if (event.kind == ProcEventKind::comm) event.comm = read_at<std::array<char, 16>>(bytes, 8);
    if (event.kind != ProcEventKind::user && event.kind != ProcEventKind::group) return;
    event.real_id = read_at<uint32_t>(bytes, 8);
    event.effective_id = read_at<uint32_t>(bytes, 12);
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
    const auto shape = std::ranges::find(kShapes, what, &Shape::what);
    if (shape != kShapes.end() && length - kEventHead < shape->size)
        return fail(Errc::invalid, "a process event is too short");
    ProcEvent event;
    event.sequence = read_at<uint32_t>(message, kNetlinkHead + 8);
    event.cpu = read_at<uint32_t>(body, 4);
    event.timestamp_ns = read_at<uint64_t>(body, 8);
    if (shape == kShapes.end()) return event;
    event.kind = shape->kind;
    read_payload(body.subspan(kEventHead), event);
    if (event.pid <= 0 || event.tgid <= 0) return fail(Errc::invalid, "a process event names no process");
    return event;
}

}  // namespace xos
