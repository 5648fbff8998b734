#include "connector_agent/outbox.h"

#include <utility>

namespace xos {
namespace {

constexpr size_t kQueueMax = 8192;

}  // namespace

void Outbox::connect(UniqueFd socket) {
    disconnect();
    socket_ = std::move(socket);
}

void Outbox::disconnect() {
    socket_.reset();
    queue_.clear();
    dropped_ = 0;
}

void Outbox::send(const AgentMessage& message, bool vital, std::span<const int> fds) {
    if (!socket_) return;
    if (queue_.empty()) {
        const auto sent = send_agent_message(socket_.get(), message, fds);
        if (sent) return;
        if (sent.error().code != Errc::timeout) return disconnect();
    }
    // descriptors only go with the first message of a connection, which always fits
    if (!fds.empty()) return disconnect();
    if (queue_.size() >= (vital ? kQueueMax : kQueueMax / 2)) {
        ++dropped_;
        return;
    }
    queue_.push_back(message);
}

void Outbox::flush() {
    while (socket_ && !queue_.empty()) {
        const auto sent = send_agent_message(socket_.get(), queue_.front());
        if (!sent && sent.error().code == Errc::timeout) return;
        if (!sent) return disconnect();
        queue_.pop_front();
    }
}

size_t Outbox::take_dropped() {
    return queue_.empty() ? std::exchange(dropped_, 0) : 0;
}

}  // namespace xos
