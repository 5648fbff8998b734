#include "xosd/shim/pam_server.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <map>
#include <vector>

#include "common/log.h"

namespace xos {
namespace {

// Quotas: the keys command runs before authentication, so its share must not starve root's.
constexpr size_t kConnectionsMax = 512;
constexpr size_t kKeysConnectionsMax = 256;
constexpr auto kAcceptPause = std::chrono::milliseconds(200);  // when the process has no descriptor left
constexpr auto kFullPause = std::chrono::seconds(10);
constexpr auto kConnectionDeadline = std::chrono::seconds(30);

struct Connection {
    UniqueFd fd;
    PamCaller caller;
    EventSource on_readable, on_deadline;
};

UniqueFd peer_pidfd(int fd) {
    int pidfd = -1;
    socklen_t size = sizeof pidfd;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &size) != 0) return {};
    return UniqueFd(pidfd);
}

}  // namespace

struct PamServer::Impl {
    EventLoop& loop;
    Options options;
    PamHandler& handler;
    UniqueFd listener;
    EventSource on_connection, on_resume;
    std::map<uint64_t, Connection> connections;
    uint64_t next_id = 1;
    std::chrono::steady_clock::time_point quiet_until{};
    // replies may come after the server has gone
    std::shared_ptr<Impl*> self = std::make_shared<Impl*>(this);

    Impl(EventLoop& l, Options o, PamHandler& h) : loop(l), options(std::move(o)), handler(h) {}
    ~Impl() { *self = nullptr; }

    Outcome<void> listen_on_path();
    Outcome<void> watch_listener();
    void pause(int error);
    void tell_full(uid_t uid);
    void accept_one();
    void read_request(uint64_t id);
    void dispatch(uint64_t id, Connection& connection, const Request& request);
    template <typename Reply>
    std::function<void(const Reply&)> replier(uint64_t id);
    // False: the asker has gone, or cannot be told.
    template <typename Reply>
    bool send_reply(uint64_t id, const Reply& reply);
    size_t count_of(uid_t uid) const {
        size_t n = 0;
        for (const auto& [id, connection] : connections) n += connection.caller.uid == uid ? 1 : 0;
        return n;
    }
};

Outcome<void> PamServer::Impl::listen_on_path() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (options.path.size() >= sizeof address.sun_path)
        return failure(Errc::invalid, "socket path {} is too long", options.path);
    options.path.copy(address.sun_path, sizeof address.sun_path - 1);
    listener = UniqueFd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!listener) return failure_errno(errno, "cannot make a socket");
    unlink(options.path.c_str());
    // closed to all until its owner and mode are right
    const mode_t before = umask(0177);
    const int bound = bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
    const int bind_errno = errno;
    umask(before);
    if (bound != 0) return failure_errno(bind_errno, "cannot bind {}", options.path);
    if (chown(options.path.c_str(), 0, options.keys_gid) != 0 || chmod(options.path.c_str(), 0660) != 0)
        return failure_errno(errno, "cannot set the owner of {}", options.path);
    if (listen(listener.get(), 128) != 0) return failure_errno(errno, "cannot listen on {}", options.path);
    return watch_listener();
}

Outcome<void> PamServer::Impl::watch_listener() {
    auto source = loop.watch_fd(listener.get(), EPOLLIN, [this](uint32_t) { accept_one(); });
    if (!source) return std::unexpected(source.error());
    on_connection = *std::move(source);
    return {};
}

// A connection that cannot be accepted stays readable: without a pause the loop would do nothing else. Who
// waits is served where a descriptor comes free meanwhile.
void PamServer::Impl::pause(int error) {
    auto resume = loop.after(kAcceptPause, [this, error] {
        if (!watch_listener()) pause(error);
    });
    if (!resume) return;
    log(Level::error, "login socket: a connection waits",
        {{"reason", failure_errno(error, "cannot accept it").error().message}});
    on_connection = {};
    on_resume = *std::move(resume);
}

// Once in a while: whoever fills it could fill the log, too.
void PamServer::Impl::tell_full(uid_t uid) {
    const auto now = std::chrono::steady_clock::now();
    if (now < quiet_until) return;
    quiet_until = now + kFullPause;
    log(Level::warning, "login socket is full", {{"uid", std::to_string(uid)}});
}

void PamServer::Impl::accept_one() {
    UniqueFd fd(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd) {
        if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) pause(errno);
        return;
    }
    ucred peer{};
    socklen_t size = sizeof peer;
    if (getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return;
    const bool keys = peer.uid == options.keys_uid;
    if (peer.uid != 0 && !keys) {
        log(Level::warning, "login socket refused a peer", {{"uid", std::to_string(peer.uid)}});
        return;
    }
    if (connections.size() >= kConnectionsMax || (keys && count_of(peer.uid) >= kKeysConnectionsMax)) {
        tell_full(peer.uid);
        return;
    }
    const uint64_t id = next_id++;
    Connection connection;
    connection.caller = {peer.pid, peer.uid, peer_pidfd(fd.get())};
    auto readable = loop.watch_fd(fd.get(), EPOLLIN, [this, id](uint32_t) { read_request(id); });
    auto deadline = loop.after(kConnectionDeadline, [this, id] { connections.erase(id); });
    if (!readable || !deadline) return;
    connection.fd = std::move(fd);
    connection.on_readable = *std::move(readable);
    connection.on_deadline = *std::move(deadline);
    connections.emplace(id, std::move(connection));
}

void PamServer::Impl::read_request(uint64_t id) {
    Connection& connection = connections.at(id);
    connection.on_readable = {};  // one request a connection
    // not the connection's: a handler that answers at once ends that, and may still look at its query
    std::vector<std::byte> packet(kRequestMax + 1);
    const ssize_t n = recv(connection.fd.get(), packet.data(), packet.size(), 0);
    if (n <= 0 || static_cast<size_t>(n) > kRequestMax) {
        connections.erase(id);
        return;
    }
    packet.resize(static_cast<size_t>(n));
    const auto request = decode_request(packet);
    if (!request) {
        log(Level::warning, "login socket: malformed request",
            {{"uid", std::to_string(connection.caller.uid)}});
        connections.erase(id);
        return;
    }
    dispatch(id, connection, *request);
}

template <typename Reply>
bool PamServer::Impl::send_reply(uint64_t id, const Reply& reply) {
    const auto found = connections.find(id);
    if (found == connections.end()) return false;  // its deadline passed
    const Connection connection = std::move(connections.extract(found).mapped());
    std::vector<std::byte> buffer(kReplyMax);
    const auto size = encode_reply(reply, buffer);
    if (!size)
        log(Level::error, "login socket: a reply could not be encoded", {{"reason", size.error().step}});
    return size && send(connection.fd.get(), buffer.data(), *size, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
}

template <typename Reply>
std::function<void(const Reply&)> PamServer::Impl::replier(uint64_t id) {
    return [id, weak = self](const Reply& reply) {
        if (*weak == nullptr) return;
        Impl& server = **weak;
        if (server.send_reply(id, reply)) return;
        // who was not told of the session will not close it
        if constexpr (std::is_same_v<Reply, SessionReply>)
            if (reply.answer.verdict == Verdict::permit)
                server.handler.close_session({reply.session}, [](const CloseReply&) {});
    };
}

void PamServer::Impl::dispatch(uint64_t id, Connection& connection, const Request& request) {
    if (const auto* keys = std::get_if<KeysQuery>(&request))
        return handler.answer_keys(*keys, replier<KeysReply>(id));
    if (connection.caller.uid != 0) {
        log(Level::warning, "login socket: only root may ask this",
            {{"uid", std::to_string(connection.caller.uid)}});
        connections.erase(id);
        return;
    }
    if (const auto* account = std::get_if<AccountQuery>(&request))
        handler.answer_account(*account, replier<AccountReply>(id));
    else if (const auto* open = std::get_if<OpenSession>(&request))
        handler.open_session(*open, std::move(connection.caller), replier<SessionReply>(id));
    else if (const auto* authenticate = std::get_if<AuthenticateQuery>(&request))
        handler.answer_authenticate(*authenticate, std::move(connection.caller),
                                    replier<AuthenticateReply>(id));
    else if (const auto* keys_of_session = std::get_if<NoteKeys>(&request))
        handler.note_keys(*keys_of_session, replier<NoteReply>(id));
    else if (const auto* close = std::get_if<CloseSession>(&request))
        handler.close_session(*close, replier<CloseReply>(id));
}

PamServer::PamServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PamServer::~PamServer() = default;

Outcome<std::unique_ptr<PamServer>> PamServer::start(EventLoop& loop, Options options, PamHandler& handler) {
    auto impl = std::make_unique<Impl>(loop, std::move(options), handler);
    if (auto listening = impl->listen_on_path(); !listening) return std::unexpected(listening.error());
    return std::unique_ptr<PamServer>(new PamServer(std::move(impl)));
}

}  // namespace xos
