// The varlink service of xosd on kControlSocket: what xos, varlinkctl and any program may ask of the node.
//
// Owns: the socket, its connections, the conversion of Outcomes to varlink replies. Process: xosd.
// Trusts: the kernel's word on the caller's uid. Parameters are checked against the interface by libsystemd
// and read strictly by each method. Every method decides by itself whether its caller may ask.
#pragma once

#include <sys/types.h>

#include <concepts>
#include <functional>
#include <memory>
#include <string>

#include "common/event_loop.h"
#include "common/json.h"
#include "libxos/unique_fd.h"

struct sd_varlink_interface;

namespace xos {

struct Caller {
    uid_t uid = 0;
    pid_t pid = 0;
    int fd = -1;  // that came with root's call; the server's, open until the method has returned
};

struct ControlReply {
    Json parameters;
    UniqueFd fd;        // passed along where it is set
    bool more = false;  // not the last one: the caller has asked for many
};

// Called once, at once or later; by a method that supports more, again and again until a reply without more.
// A failure goes out as the error org.xtreemos.Node.Failed(code, message), and is the last.
class Respond {
  public:
    using Send = std::function<void(Outcome<ControlReply>)>;
    using Ask = std::function<bool()>;
    Respond() = default;  // to nobody yet
    template <typename F>
        requires std::invocable<F, Outcome<ControlReply>>
    Respond(F send) : send_(std::move(send)) {}  // also of a plain function, for those who ask from inside
    Respond(Send send, Ask wanted, Ask busy)
        : send_(std::move(send)), wanted_(std::move(wanted)), busy_(std::move(busy)) {}

    void operator()(Outcome<ControlReply> outcome) const { send_(std::move(outcome)); }
    // The caller is still there.
    bool wanted() const { return !wanted_ || wanted_(); }
    // Earlier replies are still on their way to it: it does not keep up.
    bool busy() const { return busy_ && busy_(); }

  private:
    Send send_;
    Ask wanted_, busy_;
};
using ControlMethod = std::function<void(const Caller&, const Json& parameters, Respond)>;

// The names of Errc on the wire.
std::string_view errc_name(Errc code);

class ControlServer {
  public:
    static Outcome<std::unique_ptr<ControlServer>> start(EventLoop& loop, const std::string& path);
    ~ControlServer();

    // interface lives for ever; methods are bound by "interface.Method" names of an added interface.
    Outcome<void> add_interface(const sd_varlink_interface* interface);
    Outcome<void> bind(const std::string& name, ControlMethod method);

    struct Impl;

  private:
    explicit ControlServer(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace xos
