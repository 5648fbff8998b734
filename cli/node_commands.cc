// xos node status, node reload: the node seen by its owner.
#include <cstdio>

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

}  // namespace

void add_node_commands(CommandTable& table) {
    table.add("node status", "Show what xosd on this machine serves", status);
    table.add("node reload", "Read /etc/xos/node.yaml again (root)", reload);
}

}  // namespace xos
