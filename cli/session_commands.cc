// xos session list, show, end: who is logged in on this node.
#include <charconv>
#include <cstdio>
#include <memory>

#include "cli/commands.h"
#include "cli/job_view.h"
#include "cli/session_view.h"
#include "cli/terminal_width.h"
#include "cli/varlink_call.h"

namespace xos {
namespace {

constexpr size_t kSessionsMax = 65536;

Outcome<Json> about(const std::string& text) {
    uint64_t id = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
    if (error != std::errc{} || end != text.data() + text.size() || id == 0 || id > INT64_MAX)
        return failure(Errc::invalid, "'{}' is no session: expected a number of 'xos session list'", text);
    return JsonObject().set("session", Json::integer(id)).build();
}

Outcome<int> list_sessions(bool json) {
    const auto answer = call_node("org.xtreemos.Session.ListSessions", JsonObject().build());
    if (!answer) return std::unexpected(answer.error());
    const JsonNode root = answer->root();
    const auto list = root.field("sessions");
    if (!list) return std::unexpected(list.error());
    const auto count = list->array(kSessionsMax);
    if (!count) return std::unexpected(count.error());
    std::vector<SessionView> sessions;
    for (size_t i = 0; i < *count; ++i) {
        const JsonNode one = list->at(i);
        if (json) std::puts(one.format().c_str());
        auto view = read_session_view(one);
        if (!view) return std::unexpected(view.error());
        sessions.push_back(*std::move(view));
    }
    if (!json) std::fputs(format_sessions(sessions).c_str(), stdout);
    return kExitOk;
}

Outcome<int> show_session(const std::string& id) {
    const auto parameters = about(id);
    if (!parameters) return std::unexpected(parameters.error());
    const auto answer = call_node("org.xtreemos.Session.ShowSession", *parameters);
    if (!answer) return std::unexpected(answer.error());
    const JsonNode root = answer->root();
    const auto status = root.field("status");
    const auto list = root.field("processes");
    if (!status) return std::unexpected(status.error());
    if (!list) return std::unexpected(list.error());
    const auto view = read_session_view(*status);
    if (!view) return std::unexpected(view.error());
    const auto processes = read_process_views(*list);
    if (!processes) return std::unexpected(processes.error());
    std::fputs(format_session(*view).c_str(), stdout);
    if (!processes->empty()) std::fputs(format_process_tree(*processes, terminal_width()).c_str(), stdout);
    return kExitOk;
}

Outcome<int> end_session(const std::string& id) {
    const auto parameters = about(id);
    if (!parameters) return std::unexpected(parameters.error());
    if (auto answer = call_node("org.xtreemos.Session.EndSession", *parameters); !answer)
        return std::unexpected(answer.error());
    std::printf("session %s is ended: its processes have five seconds\n", id.c_str());
    return kExitOk;
}

}  // namespace

void add_session_commands(CommandTable& table) {
    const auto json = std::make_shared<bool>(false);
    table
        .add("session list", "List the sessions of VO users on this node",
             [json] { return list_sessions(*json); })
        .flag("--json", *json, "one JSON object a line; times are seconds since 1970");
    const auto shown = std::make_shared<std::string>();
    table.add("session show", "Show one session and its processes", [shown] { return show_session(*shown); })
        .required("SESSION", *shown, "its number in 'xos session list'");
    const auto ended = std::make_shared<std::string>();
    table
        .add("session end", "End a session: your own, as root anybody's",
             [ended] { return end_session(*ended); })
        .required("SESSION", *ended, "its number in 'xos session list'");
}

}  // namespace xos
