#include "xosd/control/interfaces.h"
#include "xosd/control/methods.h"
#include "xosd/control/process_json.h"
#include "xosd/daemon.h"

namespace xos {
namespace {

Json describe(const Daemon& daemon, const LoginSession& session) {
    JsonObject object;
    object.set("session", Json::integer(session.id))
        .set("login", Json::string(session.login))
        .set("uid", Json::integer(session.uid))
        .set("service", Json::string(session.service))
        .set("remote", Json::string(session.remote))
        .set("pid", Json::integer(static_cast<uint64_t>(session.pid)))
        .set("opened", Json::signed_integer(session.opened.time_since_epoch().count()));
    const int64_t expires = session.expires.time_since_epoch().count();
    if (expires != 0) object.set("expires", Json::signed_integer(expires));
    const std::string cgroup = daemon.supervisor->cgroup_of(session.id);
    const auto set_known = [&](const char* key, const std::string& value) {
        if (!value.empty()) object.set(key, Json::string(value));
    };
    set_known("serial", session.serial);
    set_known("fingerprint", session.fingerprint);
    set_known("cgroup", cgroup);
    set_known("ending", session.ending);
    return object.build();
}

// To a stranger it does not exist.
Outcome<const LoginSession*> find_session(const Daemon& daemon, const Caller& caller,
                                          const Json& parameters) {
    const auto id = parameters.root().integer("session", 1, INT64_MAX);
    if (!id) return std::unexpected(id.error());
    const LoginSession* session = daemon.sessions->find(*id);
    if (session != nullptr && (caller.uid == 0 || caller.uid == session->uid)) return session;
    return failure(Errc::not_found, "there is no session {}: 'xos session list' shows those that are open",
                   *id);
}

void show(Daemon& daemon, const Caller& caller, const Json& parameters, const Respond& respond) {
    const auto session = find_session(daemon, caller, parameters);
    if (!session) return respond(std::unexpected(session.error()));
    const Json status = describe(daemon, **session);
    const auto answer = [respond, status](const std::vector<ProcessInfo>& processes) {
        respond(ControlReply{
            JsonObject().set("status", status).set("processes", describe_live(processes)).build(), {}});
    };
    const auto asked =
        daemon.supervisor->snapshot((*session)->id, [answer, respond](Outcome<JobSnapshot> snapshot) {
            if (!snapshot) return respond(std::unexpected(snapshot.error()));
            answer(snapshot->processes);
        });
    if (!asked) answer({});
}

Outcome<ControlReply> list(const Daemon& daemon, const Caller& caller) {
    JsonArray sessions;
    for (const auto& [id, session] : daemon.sessions->all())
        if (caller.uid == 0 || caller.uid == session.uid) sessions.add(describe(daemon, session));
    return ControlReply{JsonObject().set("sessions", sessions.build()).build(), {}};
}

Outcome<ControlReply> end(Daemon& daemon, const Caller& caller, const Json& parameters) {
    const auto session = find_session(daemon, caller, parameters);
    if (!session) return std::unexpected(session.error());
    daemon.supervisor->end((*session)->id,
                           caller.uid == 0 ? "ended by root" : "ended by " + (*session)->login);
    return ControlReply{JsonObject().build(), {}};
}

}  // namespace

Outcome<void> bind_session_methods(ControlServer& server, Daemon& daemon) {
    if (auto added = server.add_interface(&xos_interface_session); !added) return added;
    auto bound = server.bind("org.xtreemos.Session.ListSessions",
                             [&daemon](const Caller& caller, const Json&, const Respond& respond) {
                                 respond(list(daemon, caller));
                             });
    if (!bound) return bound;
    bound = server.bind("org.xtreemos.Session.ShowSession",
                        [&daemon](const Caller& caller, const Json& parameters, const Respond& respond) {
                            show(daemon, caller, parameters, respond);
                        });
    if (!bound) return bound;
    return server.bind("org.xtreemos.Session.EndSession",
                       [&daemon](const Caller& caller, const Json& parameters, const Respond& respond) {
                           respond(end(daemon, caller, parameters));
                       });
}

}  // namespace xos
