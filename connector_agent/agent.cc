#include "connector_agent/agent.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>
#include <variant>

#include "common/log.h"

namespace xos {
namespace {

constexpr uint64_t kTickNs = 1'000'000'000;
constexpr uint64_t kSilentTickNs = 100'000'000;  // while xosd repairs
constexpr size_t kRequestsMax = 4096;

template <typename... Handlers>
struct Overloaded : Handlers... {
    using Handlers::operator()...;
};

std::optional<std::string> path_of(int listener) {
    sockaddr_un address{};
    socklen_t size = sizeof address;
    if (getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0) return std::nullopt;
    if (size <= sizeof(sa_family_t) || address.sun_path[0] == '\0') return std::nullopt;
    return std::string(address.sun_path, strnlen(address.sun_path, sizeof address.sun_path));
}

Outcome<UniqueFd> make_timer() {
    UniqueFd timer(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
    if (!timer) return failure_errno(errno, "cannot make the agent's timer");
    return timer;
}

}  // namespace

Agent::Agent(ProcEventSource source, ProcessFiles files, UniqueFd listener, UniqueFd timer)
    : tracker_(
          std::move(source), std::move(files),
          [this](const AgentMessage& message, bool vital) { outbox_.send(message, vital); },
          [this] { bind_waiting(); }),
      listener_(std::move(listener)),
      timer_(std::move(timer)) {}

Outcome<std::unique_ptr<Agent>> Agent::make(ProcEventSource source, ProcessFiles files, UniqueFd listener) {
    auto timer = make_timer();
    if (!timer) return std::unexpected(timer.error());
    std::unique_ptr<Agent> agent(
        new Agent(std::move(source), std::move(files), std::move(listener), std::move(*timer)));
    const auto path = path_of(agent->listener_.get());
    if (!path || stat(path->c_str(), &agent->place_) != 0)
        return failure(Errc::invalid, "the agent's listening socket has no path");
    return agent;
}

Outcome<void> Agent::run() {
    set_tick(kTickNs);
    std::vector<pollfd> polls;
    while (!is_orphaned()) {
        const auto wanted = static_cast<short>(outbox_.waiting() ? POLLIN | POLLOUT : POLLIN);
        polls.assign({{.fd = tracker_.started() ? tracker_.source().socket() : -1, .events = POLLIN},
                      {.fd = listener_.get(), .events = POLLIN},
                      {.fd = timer_.get(), .events = POLLIN},
                      {.fd = outbox_.socket(), .events = wanted}});
        const size_t fixed = polls.size();
        tracker_.add_escaped(polls);
        if (poll(polls.data(), polls.size(), tracker_.timeout_ms()) < 0 && errno != EINTR)
            return failure_errno(errno, "the agent cannot wait for events");
        if (polls[0].revents != 0) tracker_.read_events();
        if ((polls[3].revents & POLLOUT) != 0) outbox_.flush();
        if ((polls[3].revents & (POLLIN | POLLHUP | POLLERR)) != 0) read_requests();
        if (polls[1].revents != 0) accept_peer();
        if (polls[2].revents != 0) on_tick();
        if (std::ranges::any_of(polls.begin() + static_cast<ptrdiff_t>(fixed), polls.end(),
                                [](const pollfd& one) { return one.revents != 0; }))
            tracker_.escaped_ready();
        tracker_.run_due();
        if (outbox_.take_dropped() > 0) tracker_.send_state();
    }
    return {};
}

void Agent::accept_peer() {
    UniqueFd peer(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!peer) return;
    ucred credentials{};
    socklen_t size = sizeof credentials;
    if (getsockopt(peer.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0 || credentials.uid != 0) {
        log(Level::warning, "refused a peer that is not root", {{"uid", std::to_string(credentials.uid)}});
        return;
    }
    requests_.clear();
    greeted_ = false;
    outbox_.connect(std::move(peer));
}

void Agent::read_requests() {
    while (outbox_.connected() && requests_.size() < kRequestsMax) {
        auto received = receive_agent_message(outbox_.socket());
        if (!received) {
            if (received.error().code == Errc::invalid)
                log(Level::error, "xosd sent something that is no request",
                    {{"reason", received.error().step}});
            outbox_.disconnect();
            break;
        }
        if (!*received) break;
        requests_.push_back(std::move(**received));
    }
    while (!requests_.empty()) {
        ReceivedMessage next = std::move(requests_.front());
        requests_.pop_front();
        handle(std::move(next));
    }
}

void Agent::bind_waiting() {
    while (outbox_.connected() && requests_.size() < kRequestsMax) {
        auto received = receive_agent_message(outbox_.socket());
        if (!received || !*received) break;  // an end of connection is met again by read_requests()
        requests_.push_back(std::move(**received));
    }
    if (!greeted_) return;
    std::deque<ReceivedMessage> others;
    for (ReceivedMessage& request : std::exchange(requests_, {})) {
        if (std::holds_alternative<Bind>(request.message))
            handle(std::move(request));
        else
            others.push_back(std::move(request));
    }
    requests_ = std::move(others);
}

void Agent::handle(ReceivedMessage received) {
    if (!greeted_ && !std::holds_alternative<Hello>(received.message)) return outbox_.disconnect();
    std::visit(Overloaded{
                   [&](const Hello& hello) {
                       if (hello.version != kAgentProtocolVersion)
                           log(Level::warning, "xosd speaks another version",
                               {{"version", std::to_string(hello.version)}});
                       greet();
                   },
                   [&](Bind& bind) {
                       if (received.fds.empty() || received.fds.size() > 2) return;
                       UniqueFd journal;
                       if (received.fds.size() == 2) journal = std::move(received.fds[1]);
                       tracker_.bind(std::move(bind), std::move(received.fds[0]), std::move(journal));
                   },
                   [&](const WatchMain& watch) { tracker_.watch_main(watch); },
                   [&](const Unbind& unbind) { tracker_.unbind(unbind); },
                   [&](const Start&) { tracker_.start(); },
                   [&](const SnapshotRequest& request) { tracker_.snapshot(request); },
                   [&](const auto&) { outbox_.disconnect(); },
               },
               received.message);
}

void Agent::greet() {
    greeted_ = true;
    const std::vector<int> fds = tracker_.source().descriptors();
    outbox_.send(
        Welcome{.pid = getpid(), .filtered = tracker_.source().filtered(), .waiting = !tracker_.started()},
        true, fds);
    tracker_.send_state();
}

void Agent::set_tick(uint64_t interval_ns) {
    if (interval_ns == tick_ns_) return;
    tick_ns_ = interval_ns;
    const timespec interval{.tv_sec = static_cast<time_t>(interval_ns / kTickNs),
                            .tv_nsec = static_cast<long>(interval_ns % kTickNs)};
    const itimerspec setting{.it_interval = interval, .it_value = interval};
    timerfd_settime(timer_.get(), 0, &setting, nullptr);
}

void Agent::on_tick() {
    uint64_t expirations = 0;
    if (read(timer_.get(), &expirations, sizeof expirations) < 0) return;
    tracker_.tick();
    set_tick(tracker_.silent() ? kSilentTickNs : kTickNs);
}

bool Agent::is_orphaned() const {
    if (outbox_.connected()) return false;
    const auto path = path_of(listener_.get());
    struct stat now{};
    if (!path || stat(path->c_str(), &now) != 0) return errno == ENOENT;
    return now.st_dev != place_.st_dev || now.st_ino != place_.st_ino;
}

}  // namespace xos
