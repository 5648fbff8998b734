#include "cli/session_view.h"

#include "cli/clock_text.h"
#include "cli/reply_fields.h"

namespace xos {
Outcome<SessionView> read_session_view(const JsonNode& node) {
    SessionView view;
    view.session = static_cast<uint64_t>(optional_number(node, "session"));
    view.uid = optional_number(node, "uid");
    view.pid = optional_number(node, "pid");
    view.opened = optional_number(node, "opened");
    view.expires = optional_number(node, "expires");
    view.login = plain(optional_text(node, "login"));
    view.service = plain(optional_text(node, "service"));
    view.remote = plain(optional_text(node, "remote"));
    view.serial = plain(optional_text(node, "serial"));
    view.fingerprint = plain(optional_text(node, "fingerprint"));
    view.cgroup = plain(optional_text(node, "cgroup"));
    view.ending = plain(optional_text(node, "ending"));
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
