// The half of AgentClient that comes to an agent: one that runs, one with what was kept, or a new one.
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "common/log.h"
#include "xosd/tracking/agent_client.h"
#include "xosd/tracking/cgroup_file.h"
#include "xosd/tracking/cgroup_tree.h"

namespace xos {
namespace {

constexpr std::chrono::seconds kHandshakeDeadline{3};
constexpr size_t kUnfilteredFds = static_cast<size_t>(AgentFd::cpus) - static_cast<size_t>(AgentFd::netlink);

Outcome<UniqueFd> connect_to(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path)
        return failure(Errc::invalid, "the socket path {} is too long", path);
    std::memcpy(address.sun_path, path.data(), path.size());
    UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket) return failure_errno(errno, "cannot make a socket");
    if (connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
        return socket;
    const int reason = errno;
    if (reason == ENOENT || reason == ECONNREFUSED)
        return failure(Errc::not_found, "no agent listens on {}", path);
    return failure_errno(reason, "cannot connect to {}", path);
}

Outcome<UniqueFd> open_bound_cgroup(const Bind& request) {
    auto cgroup = open_cgroup(request.path);
    if (!cgroup) return cgroup;
    auto id = cgroup_id(cgroup->get());
    if (!id) return std::unexpected(id.error());
    if (*id != request.cgroup_id) return failure(Errc::not_found, "{} is another cgroup now", request.path);
    return cgroup;
}

}  // namespace

Outcome<std::unique_ptr<AgentClient>> AgentClient::start_or_adopt(sd_event* event, AgentOptions options,
                                                                  AgentCallbacks callbacks) {
    std::unique_ptr<AgentClient> client(new AgentClient(event, std::move(options), std::move(callbacks)));
    auto adopted = client->may_run() ? client->adopt() : Outcome<bool>(false);
    if (!adopted)
        log(Level::error, "the running agent cannot be adopted; a new one is started",
            {{"reason", adopted.error().message}});
    if (adopted && *adopted) return client;
    if (auto opened = client->open_resources(); !opened) return std::unexpected(opened.error());
    if (auto started = client->start_agent(); !started) return std::unexpected(started.error());
    return client;
}

// Those that somebody kept, else new ones.
Outcome<void> AgentClient::open_resources() {
    if (!options_.kept.empty()) {
        const bool filtered = options_.kept.size() > kUnfilteredFds;
        auto kept = adopt_agent_resources(std::exchange(options_.kept, {}), filtered);
        if (kept) {
            resources_ = std::move(*kept);
            resuming_ = filtered;
            if (filtered) last_serial_ = resources_.filter->last_serial();
            log(Level::notice, "an earlier agent's socket and counters go on");
            if (options_.keep) options_.keep(resources_.descriptors(), false);
            return {};
        }
        log(Level::error, "what was kept of an earlier agent is of no use: tracking starts anew",
            {{"reason", kept.error().message}});
    }
    auto opened = open_agent_resources(options_.socket_path, options_.receive_buffer, options_.use_filter);
    if (!opened) return std::unexpected(opened.error());
    resources_ = std::move(*opened);
    if (options_.keep) options_.keep(resources_.descriptors(), true);
    return {};
}

void AgentClient::ready() {
    if (std::exchange(ready_, true)) return;
    if (std::exchange(resuming_, false)) {
        std::vector<ConnectorFilter::Entry> wanted;
        for (const auto& [job, binding] : bindings_)
            wanted.push_back({.cgroup_id = binding.request.cgroup_id,
                              .slot = binding.request.slot,
                              .serial = binding.request.serial});
        if (auto cleared = resources_.filter->reconcile(wanted); !cleared)
            log(Level::error, "bindings of an earlier agent are left", {{"reason", cleared.error().message}});
    }
    queue(Start{});
}

// Whether there may be an agent: kept descriptors let one connect to a socket that nobody serves any more.
bool AgentClient::may_run() const {
    if (options_.kept.empty() || options_.program.cgroup < 0) return true;
    const auto members = read_cgroup_file(options_.program.cgroup, "cgroup.procs");
    return !members || !members->empty();
}

// False: there is none to adopt.
Outcome<bool> AgentClient::adopt() {
    auto socket = connect_to(options_.socket_path);
    if (!socket && socket.error().code == Errc::not_found) return false;
    if (!socket) return std::unexpected(socket.error());
    const int on = 1;
    const int off = 0;
    // SO_PEERCRED would name who called listen(2), the xosd of then
    if (setsockopt(socket->get(), SOL_SOCKET, SO_PASSPIDFD, &on, sizeof on) != 0)
        return failure_errno(errno, "cannot learn who the agent is");
    if (auto sent = send_agent_message(socket->get(), Hello{}); !sent)
        return std::unexpected(to_failure(sent.error()));
    if (auto read = read_adopted_state(socket->get()); !read) {
        if (process_) process_->kill();
        process_.reset();
        bindings_.clear();
        jobs_.clear();
        slots_.reset();
        adopted_.clear();
        return std::unexpected(read.error());
    }
    setsockopt(socket->get(), SOL_SOCKET, SO_PASSPIDFD, &off, sizeof off);
    last_serial_ = std::max(last_serial_, resources_.filter ? resources_.filter->last_serial() : 0);
    log(Level::notice, "adopted the running connector agent",
        {{"pid", std::to_string(process_->pid())}, {"bindings", std::to_string(bindings_.size())}});
    socket_ = std::move(*socket);
    started_ = std::chrono::steady_clock::now();
    if (options_.keep) options_.keep(resources_.descriptors(), false);
    if (auto watched = watch_agent(); !watched) return std::unexpected(watched.error());
    return true;
}

Outcome<void> AgentClient::read_adopted_state(int socket) {
    const auto deadline = std::chrono::steady_clock::now() + kHandshakeDeadline;
    for (;;) {
        auto received = receive_agent_message(socket);
        if (!received) return std::unexpected(to_failure(received.error()));
        if (!*received) {
            const auto left =
                std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
            pollfd wait{.fd = socket, .events = POLLIN};
            if (left.count() <= 0 || poll(&wait, 1, static_cast<int>(left.count())) == 0)
                return failure(Errc::timeout, "the running agent does not answer");
            continue;
        }
        if ((*received)->sender && !process_) {
            auto process = AgentProcess::adopt(std::move((*received)->sender));
            if (!process) return std::unexpected(process.error());
            process_ = std::move(*process);
        }
        const AgentMessage& message = (*received)->message;
        if (const auto* welcome = std::get_if<Welcome>(&message)) {
            if (welcome->version != kAgentProtocolVersion)
                return failure(Errc::conflict, "the running agent speaks version {}", welcome->version);
            auto resources = adopt_agent_resources(std::move((*received)->fds), welcome->filtered);
            if (!resources) return std::unexpected(resources.error());
            resources_ = std::move(*resources);
        } else if (const auto* state = std::get_if<BindingState>(&message)) {
            adopted_.push_back(*state);
        } else if (std::holds_alternative<StateEnd>(message)) {
            if (!process_ || !resources_.netlink)
                return failure(Errc::invalid, "the running agent did not introduce itself");
            return adopt_bindings();
        }
    }
}

// The agent has the cgroups' descriptors, and a later successor needs them from us: they are opened again by
// path.
Outcome<void> AgentClient::adopt_bindings() {
    std::vector<ConnectorFilter::Entry> entries;
    for (const BindingState& state : adopted_) {
        const Bind& request = state.binding;
        auto cgroup = open_bound_cgroup(request);
        if (!cgroup) {
            log(Level::notice, "the cgroup of a tracked job is gone",
                {{"job", request.job}, {"reason", cgroup.error().message}});
            cgroup = UniqueFd();
        }
        entries.push_back({.cgroup_id = request.cgroup_id, .slot = request.slot, .serial = request.serial});
        last_serial_ = std::max(last_serial_, request.serial);
        last_slot_ = std::max(last_slot_, request.slot);
        if (request.slot < XOS_BINDINGS_MAX) slots_[request.slot] = true;
        jobs_[request.serial] = request.job;
        bindings_[request.job] = {.request = request,
                                  .cgroup = std::make_shared<const UniqueFd>(std::move(*cgroup))};
    }
    if (sd_event_add_defer(event_, &adopted_source_, on_adopted, this) < 0)
        return failure(Errc::system, "cannot plan to tell what the adopted agent knows");
    return resources_.filter ? resources_.filter->reconcile(entries) : Outcome<void>();
}

int AgentClient::on_adopted(sd_event_source*, void* self) {
    auto* client = static_cast<AgentClient*>(self);
    for (const BindingState& state : std::exchange(client->adopted_, {})) client->handle_state(state);
    return 0;
}

Outcome<void> AgentClient::start_agent() {
    auto process =
        AgentProcess::spawn(options_.program, resources_.descriptors(), resources_.filter.has_value());
    if (!process) return std::unexpected(process.error());
    process_ = std::move(*process);
    started_ = std::chrono::steady_clock::now();
    if (resources_.filter) {
        if (auto set = resources_.filter->set_agent(process_->pid()); !set) return set;
    }
    auto socket = connect_to(options_.socket_path);
    if (!socket) return std::unexpected(socket.error());
    socket_ = std::move(*socket);
    queue(Hello{});
    for (auto& [job, binding] : bindings_) {
        binding.request.resume = true;
        binding.request.restored = false;
        queue_bind(binding, binding.request);
    }
    if (ready_) queue(Start{});
    return watch_agent();
}

}  // namespace xos
