// xos account list, show, purge: who has an account on this node, and what of those who are gone.
#include <cstdio>
#include <memory>

#include "cli/account_view.h"
#include "cli/commands.h"
#include "cli/varlink_call.h"

namespace xos {
namespace {

constexpr size_t kPageMax = 65536;
// a home may hold millions of files; xosd has its own deadline
constexpr auto kPurgeDeadline = std::chrono::minutes(30);

// A uid, or else a login name.
JsonObject about(const std::string& name) {
    JsonObject parameters;
    if (!name.empty() && name.size() <= 10 && name.find_first_not_of("0123456789") == std::string::npos)
        parameters.set("uid", Json::integer(std::stoull(name)));
    else
        parameters.set("login", Json::string(name));
    return parameters;
}

struct ListOptions {
    std::string vo;
    bool all = false, json = false;
};

// Prints one page; the uid that the next one comes after, or nothing.
Outcome<std::optional<uint64_t>> print_page(const ListOptions& options, uint64_t after, bool* any) {
    JsonObject parameters;
    parameters.set("all", Json::boolean(options.all)).set("after", Json::integer(after));
    if (!options.vo.empty()) parameters.set("vo", Json::string(options.vo));
    const auto answer = call_node("org.xtreemos.Account.List", parameters.build());
    if (!answer) return std::unexpected(answer.error());
    const JsonNode root = answer->root();
    const auto list = root.field("accounts");
    if (!list) return std::unexpected(list.error());
    const auto count = list->array(kPageMax);
    if (!count) return std::unexpected(count.error());
    for (size_t i = 0; i < *count; ++i) {
        const JsonNode element = list->at(i);
        if (options.json) {
            std::printf("%s\n", element.format().c_str());
            continue;
        }
        const auto account = read_node_account(element);
        if (!account) return std::unexpected(account.error());
        if (!std::exchange(*any, true)) std::fputs(account_list_header().c_str(), stdout);
        std::fputs(format_account_line(*account).c_str(), stdout);
    }
    const auto next = root.find("next");
    if (!next) return std::nullopt;
    const auto number = next->integer(after + 1, UINT32_MAX);  // not back: it would go round for ever
    if (!number) return std::unexpected(number.error());
    return *number;
}

Outcome<int> list_accounts(const ListOptions& options) {
    bool any = false;
    for (std::optional<uint64_t> after = 0; after;) {
        const auto next = print_page(options, *after, &any);
        if (!next) return std::unexpected(next.error());
        after = *next;
    }
    if (!any && !options.json)
        std::puts(options.all ? "no accounts"
                              : "nobody has anything here; xos account list --all shows every member");
    return kExitOk;
}

Outcome<int> show_account(const std::string& name, bool json) {
    const auto answer = call_node("org.xtreemos.Account.Show", about(name).build());
    if (!answer) return std::unexpected(answer.error());
    const JsonNode root = answer->root();
    const auto node = root.field("account");
    if (!node) return std::unexpected(node.error());
    const auto account = read_node_account(*node);
    if (!account) return std::unexpected(account.error());
    std::fputs(json ? (node->format() + "\n").c_str() : format_account(*account).c_str(), stdout);
    return kExitOk;
}

Outcome<int> purge_account(const std::string& name, bool dry_run) {
    const auto answer = call_node("org.xtreemos.Account.Purge",
                                  about(name).set("dryRun", Json::boolean(dry_run)).build(), kPurgeDeadline);
    if (!answer) return std::unexpected(answer.error());
    const JsonNode root = answer->root();
    const auto purged = read_purge_view(root);
    if (!purged) return std::unexpected(purged.error());
    std::fputs(format_purge(*purged, dry_run).c_str(), stdout);
    return kExitOk;
}

}  // namespace

void add_account_commands(CommandTable& table) {
    const auto options = std::make_shared<ListOptions>();
    table
        .add("account list", "List who has something on this node: home, session, job, delegated credential",
             [options] { return list_accounts(*options); })
        .option("--vo", options->vo, "only of this VO")
        .flag("--all", options->all, "every member of every accepted VO, and everybody who was one")
        .flag("--json", options->json, "one JSON object a line; times are seconds since 1970");
    const auto name = std::make_shared<std::string>();
    const auto json = std::make_shared<bool>(false);
    table
        .add("account show", "Show one account: state, last login, what it has here",
             [name, json] { return show_account(*name, *json); })
        .required("NAME", *name, "user@vo, or a uid")
        .flag("--json", *json, "as JSON; times are seconds since 1970");
    const auto gone = std::make_shared<std::string>();
    const auto dry_run = std::make_shared<bool>(false);
    table
        .add("account purge", "Remove what a person who is gone left here (root)",
             [gone, dry_run] { return purge_account(*gone, *dry_run); })
        .required("NAME", *gone, "user@vo, or a uid")
        .flag("--dry-run", *dry_run, "only tell what would be removed");
}

}  // namespace xos
