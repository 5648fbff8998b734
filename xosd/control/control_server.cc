#include "xosd/control/control_server.h"

#include <sys/epoll.h>
#include <systemd/sd-varlink.h>

#include <algorithm>
#include <array>
#include <exception>

#include "common/log.h"
#include "libxos/names.h"

namespace xos {
namespace {

constexpr unsigned kConnectionsMax = 512;
constexpr unsigned kConnectionsPerUserMax = 32;
constexpr size_t kMethodsMax = 64;
constexpr char kFailedError[] = "org.xtreemos.Node.Failed";

struct ServerUnref {
    void operator()(sd_varlink_server* server) const { sd_varlink_server_unref(server); }
};
struct LinkUnref {
    void operator()(sd_varlink* link) const { sd_varlink_unref(link); }
};

void send_failure(sd_varlink* link, const Failure& failed) {
    const Json parameters = JsonObject()
                                .set("code", Json::string(errc_name(failed.code)))
                                .set("message", Json::string(failed.message))
                                .build();
    sd_varlink_error(link, kFailedError, parameters.variant());
}

void send_reply(sd_varlink* link, Outcome<ControlReply> outcome) {
    if (!outcome) return send_failure(link, outcome.error());
    if (outcome->fd) {
        if (const int r = sd_varlink_set_allow_fd_passing_output(link, 1); r < 0)
            return send_failure(link, Failure{Errc::system, "cannot pass a descriptor on this connection"});
        if (const int r = sd_varlink_push_fd(link, outcome->fd.get()); r < 0)
            return send_failure(link, Failure{Errc::system, "cannot pass a descriptor"});
        (void)outcome->fd.release();  // the link owns it now
    }
    if (outcome->more) {
        if (const int r = sd_varlink_notify(link, outcome->parameters.variant()); r < 0)
            log(Level::debug, "a reply was not sent", {{"reason", strerror(-r)}});
        return;
    }
    // a reply that is too long for one message must not leave the caller waiting
    if (const int r = sd_varlink_reply(link, outcome->parameters.variant()); r < 0)
        send_failure(link, Failure{Errc::system, "the answer cannot be sent: it is too long"});
}

}  // namespace

std::string_view errc_name(Errc code) {
    switch (code) {
        case Errc::not_found:
            return "not-found";
        case Errc::denied:
            return "denied";
        case Errc::invalid:
            return "invalid";
        case Errc::unavailable:
            return "unavailable";
        case Errc::too_small:
            return "too-small";
        case Errc::timeout:
            return "timeout";
        case Errc::exists:
            return "exists";
        case Errc::conflict:
            return "conflict";
        case Errc::system:
            return "system";
    }
    return "system";
}

struct ControlServer::Impl {
    std::unique_ptr<sd_varlink_server, ServerUnref> server;
    std::array<ControlMethod, kMethodsMax> methods;
    size_t used = 0;
};

namespace {

int call_method(sd_varlink* link, sd_json_variant* parameters, const ControlMethod& method) {
    Caller caller;
    if (sd_varlink_get_peer_uid(link, &caller.uid) < 0 || sd_varlink_get_peer_pid(link, &caller.pid) < 0) {
        send_failure(link, Failure{Errc::denied, "the kernel does not say who is calling"});
        return 0;
    }
    caller.fd = std::max(sd_varlink_peek_fd(link, 0), -1);
    std::shared_ptr<sd_varlink> held(sd_varlink_ref(link), LinkUnref());
    try {
        method(caller, Json::adopt(sd_json_variant_ref(parameters)),
               Respond(
                   Respond::Send(
                       [held](Outcome<ControlReply> outcome) { send_reply(held.get(), std::move(outcome)); }),
                   [held] { return sd_varlink_get_fd(held.get()) >= 0; },
                   [held] { return (sd_varlink_get_events(held.get()) & EPOLLOUT) != 0; }));
    } catch (const std::exception& error) {
        log(Level::error, "control call failed", {{"reason", error.what()}});
        send_failure(link, Failure{Errc::system, "internal error; see the log of xosd"});
    }
    return 0;
}

// libsystemd 257 tells a callback neither its method nor data of its own: each bound method gets a function.
template <size_t N>
int method_entry(sd_varlink* link, sd_json_variant* parameters, sd_varlink_method_flags_t, void* server) {
    return call_method(link, parameters, static_cast<ControlServer::Impl*>(server)->methods[N]);
}

template <size_t... N>
constexpr std::array<sd_varlink_method_t, sizeof...(N)> make_entries(std::index_sequence<N...>) {
    return {method_entry<N>...};
}

// Root's alone: what comes with a message that is never completed stays open, and no method takes another
// caller's descriptors. Of everybody else the kernel drops them.
int allow_descriptors(sd_varlink_server*, sd_varlink* link, void*) {
    uid_t uid = 0;
    if (const int r = sd_varlink_get_peer_uid(link, &uid); r < 0) return r;
    return uid == 0 ? sd_varlink_set_allow_fd_passing_input(link, 1) : 0;
}

constexpr auto kEntries = make_entries(std::make_index_sequence<kMethodsMax>());

}  // namespace

ControlServer::ControlServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ControlServer::~ControlServer() = default;

Outcome<std::unique_ptr<ControlServer>> ControlServer::start(EventLoop& loop, const std::string& path) {
    auto impl = std::make_unique<Impl>();
    sd_varlink_server* server = nullptr;
    constexpr auto kFlags = static_cast<sd_varlink_server_flags_t>(SD_VARLINK_SERVER_ACCOUNT_UID |
                                                                   SD_VARLINK_SERVER_INHERIT_USERDATA);
    if (const int r = sd_varlink_server_new(&server, kFlags); r < 0)
        return failure_errno(-r, "cannot make the control server");
    impl->server.reset(server);
    sd_varlink_server_set_userdata(server, impl.get());
    sd_varlink_server_set_info(server, "XtreemOS", "XtreemOS node", kVersion, "");
    if (const int r = sd_varlink_server_bind_connect(server, allow_descriptors); r < 0)
        return failure_errno(-r, "cannot set the control server up");
    sd_varlink_server_set_connections_max(server, kConnectionsMax);
    sd_varlink_server_set_connections_per_uid_max(server, kConnectionsPerUserMax);
    if (const int r = sd_varlink_server_listen_address(server, path.c_str(), 0666); r < 0)
        return failure_errno(-r, "cannot listen on {}", path);
    if (const int r = sd_varlink_server_attach_event(server, loop.get(), SD_EVENT_PRIORITY_NORMAL); r < 0)
        return failure_errno(-r, "cannot serve {}", path);
    return std::unique_ptr<ControlServer>(new ControlServer(std::move(impl)));
}

Outcome<void> ControlServer::add_interface(const sd_varlink_interface* interface) {
    if (const int r = sd_varlink_server_add_interface(impl_->server.get(), interface); r < 0)
        return failure_errno(-r, "cannot add a control interface");
    return {};
}

Outcome<void> ControlServer::bind(const std::string& name, ControlMethod method) {
    if (impl_->used == kMethodsMax)
        return failure(Errc::invalid, "more than {} control methods", kMethodsMax);
    if (const int r = sd_varlink_server_bind_method(impl_->server.get(), name.c_str(), kEntries[impl_->used]);
        r < 0)
        return failure_errno(-r, "cannot bind {}", name);
    impl_->methods[impl_->used++] = std::move(method);
    return {};
}

}  // namespace xos
