#include "xosd/control/interfaces.h"
#include "xosd/control/methods.h"
#include "xosd/control/process_json.h"
#include "xosd/daemon.h"
#include "xosd/session/session_place.h"
#include "xosd/tracking/job_cgroup.h"

namespace xos {
namespace {

constexpr size_t kCountedMax = 65536;

int64_t seconds(std::chrono::sys_seconds time) {
    return time.time_since_epoch().count();
}

JsonObject describe(const CgroupTop& top, const BoundCgroup& bound, const char* kind) {
    JsonObject object;
    object.set("name", Json::string(bound.name))
        .set("cgroup", Json::string(bound.cgroup))
        .set("kind", Json::string(kind));
    if (const auto directory = top.open(bound.cgroup))
        object.set("processes", Json::integer(members_of_cgroup(directory->get(), kCountedMax).size()));
    return object;
}

Json describe(const CgroupTop& top, const TrackedContainer& container) {
    JsonObject object = describe(top, {container.name, container.cgroup}, "container");
    object.set("since", Json::signed_integer(seconds(container.since)));
    if (!container.pattern.empty()) object.set("pattern", Json::string(container.pattern));
    return object.build();
}

Json describe(const CgroupTop& top, const Daemon& daemon, const BoundCgroup& bound) {
    const auto id = parse_session_name(bound.name);
    JsonObject object = describe(top, bound, id ? "session" : "job");
    if (const LoginSession* session = id ? daemon.sessions->find(*id) : nullptr)
        object.set("since", Json::signed_integer(seconds(session->opened)));
    if (const auto job = parse_job_name(bound.name))
        if (const auto found = daemon.jobs->find(0, *job); found && seconds(found->started) != 0)
            object.set("since", Json::signed_integer(seconds(found->started)));
    return object.build();
}

Outcome<ControlReply> list(const Daemon& daemon) {
    const auto top = CgroupTop::find();
    if (!top) return std::unexpected(top.error());
    JsonArray bindings;
    for (const BoundCgroup& bound : daemon.bound_by_others()) bindings.add(describe(*top, daemon, bound));
    for (const auto& [name, container] : daemon.containers->all()) bindings.add(describe(*top, container));
    const AgentClient& agent = daemon.jobs->agent();
    return ControlReply{JsonObject()
                            .set("bindings", bindings.build())
                            .set("agent", JsonObject()
                                              .set("pid", Json::signed_integer(agent.agent_pid()))
                                              .set("filtered", Json::boolean(agent.filtered()))
                                              .build())
                            .build(),
                        {}};
}

// Empty where it is not given.
Outcome<std::string> read_optional(const JsonNode& root, const char* key) {
    const auto given = root.find(key);
    return given ? given->string(kCgroupPathMax) : Outcome<std::string>();
}

void add(Daemon& daemon, const Json& parameters, const Respond& respond) {
    const JsonNode root = parameters.root();
    const auto cgroup = read_optional(root, "cgroup"), id = read_optional(root, "container"),
               name = read_optional(root, "name");
    for (const auto* given : {&cgroup, &id, &name})
        if (!*given) return respond(std::unexpected(given->error()));
    if (cgroup->empty() == id->empty())
        return respond(failure(Errc::invalid, "give the cgroup of a container or its id, one of both"));
    const auto answer = [respond](const Outcome<TrackedContainer>& added) {
        if (!added) return respond(std::unexpected(added.error()));
        respond(ControlReply{JsonObject()
                                 .set("name", Json::string(added->name))
                                 .set("cgroup", Json::string(added->cgroup))
                                 .build(),
                             {}});
    };
    if (id->empty())
        answer(daemon.containers->add(*cgroup, *name));
    else
        daemon.containers->add_by_id(*id, *name, answer);
}

void remove(Daemon& daemon, const Json& parameters, const Respond& respond) {
    const auto name = parameters.root().string("name", kJobNameMax);
    if (!name) return respond(std::unexpected(name.error()));
    if (auto removed = daemon.containers->remove(*name); !removed)
        return respond(std::unexpected(removed.error()));
    respond(ControlReply{JsonObject().build(), {}});
}

void show(Daemon& daemon, const Json& parameters, const Respond& respond) {
    const auto name = parameters.root().string("name", kJobNameMax);
    if (!name) return respond(std::unexpected(name.error()));
    const auto container = daemon.containers->find(*name);
    if (!container) return respond(std::unexpected(container.error()));
    const auto answer = [respond, container = *container](Outcome<JobSnapshot> snapshot) {
        if (!snapshot) return respond(std::unexpected(snapshot.error()));
        respond(
            ControlReply{JsonObject()
                             .set("name", Json::string(container.name))
                             .set("cgroup", Json::string(container.cgroup))
                             .set("processes", describe_live(snapshot->processes))
                             .set("eventsLost", Json::integer(snapshot->counters.lost))
                             .set("exitCodesUnknown", Json::integer(snapshot->counters.exit_codes_unknown))
                             .build(),
                         {}});
    };
    if (auto asked = daemon.containers->snapshot(*name, answer); !asked)
        respond(std::unexpected(asked.error()));
}

using TrackingCall = void (*)(Daemon&, const Json&, const Respond&);

constexpr std::pair<const char*, TrackingCall> kCalls[] = {
    {"org.xtreemos.Tracking.Add", add},
    {"org.xtreemos.Tracking.Remove", remove},
    {"org.xtreemos.Tracking.List",
     [](Daemon& daemon, const Json&, const Respond& respond) { respond(list(daemon)); }},
    {"org.xtreemos.Tracking.Describe", show},
};

}  // namespace

Outcome<void> bind_tracking_methods(ControlServer& server, Daemon& daemon) {
    if (auto added = server.add_interface(&xos_interface_tracking); !added) return added;
    for (const auto& [name, call] : kCalls) {
        auto bound =
            server.bind(name, [&daemon, call](const Caller& caller, const Json& parameters, Respond respond) {
                if (caller.uid != 0)
                    return respond(
                        failure(Errc::denied, "only root may ask about the containers of this machine"));
                call(daemon, parameters, respond);
            });
        if (!bound) return bound;
    }
    return {};
}

}  // namespace xos
