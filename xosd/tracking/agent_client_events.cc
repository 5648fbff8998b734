// The half of AgentClient that reads the agent and brings it back.
#include <sys/epoll.h>

#include <algorithm>
#include <utility>

#include "common/log.h"
#include "xosd/tracking/agent_client.h"

namespace xos {
namespace {

constexpr std::chrono::minutes kHealthyAfter{1};
constexpr std::chrono::minutes kSilenceToldAgain{1};
constexpr int kMessagesPerRound = 256;  // other sources of the loop get their turn
constexpr int kEndDeadlineMs = 2000;

template <typename... Handlers>
struct Overloaded : Handlers... {
    using Handlers::operator()...;
};

}  // namespace

Outcome<void> AgentClient::watch_agent() {
    const auto on_readable = [](sd_event_source*, int, uint32_t events, void* self) {
        return static_cast<AgentClient*>(self)->on_socket(events);
    };
    // a connection that the agent had not accepted yet outlives it, because we hold the listening socket too
    const auto on_end = [](sd_event_source*, int, uint32_t, void* self) {
        auto* client = static_cast<AgentClient*>(self);
        client->read_messages();  // what it said last
        if (client->socket_) client->on_connection_lost();
        return 0;
    };
    io_ = sd_event_source_disable_unref(io_);
    end_ = sd_event_source_disable_unref(end_);
    int e = sd_event_add_io(event_, &io_, socket_.get(), EPOLLIN, on_readable, this);
    if (e >= 0) e = sd_event_add_io(event_, &end_, process_->pidfd(), EPOLLIN, on_end, this);
    if (e < 0) return failure_errno(-e, "cannot watch the connector agent");
    flush();
    return {};
}

void AgentClient::queue(AgentMessage message, std::vector<std::shared_ptr<const UniqueFd>> fds) {
    if (!socket_) return;  // a successor is told everything anew
    outgoing_.push_back({std::move(message), std::move(fds)});
    flush();
}

void AgentClient::flush() {
    while (socket_ && !outgoing_.empty()) {
        const Outgoing& next = outgoing_.front();
        std::vector<int> fds;
        for (const auto& fd : next.fds)
            if (*fd) fds.push_back(fd->get());
        // a binding whose cgroup is gone has no descriptor; its job is over
        if (fds.size() == next.fds.size()) {
            const auto sent = send_agent_message(socket_.get(), next.message, fds);
            if (!sent) break;  // not keeping up, or gone, which reading will tell
        }
        outgoing_.pop_front();
    }
    update_interest();
}

void AgentClient::update_interest() {
    if (io_ == nullptr) return;
    const bool more = !outgoing_.empty();
    sd_event_source_set_io_events(io_, static_cast<uint32_t>(more ? EPOLLIN | EPOLLOUT : EPOLLIN));
}

int AgentClient::on_socket(uint32_t events) {
    if ((events & EPOLLOUT) != 0) flush();
    read_messages();
    return 0;
}

void AgentClient::read_messages() {
    for (int i = 0; i < kMessagesPerRound && socket_; ++i) {
        auto received = receive_agent_message(socket_.get());
        if (!received) {
            if (received.error().code == Errc::invalid)
                log(Level::error, "the connector agent sent no message", {{"reason", received.error().step}});
            return on_connection_lost();
        }
        if (!*received) return;
        handle((*received)->message);
    }
}

void AgentClient::handle(const AgentMessage& message) {
    std::visit(Overloaded{
                   [&](const BindingState& state) { handle_state(state); },
                   [&](const MainExit& exit) { handle_main_exit(exit); },
                   [&](const SnapshotPage& page) { handle_page(page); },
                   [&](const Silence& silence) { handle_silence(silence); },
                   [&](const Empty& empty) {
                       const std::string job = job_of(empty.serial);
                       if (!job.empty() && callbacks_.on_empty) callbacks_.on_empty(job);
                   },
                   [&](const Lost& loss) {
                       if (callbacks_.on_lost) callbacks_.on_lost(job_of(loss.serial), loss);
                   },
                   [](const auto&) {},
               },
               message);
}

void AgentClient::handle_state(const BindingState& state) {
    const Bind& request = state.binding;
    const std::string job = job_of(request.serial);
    if (job.empty()) return;
    if (state.main_ended)
        handle_main_exit({.serial = request.serial, .pid = request.main_pid, .status = state.main_status});
    // a job in which nothing ever ran is not over, it has not begun
    if (state.alive == 0 && state.counters.received + state.counters.adopted > 0 && callbacks_.on_empty)
        callbacks_.on_empty(job);
}

void AgentClient::handle_main_exit(const MainExit& exit) {
    const std::string job = job_of(exit.serial);
    Binding* binding = find(job);
    if (binding == nullptr || (binding->main_told && (binding->main_status || !exit.status))) return;
    binding->main_told = true;
    binding->main_status = exit.status;
    if (callbacks_.on_main_exit) callbacks_.on_main_exit(job, exit.pid, exit.status);
}

void AgentClient::handle_page(const SnapshotPage& page) {
    const auto pending = snapshots_.find(page.request);
    if (pending == snapshots_.end()) return;
    JobSnapshot& collected = pending->second.collected;
    collected.counters = page.counters;
    collected.state_bytes = page.state_bytes;
    std::ranges::copy(page.processes, std::back_inserter(collected.processes));
    if (!page.last) return;
    PendingSnapshot done = std::move(pending->second);
    snapshots_.erase(pending);
    if (page.found)
        done.callback(std::move(done.collected));
    else
        done.callback(failure(Errc::not_found, "the job is not tracked any more"));
}

// First the socket's own LISTEN, which somebody who has it may have taken back; then one listener more each
// time, because the kernel's count of them may be wrong (facts in proc_connector_socket.h).
void AgentClient::handle_silence(const Silence& silence) {
    if (!silence.silent) {
        silence_told_.reset();
        log(Level::notice, "the kernel sends process events again",
            {{"seconds", std::to_string(silence.seconds)}});
        return;
    }
    const auto now = std::chrono::steady_clock::now();
    const bool tell = !silence_told_ || now - *silence_told_ >= kSilenceToldAgain;
    if (tell) {
        silence_told_ = now;
        log(Level::warning, "the kernel sends no process events: asking it again",
            {{"seconds", std::to_string(silence.seconds)},
             {"listeners", std::to_string(resources_.spares.size() + 1)}});
    }
    listen_proc_connector(resources_.netlink.get());
    if (auto added = resources_.spares.add(); !added && tell)
        log(Level::error, "process events cannot be repaired", {{"reason", added.error().message}});
}

void AgentClient::on_connection_lost() {
    log(Level::error, "the connector agent is lost");
    io_ = sd_event_source_disable_unref(io_);
    end_ = sd_event_source_disable_unref(end_);
    socket_.reset();
    outgoing_.clear();
    // an agent that closed the connection but lives would compete with its successor for the events
    if (process_) {
        process_->kill();
        if (!process_->wait(kEndDeadlineMs)) log(Level::error, "the connector agent does not die");
        process_.reset();
    }
    fail_snapshots();
    if (callbacks_.on_agent_death) callbacks_.on_agent_death();
    schedule_restart();
}

void AgentClient::fail_snapshots() {
    auto pending = std::exchange(snapshots_, {});
    for (auto& [request, snapshot] : pending)
        snapshot.callback(
            failure(Errc::unavailable, "the connector agent died while it was asked; ask again"));
}

void AgentClient::schedule_restart() {
    const bool healthy = std::chrono::steady_clock::now() - started_ > kHealthyAfter;
    backoff_ =
        healthy || backoff_.count() == 0 ? options_.pause_first : std::min(backoff_ * 2, options_.pause_last);
    const auto handler = [](sd_event_source*, uint64_t, void* self) {
        static_cast<AgentClient*>(self)->restart();
        return 0;
    };
    timer_ = sd_event_source_disable_unref(timer_);
    const auto delay = std::chrono::microseconds(backoff_).count();
    if (sd_event_add_time_relative(event_, &timer_, CLOCK_MONOTONIC, static_cast<uint64_t>(delay), 0, handler,
                                   this) < 0)
        log(Level::error, "cannot plan the restart of the connector agent");
}

void AgentClient::restart() {
    timer_ = sd_event_source_disable_unref(timer_);
    if (auto started = start_agent(); !started) {
        log(Level::error, "the connector agent cannot be restarted", {{"reason", started.error().message}});
        return schedule_restart();
    }
    log(Level::notice, "the connector agent was restarted", {{"pid", std::to_string(process_->pid())}});
}

}  // namespace xos
