#include "cli/binding_view.h"

#include "cli/clock_text.h"
#include "cli/reply_fields.h"

namespace xos {

Outcome<BindingView> read_binding_view(const JsonNode& node) {
    BindingView view;
    view.name = plain(optional_text(node, "name"));
    view.cgroup = plain(optional_text(node, "cgroup"));
    view.kind = plain(optional_text(node, "kind"));
    view.pattern = plain(optional_text(node, "pattern"));
    view.since = optional_number(node, "since");
    if (node.find("processes")) view.processes = optional_number(node, "processes");
    if (view.name.empty() || view.kind.empty()) return node.invalid("expected a binding");
    return view;
}

Outcome<AgentView> read_agent_view(const JsonNode& node) {
    const auto filtered = node.boolean("filtered");
    if (!filtered) return std::unexpected(filtered.error());
    return AgentView{optional_number(node, "pid"), *filtered};
}

std::string format_bindings(const std::vector<BindingView>& bindings) {
    std::string out =
        compose("{:<24} {:<9} {:>9}  {:<19}  {}\n", "NAME", "KIND", "PROCESSES", "SINCE", "CGROUP");
    for (const BindingView& one : bindings)
        out += compose("{:<24} {:<9} {:>9}  {:<19}  {}{}\n", one.name, one.kind,
                       one.processes ? std::to_string(*one.processes) : "?",
                       clock_text(static_cast<uint64_t>(one.since)), one.cgroup,
                       one.pattern.empty() ? "" : compose("  (by {})", one.pattern));
    return out;
}

std::string format_agent(const AgentView& agent) {
    if (agent.pid == 0) return "the connector agent is being restarted\n";
    return compose("connector agent: pid {}, {}\n", agent.pid,
                   agent.filtered ? "events are selected in the kernel" : "without a filter in the kernel");
}

}  // namespace xos
