// Commands about the nodes of a VO.
#include <unistd.h>

#include "cda/command_line.h"
#include "cda/whole_stream.h"
#include "common/clock.h"

namespace xos {
namespace {

std::string number_text(uint64_t number) {
    return number == 0 ? "-" : std::to_string(number);
}

Outcome<std::string> join_node(Authority& authority, const Arguments& arguments) {
    const auto request = read_all(STDIN_FILENO, kNodeRequestMax);
    if (!request) return std::unexpected(request.error());
    const auto answer = authority.join_node(arguments.name, *request, current_time());
    if (!answer) return std::unexpected(answer.error());
    return format_node_answer(*answer);
}

Outcome<std::string> leave_node(Authority& authority, const Arguments& arguments) {
    return authority.leave_node(arguments.name, arguments.node).transform([&] {
        return compose("{} is no node of {} any more\n", arguments.node, arguments.name);
    });
}

Outcome<std::string> drain_node(Authority& authority, const Arguments& arguments) {
    return authority.set_draining(arguments.name, arguments.node, true).transform([&] {
        return compose("{} takes no new jobs of {}\n", arguments.node, arguments.name);
    });
}

Outcome<std::string> undrain_node(Authority& authority, const Arguments& arguments) {
    return authority.set_draining(arguments.name, arguments.node, false).transform([&] {
        return compose("{} takes jobs of {}\n", arguments.node, arguments.name);
    });
}

Outcome<std::string> show_node(Authority& authority, const Arguments& arguments) {
    return authority.show_node(arguments.name, arguments.node).transform([](const NodeRecord& node) {
        const NodeAttributes& attributes = node.attributes;
        return compose(
            "node:        {}\nid:          {}\nfingerprint: {}\nstate:       {}\nsite:        {}\ntags:      "
            "  {}\n"
            "cpus:        {}\nmemory:      {} MiB\n",
            node.name, node.id, node.fingerprint, node.draining ? "draining" : "active",
            attributes.site.empty() ? "-" : attributes.site, join_names(attributes.tags),
            number_text(attributes.cpus), number_text(attributes.memory));
    });
}

Outcome<std::string> list_nodes(Authority& authority, const Arguments& arguments) {
    return authority.list_nodes(arguments.name).transform([](const std::vector<NodeRecord>& nodes) {
        std::string text = compose("{:<32} {:<9} {:<16} {:>6} {:>10}  {}\n", "NODE", "STATE", "SITE", "CPUS",
                                   "MEMORY", "TAGS");
        for (const NodeRecord& node : nodes)
            text += compose(
                "{:<32} {:<9} {:<16} {:>6} {:>10}  {}\n", node.name, node.draining ? "draining" : "active",
                node.attributes.site.empty() ? "-" : node.attributes.site, number_text(node.attributes.cpus),
                number_text(node.attributes.memory), join_names(node.attributes.tags));
        return text;
    });
}

}  // namespace

void declare_resource_commands(Declarations& all) {
    std::string& node = all.arguments().node;
    CLI::App* const resource = all.group("resource", "nodes of a VO");
    all.command(resource, "join",
                "admit the node whose request is on standard input; the answer goes to standard output", "VO",
                join_node);
    all.command(resource, "leave", "end the membership of a node", "VO", leave_node).word("NODE", node);
    all.command(resource, "drain", "have a node take no new jobs", "VO", drain_node).word("NODE", node);
    all.command(resource, "undrain", "have it take jobs again", "VO", undrain_node).word("NODE", node);
    all.command(resource, "show", "what is known of a node", "VO", show_node).word("NODE", node);
    all.command(resource, "list", "the nodes of a VO", "VO", list_nodes);
}

}  // namespace xos
