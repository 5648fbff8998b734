// xos track add, list, remove: containers of others that this node tracks.
#include "cli/track_commands.h"

#include <cstdio>
#include <memory>

#include "cli/binding_view.h"
#include "cli/commands.h"
#include "cli/job_view.h"
#include "cli/reply_fields.h"
#include "cli/terminal_width.h"
#include "cli/varlink_call.h"

namespace xos {
namespace {

constexpr size_t kBindingsMax = 65536;

struct Added {
    std::string cgroup, container, name;
};

Outcome<int> add(const Added& added) {
    if (added.cgroup.empty() == added.container.empty())
        return failure(Errc::invalid, "give --cgroup PATH or --container ID, one of both");
    JsonObject parameters;
    const auto set_given = [&](const char* key, const std::string& value) {
        if (!value.empty()) parameters.set(key, Json::string(value));
    };
    set_given("cgroup", added.cgroup);
    set_given("container", added.container);
    set_given("name", added.name);
    const auto answer = call_node("org.xtreemos.Tracking.Add", parameters.build());
    if (!answer) return std::unexpected(answer.error());
    const JsonNode root = answer->root();
    std::printf("%s is tracked: %s\n", plain(optional_text(root, "name")).c_str(),
                plain(optional_text(root, "cgroup")).c_str());
    return kExitOk;
}

Outcome<int> remove(const std::string& name) {
    const auto answer =
        call_node("org.xtreemos.Tracking.Remove", JsonObject().set("name", Json::string(name)).build());
    if (!answer) return std::unexpected(answer.error());
    std::printf("%s is no longer tracked\n", name.c_str());
    return kExitOk;
}

Outcome<int> list(bool json) {
    const auto answer = call_node("org.xtreemos.Tracking.List", JsonObject().build());
    if (!answer) return std::unexpected(answer.error());
    const JsonNode root = answer->root();
    const auto bindings = root.field("bindings");
    const auto agent_node = root.field("agent");
    if (!bindings || !agent_node) return root.invalid("expected bindings and an agent");
    const auto agent = read_agent_view(*agent_node);
    if (!agent) return std::unexpected(agent.error());
    const auto count = bindings->array(kBindingsMax);
    if (!count) return std::unexpected(count.error());
    std::vector<BindingView> views;
    for (size_t i = 0; i < *count; ++i) {
        const JsonNode one = bindings->at(i);
        if (json) std::puts(one.format().c_str());
        auto view = read_binding_view(one);
        if (!view) return std::unexpected(view.error());
        views.push_back(*std::move(view));
    }
    if (json) return kExitOk;
    if (views.empty())
        std::puts("nothing is tracked");
    else
        std::fputs(format_bindings(views).c_str(), stdout);
    std::fputs(format_agent(*agent).c_str(), stdout);
    return kExitOk;
}

}  // namespace

Outcome<void> show_container(const std::string& name) {
    const auto answer =
        call_node("org.xtreemos.Tracking.Describe", JsonObject().set("name", Json::string(name)).build());
    if (!answer) return std::unexpected(answer.error());
    const JsonNode root = answer->root();
    const auto list = root.field("processes");
    if (!list) return std::unexpected(list.error());
    const auto processes = read_process_views(*list);
    if (!processes) return std::unexpected(processes.error());
    std::printf("%s %s\n", plain(optional_text(root, "name")).c_str(),
                plain(optional_text(root, "cgroup")).c_str());
    std::fputs(format_process_tree(*processes, terminal_width()).c_str(), stdout);
    const auto lost = root.integer("eventsLost", 0, INT64_MAX),
               unknown = root.integer("exitCodesUnknown", 0, INT64_MAX);
    std::fputs(format_losses(lost.value_or(0), unknown.value_or(0)).c_str(), stdout);
    return {};
}

void add_track_commands(CommandTable& table) {
    const auto added = std::make_shared<Added>();
    table
        .add("track add", "Track a container of this machine that xos did not start",
             [added] { return add(*added); })
        .option("--cgroup", added->cgroup, "its path in the cgroup v2 tree, as /proc/PID/cgroup shows it")
        .option("--container", added->container,
                "its id or name, as podman, docker, machinectl or lxc-ls shows it")
        .option("--name", added->name, "how it is to be called here");
    const auto json = std::make_shared<bool>(false);
    table
        .add("track list", "List what is tracked: jobs, sessions, containers", [json] { return list(*json); })
        .flag("--json", *json, "one JSON object a line; times are seconds since 1970");
    const auto removed = std::make_shared<std::string>();
    table.add("track remove", "No longer track a container", [removed] { return remove(*removed); })
        .required("NAME", *removed, "its name in 'xos track list'");
}

}  // namespace xos
