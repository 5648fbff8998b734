#include "xosd/control/interfaces.h"
#include "xosd/control/methods.h"
#include "xosd/daemon.h"

namespace xos {
namespace {

Json describe(const LoginSession& session) {
    JsonObject object;
    object.set("session", Json::integer(session.id))
        .set("login", Json::string(session.login))
        .set("service", Json::string(session.service))
        .set("remote", Json::string(session.remote))
        .set("pid", Json::integer(static_cast<uint64_t>(session.pid)))
        .set("opened", Json::signed_integer(session.opened.time_since_epoch().count()));
    const int64_t expires = session.expires.time_since_epoch().count();
    if (expires != 0) object.set("expires", Json::signed_integer(expires));
    return object.build();
}

}  // namespace

Outcome<void> bind_session_methods(ControlServer& server, Daemon& daemon) {
    if (auto added = server.add_interface(&xos_interface_session); !added) return added;
    return server.bind("org.xtreemos.Session.ListSessions",
                       [&daemon](const Caller& caller, const Json&, Respond respond) {
                           JsonArray sessions;
                           for (const auto& [id, session] : daemon.sessions->all())
                               if (caller.uid == 0 || caller.uid == session.uid)
                                   sessions.add(describe(session));
                           respond(ControlReply{JsonObject().set("sessions", sessions.build()).build(), {}});
                       });
}

}  // namespace xos
