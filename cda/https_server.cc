#include "cda/https_server.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <charconv>
#include <cstdarg>
#include <unordered_map>

#include "common/log.h"
#include "libxos/unique_fd.h"

namespace xos {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kConnectionMemory = 24 * 1024;  // request line and headers; more is answered with 431
constexpr unsigned kIdleSeconds = 10;
constexpr size_t kDiscardMax = 1024 * 1024;  // bytes of a body that are read only so that the refusal arrives
constexpr size_t kSlowestReader = 32 * 1024;  // bytes a second
constexpr std::chrono::seconds kStopTime{5};
constexpr char kTlsPriorities[] = "NORMAL:-VERS-ALL:+VERS-TLS1.3";  // gnutls_priority_init(3)

struct ResponseEnd {
    void operator()(MHD_Response* response) const { MHD_destroy_response(response); }
};
using ResponsePtr = std::unique_ptr<MHD_Response, ResponseEnd>;

struct DaemonEnd {
    void operator()(MHD_Daemon* daemon) const { MHD_stop_daemon(daemon); }
};

// A body that is being sent, counted until libmicrohttpd is through with it.
struct Body {
    std::string text;
    size_t& in_flight;
    Body(std::string bytes, size_t& counter) : text(std::move(bytes)), in_flight(counter) {
        in_flight += text.size();
    }
    ~Body() { in_flight -= text.size(); }
    Body(const Body&) = delete;
    Body& operator=(const Body&) = delete;
};

struct Connection {
    int fd;
    Clock::time_point deadline;
};

struct Upload {
    std::string body;
    size_t bytes = 0;  // that came, kept or not
};

std::string header_of(MHD_Connection* connection, const char* name) {
    const char* value = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
    return value ? value : "";
}

std::string address_of(MHD_Connection* connection) {
    const auto* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (info == nullptr || info->client_addr == nullptr) return "unknown";
    char text[INET6_ADDRSTRLEN] = "unknown";
    if (info->client_addr->sa_family == AF_INET6) {
        const auto& address = reinterpret_cast<const sockaddr_in6*>(info->client_addr)->sin6_addr;
        if (IN6_IS_ADDR_V4MAPPED(&address))
            inet_ntop(AF_INET, address.s6_addr + 12, text, sizeof text);
        else
            inet_ntop(AF_INET6, &address, text, sizeof text);
    } else if (info->client_addr->sa_family == AF_INET) {
        inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(info->client_addr)->sin_addr, text,
                  sizeof text);
    }
    return text;
}

bool says_too_much(MHD_Connection* connection) {
    const std::string text = header_of(connection, MHD_HTTP_HEADER_CONTENT_LENGTH);
    uint64_t length = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
    return !text.empty() &&
           (error != std::errc() || end != text.data() + text.size() || length > kDiscardMax);
}

HttpResponse too_large() {
    return {.status = MHD_HTTP_CONTENT_TOO_LARGE,
            .body = R"({"code":"invalid","message":"the request is too large"})"};
}

void log_library(void*, const char* format, va_list arguments) {
    char text[512];
    std::vsnprintf(text, sizeof text, format, arguments);
    log(Level::debug, "https", {{"message", text}});
}

Outcome<UniqueFd> open_listener(const ListenAddress& listen) {
    addrinfo hints{};
    hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const std::string port = std::to_string(listen.port);
    if (getaddrinfo(listen.host.c_str(), port.c_str(), &hints, &found) != 0)
        return failure(Errc::invalid, "{} is no address to listen on", listen.host);
    const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> address(found, freeaddrinfo);
    UniqueFd fd(socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const int on = 1, off = 0;
    if (!fd || setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        (address->ai_family == AF_INET6 &&
         setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) != 0) ||
        bind(fd.get(), address->ai_addr, address->ai_addrlen) != 0 || ::listen(fd.get(), 128) != 0)
        return failure_errno(errno, "cannot listen on {} port {}", listen.host, listen.port);
    return fd;
}

uint16_t port_of(int fd) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
    return ntohs(address.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6*>(&address)->sin6_port
                                               : reinterpret_cast<const sockaddr_in*>(&address)->sin_port);
}

class MicroHttpsServer final : public HttpsServer {
  public:
    MicroHttpsServer(EventLoop& loop, std::chrono::milliseconds request_time, Handler handler)
        : loop_(loop), request_time_(request_time), handler_(std::move(handler)) {}
    ~MicroHttpsServer() override { daemon_.reset(); }  // its callbacks use the rest

    Outcome<void> open(const HttpsOptions& options, const TlsIdentity& identity);
    uint16_t port() const override { return port_; }
    void stop(std::function<void()> ended) override;

  private:
    static MHD_Result on_request(void* self, MHD_Connection* connection, const char* url, const char* method,
                                 const char* version, const char* data, size_t* size, void** context);
    static void on_request_end(void* self, MHD_Connection* connection, void** context,
                               MHD_RequestTerminationCode code);
    static void on_connection(void* self, MHD_Connection* connection, void** context,
                              MHD_ConnectionNotificationCode code);

    MHD_Result take(MHD_Connection* connection, const char* url, const char* method, const char* data,
                    size_t* size, void** context);
    HttpResponse answer(MHD_Connection* connection, const char* url, const char* method, Upload& upload);
    MHD_Result queue(MHD_Connection* connection, HttpResponse response);
    void step();
    void end_late();
    void check_stopped();

    EventLoop& loop_;
    std::chrono::milliseconds request_time_;
    Handler handler_;
    uint16_t port_ = 0;
    size_t in_flight_ = 0;
    std::unordered_map<MHD_Connection*, Connection> connections_;
    std::function<void()> ended_;
    EventSource ready_, timer_, sweep_, stop_timer_;
    UniqueFd quiesced_;
    std::unique_ptr<MHD_Daemon, DaemonEnd> daemon_;
};

Outcome<void> MicroHttpsServer::open(const HttpsOptions& options, const TlsIdentity& identity) {
    auto listener = open_listener(options.listen);
    if (!listener) return std::unexpected(listener.error());
    port_ = port_of(listener->get());
    daemon_.reset(MHD_start_daemon(
        MHD_USE_TLS | MHD_USE_EPOLL | MHD_USE_ERROR_LOG, 0, nullptr, nullptr, &on_request, this,
        MHD_OPTION_EXTERNAL_LOGGER, &log_library, nullptr, MHD_OPTION_LISTEN_SOCKET, listener->get(),
        MHD_OPTION_HTTPS_MEM_KEY, identity.key_pem.c_str(), MHD_OPTION_HTTPS_MEM_CERT,
        identity.certificate_pem.c_str(), MHD_OPTION_HTTPS_PRIORITIES, kTlsPriorities,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, kConnectionMemory, MHD_OPTION_CONNECTION_LIMIT,
        options.connections, MHD_OPTION_PER_IP_CONNECTION_LIMIT, options.connections_per_address,
        MHD_OPTION_CONNECTION_TIMEOUT, kIdleSeconds, MHD_OPTION_NOTIFY_COMPLETED, &on_request_end, this,
        MHD_OPTION_NOTIFY_CONNECTION, &on_connection, this, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END));
    if (!daemon_) return failure(Errc::system, "cannot start the HTTPS server: is the TLS key sound?");
    (void)listener->release();  // the daemon's from here on
    const auto* info = MHD_get_daemon_info(daemon_.get(), MHD_DAEMON_INFO_EPOLL_FD);
    if (info == nullptr) return failure(Errc::system, "the HTTPS server has no event descriptor");
    auto ready = loop_.watch_fd(info->epoll_fd, EPOLLIN, [this](uint32_t) { step(); });
    if (!ready) return std::unexpected(ready.error());
    ready_ = std::move(*ready);
    end_late();
    return {};
}

void MicroHttpsServer::step() {
    MHD_run(daemon_.get());
    timer_ = {};
    const int64_t wait = MHD_get_timeout64s(daemon_.get());  // milliseconds; -1: nothing is awaited
    if (wait >= 0)
        if (auto timer = loop_.after(std::chrono::milliseconds(wait), [this] { step(); }))
            timer_ = std::move(*timer);
    check_stopped();
}

// libmicrohttpd knows idle connections only: one that sends a byte now and then would live for ever.
void MicroHttpsServer::end_late() {
    const auto now = Clock::now();
    for (const auto& [connection, state] : connections_)
        if (now >= state.deadline) shutdown(state.fd, SHUT_RDWR);
    const auto pause = std::min<std::chrono::milliseconds>(std::chrono::seconds(1), request_time_ / 4);
    if (auto sweep = loop_.after(pause, [this] { end_late(); })) sweep_ = std::move(*sweep);
}

void MicroHttpsServer::stop(std::function<void()> ended) {
    ended_ = std::move(ended);
    quiesced_.reset(MHD_quiesce_daemon(daemon_.get()));
    if (auto timer = loop_.after(kStopTime, [this] {
            connections_.clear();
            check_stopped();
        }))
        stop_timer_ = std::move(*timer);
    check_stopped();
}

void MicroHttpsServer::check_stopped() {
    if (ended_ && connections_.empty()) std::exchange(ended_, nullptr)();
}

void MicroHttpsServer::on_connection(void* self, MHD_Connection* connection, void**,
                                     MHD_ConnectionNotificationCode code) {
    auto& server = *static_cast<MicroHttpsServer*>(self);
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        server.connections_.erase(connection);
        return;
    }
    const auto* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (info) server.connections_[connection] = {info->connect_fd, Clock::now() + server.request_time_};
}

MHD_Result MicroHttpsServer::on_request(void* self, MHD_Connection* connection, const char* url,
                                        const char* method, const char*, const char* data, size_t* size,
                                        void** context) {
    try {
        return static_cast<MicroHttpsServer*>(self)->take(connection, url, method, data, size, context);
    } catch (const std::exception& error) {
        log(Level::error, "request failed", {{"reason", error.what()}});
        return MHD_NO;
    }
}

void MicroHttpsServer::on_request_end(void*, MHD_Connection*, void** context, MHD_RequestTerminationCode) {
    delete static_cast<Upload*>(*context);
    *context = nullptr;
}

MHD_Result MicroHttpsServer::take(MHD_Connection* connection, const char* url, const char* method,
                                  const char* data, size_t* size, void** context) {
    if (*context == nullptr) {
        *context = new Upload;  // ends in on_request_end()
        return says_too_much(connection) ? queue(connection, too_large()) : MHD_YES;
    }
    auto& upload = *static_cast<Upload*>(*context);
    if (*size == 0)
        return queue(connection,
                     upload.bytes > kHttpBodyMax ? too_large() : answer(connection, url, method, upload));
    // a chunked body says its size at its end only
    upload.bytes += *size;
    if (upload.bytes > kDiscardMax) return MHD_NO;
    if (upload.bytes <= kHttpBodyMax) upload.body.append(data, *size);
    *size = 0;
    return MHD_YES;
}

HttpResponse MicroHttpsServer::answer(MHD_Connection* connection, const char* url, const char* method,
                                      Upload& upload) {
    HttpRequest request;
    request.method = method;
    request.path = url;
    if (const char* since = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "since"))
        request.since = since;
    request.if_none_match = header_of(connection, MHD_HTTP_HEADER_IF_NONE_MATCH);
    request.accept_encoding = header_of(connection, MHD_HTTP_HEADER_ACCEPT_ENCODING);
    request.address = address_of(connection);
    request.body = std::move(upload.body);
    return handler_(request);
}

MHD_Result MicroHttpsServer::queue(MHD_Connection* connection, HttpResponse response) {
    if (in_flight_ + response.body.size() > kHttpAnswersMax)
        response = {.status = MHD_HTTP_SERVICE_UNAVAILABLE,
                    .body = R"({"code":"unavailable","message":"too much is asked for at once: try again"})",
                    .retry_after = 10};
    const size_t bytes = response.body.size();
    auto* const body = new Body(std::move(response.body), in_flight_);
    const ResponsePtr made(MHD_create_response_from_buffer_with_free_callback_cls(
        bytes, body->text.data(), [](void* sent) { delete static_cast<Body*>(sent); }, body));
    if (!made) {
        delete body;
        return MHD_NO;
    }
    const auto add = [&](const char* name, const std::string& value) {
        if (!value.empty()) MHD_add_response_header(made.get(), name, value.c_str());
    };
    add(MHD_HTTP_HEADER_CONNECTION, "close");
    add(MHD_HTTP_HEADER_CONTENT_TYPE, response.content_type);
    add(MHD_HTTP_HEADER_ETAG, response.etag);
    add(MHD_HTTP_HEADER_CONTENT_ENCODING, response.content_encoding);
    add(MHD_HTTP_HEADER_CACHE_CONTROL, response.etag.empty() ? "no-store" : "no-cache");
    if (response.retry_after > 0) add(MHD_HTTP_HEADER_RETRY_AFTER, std::to_string(response.retry_after));
    if (const auto state = connections_.find(connection); state != connections_.end())
        state->second.deadline = Clock::now() + request_time_ + std::chrono::seconds(bytes / kSlowestReader);
    return MHD_queue_response(connection, response.status, made.get());
}

}  // namespace

Outcome<ListenAddress> read_listen_address(std::string_view text) {
    const auto refuse = [&] {
        return failure(Errc::invalid,
                       "{} is no address to listen on: expected one such as 0.0.0.0:8443 or [::]:8443", text);
    };
    const size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) return refuse();
    std::string_view host = text.substr(0, colon);
    const std::string_view port = text.substr(colon + 1);
    ListenAddress address;
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
    if (error != std::errc() || port.empty() || end != port.data() + port.size()) return refuse();
    const bool bracketed = host.starts_with('[') && host.ends_with(']');
    if (bracketed) host = host.substr(1, host.size() - 2);
    address.host = host;
    in6_addr bytes{};
    if (inet_pton(bracketed ? AF_INET6 : AF_INET, address.host.c_str(), &bytes) != 1) return refuse();
    return address;
}

Outcome<std::unique_ptr<HttpsServer>> HttpsServer::start(EventLoop& loop, const HttpsOptions& options,
                                                         const TlsIdentity& identity, Handler handler) {
    auto server = std::make_unique<MicroHttpsServer>(loop, options.request_time, std::move(handler));
    if (auto opened = server->open(options, identity); !opened) return std::unexpected(opened.error());
    return server;
}

}  // namespace xos
