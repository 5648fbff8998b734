#include "cli/session_view.h"

#include <algorithm>

#include "cli/clock_text.h"

namespace xos {
namespace {

constexpr size_t kTextMax = 4096;

std::string optional_text(const JsonNode& node, const char* key) {
    const auto field = node.find(key);
    std::string text = field && field->is_string() ? field->string(kTextMax).value_or("") : "";
    std::ranges::replace_if(text, [](char c) { return c < ' ' || c == 0x7f; }, '?');
    return text;
}

int64_t optional_number(const JsonNode& node, const char* key) {
    const auto field = node.find(key);
    return field ? static_cast<int64_t>(field->integer(0, INT64_MAX).value_or(0)) : 0;
}

}  // namespace

Outcome<SessionView> read_session_view(const JsonNode& node) {
    SessionView view;
    view.session = static_cast<uint64_t>(optional_number(node, "session"));
    view.uid = optional_number(node, "uid");
    view.pid = optional_number(node, "pid");
    view.opened = optional_number(node, "opened");
    view.expires = optional_number(node, "expires");
    view.login = optional_text(node, "login");
    view.service = optional_text(node, "service");
    view.remote = optional_text(node, "remote");
    view.serial = optional_text(node, "serial");
    view.fingerprint = optional_text(node, "fingerprint");
    view.cgroup = optional_text(node, "cgroup");
    view.ending = optional_text(node, "ending");
    if (view.session == 0 || view.login.empty()) return node.invalid("expected a session");
    return view;
}

std::string format_sessions(const std::vector<SessionView>& sessions) {
    std::string out = compose("{:<8} {:<24} {:<8} {:<20} {:>8}  {:<19}  {}\n", "SESSION", "USER", "SERVICE",
                              "FROM", "PID", "OPENED", "CREDENTIAL UNTIL");
    for (const SessionView& one : sessions)
        out += compose("{:<8} {:<24} {:<8} {:<20} {:>8}  {:<19}  {}{}\n", one.session, one.login, one.service,
                       one.remote, one.pid, clock_text(one.opened),
                       one.expires == 0 ? "none" : clock_text(one.expires),
                       one.ending.empty() ? "" : "  (is being ended)");
    return out;
}

std::string format_session(const SessionView& session) {
    std::string out;
    const auto line = [&](std::string_view name, const std::string& value) {
        if (!value.empty()) out += compose("{:<12} {}\n", compose("{}:", name), value);
    };
    line("session", std::to_string(session.session));
    line("user", compose("{} (uid {})", session.login, session.uid));
    line("service", session.service);
    line("from", session.remote);
    line("opened", clock_text(session.opened));
    line("credential", session.serial.empty() && session.expires == 0
                           ? "none"
                           : compose("{} until {}", session.serial, clock_text(session.expires)));
    line("fingerprint", session.fingerprint);
    line("process", std::to_string(session.pid));
    line("cgroup", session.cgroup.empty() ? "that of the session it was opened in" : session.cgroup);
    line("ending", session.ending);
    return out;
}

}  // namespace xos
