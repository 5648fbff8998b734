// xos node status, node reload, session list: the node seen by its owner and its users.
#include <cstdio>

#include "cli/clock_text.h"
#include "cli/commands.h"
#include "cli/trusted_view.h"
#include "cli/varlink_call.h"
#include "common/clock.h"

namespace xos {
namespace {

unsigned long long number(const JsonNode& node, const char* key) {
    const auto field = node.find(key);
    return field ? field->integer(0, INT64_MAX).value_or(0) : 0;
}

std::string text(const JsonNode& node, const char* key) {
    const auto field = node.find(key);
    return field && field->is_string() ? field->string(4096).value_or("") : "";
}

Outcome<int> status() {
    const auto answer = call_node("org.xtreemos.Node.Status", JsonObject().build());
    if (!answer) return std::unexpected(answer.error());
    const JsonNode root = answer->root();
    std::printf("xosd %s: %llu VOs, %llu accounts, %llu sessions\n", text(root, "version").c_str(),
                number(root, "vos"), number(root, "accounts"), number(root, "sessions"));
    const auto vos = list_trusted_vos();
    if (!vos) return std::unexpected(vos.error());
    const auto now = current_time();
    for (const TrustedView& vo : *vos)
        for (const std::string& warning : warnings_of(vo, now))
            std::printf("warning: VO %s: %s\n", vo.vo.c_str(), warning.c_str());
    return kExitOk;
}

Outcome<int> reload() {
    const auto answer = call_node("org.xtreemos.Node.Reload", JsonObject().build());
    if (!answer) return std::unexpected(answer.error());
    std::puts("the configuration is in force");
    return kExitOk;
}

Outcome<int> list_sessions() {
    const auto answer = call_node("org.xtreemos.Session.ListSessions", JsonObject().build());
    if (!answer) return std::unexpected(answer.error());
    const JsonNode root = answer->root();
    const auto list = root.field("sessions");
    if (!list) return std::unexpected(list.error());
    const auto count = list->array(65536);
    if (!count) return std::unexpected(count.error());
    std::printf("%-8s %-24s %-8s %-20s %8s  %-19s  %s\n", "SESSION", "USER", "SERVICE", "FROM", "PID",
                "OPENED", "CREDENTIAL UNTIL");
    for (size_t i = 0; i < *count; ++i) {
        const JsonNode one = list->at(i);
        std::printf("%-8llu %-24s %-8s %-20s %8llu  %-19s  %s\n", number(one, "session"),
                    text(one, "login").c_str(), text(one, "service").c_str(), text(one, "remote").c_str(),
                    number(one, "pid"), clock_text(number(one, "opened")).c_str(),
                    clock_text(number(one, "expires")).c_str());
    }
    return kExitOk;
}

}  // namespace

void add_node_commands(CommandTable& table) {
    table.add("node status", "Show what xosd on this machine serves", status);
    table.add("node reload", "Read /etc/xos/node.yaml again (root)", reload);
    table.add("session list", "List the sessions of VO users on this node", list_sessions);
}

}  // namespace xos
