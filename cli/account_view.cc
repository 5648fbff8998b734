#include "cli/account_view.h"

#include "cli/clock_text.h"
#include "libxos/names.h"

namespace xos {
namespace {

constexpr size_t kHomesMax = 1024;
constexpr size_t kPathMax = 4096;

std::string plain(std::string text) {
    for (char& c : text)
        if (c < ' ' || c > '~') c = '?';
    return text;
}

uint64_t number_of(const JsonNode& node, const char* key) {
    const auto field = node.find(key);
    return field ? field->integer(0, INT64_MAX).value_or(0) : 0;
}

std::string text_of(const JsonNode& node, const char* key) {
    const auto field = node.find(key);
    return field && field->is_string() ? plain(field->string(kPathMax).value_or("")) : "";
}

std::vector<std::string> strings_of(const JsonNode& node, const char* key) {
    std::vector<std::string> texts;
    const auto field = node.find(key);
    if (!field || !field->is_array()) return texts;
    const auto count = field->array(kHomesMax);
    for (size_t i = 0; count && i < *count; ++i) {
        const JsonNode element = field->at(i);
        texts.push_back(plain(element.string(kPathMax).value_or("?")));
    }
    return texts;
}

}  // namespace

Outcome<NodeAccount> read_node_account(const JsonNode& node) {
    const auto login = node.string("login", kLoginNameMax), vo = node.string("vo", kVoNameMax);
    const auto uid = node.integer("uid", 0, UINT32_MAX);
    if (!login || !vo || !uid) return node.invalid("expected an account");
    NodeAccount account;
    account.login = plain(*login);
    account.vo = plain(*vo);
    account.uid = *uid;
    if (node.find("state")) account.state = text_of(node, "state");
    account.member_id = text_of(node, "memberId");
    account.first_used = number_of(node, "firstUsed");
    account.last_login = number_of(node, "lastLogin");
    account.purged = number_of(node, "purged");
    account.delegated_until = number_of(node, "delegatedUntil");
    account.sessions = number_of(node, "sessions");
    account.jobs = number_of(node, "jobs");
    account.ended_jobs = number_of(node, "endedJobs");
    account.homes = strings_of(node, "homes");
    return account;
}

std::string account_list_header() {
    return compose("{:<32} {:>10}  {:<9} {:>8} {:>5}  {}\n", "LOGIN", "UID", "STATE", "SESSIONS", "JOBS",
                   "LAST LOGIN");
}

std::string format_account_line(const NodeAccount& account) {
    if (!account.state)
        return compose("{:<32} {:>10}  {:<9} {:>8} {:>5}  -\n", account.login, account.uid, "-", "-", "-");
    return compose("{:<32} {:>10}  {:<9} {:>8} {:>5}  {}\n", account.login, account.uid, *account.state,
                   account.sessions, account.jobs, clock_text(account.last_login));
}

std::string format_account(const NodeAccount& account) {
    std::string text =
        compose("{}\n  uid:        {}\n  VO:         {}\n", account.login, account.uid, account.vo);
    if (!account.state) return text;
    text +=
        compose("  state:      {}\n  person:     {}\n  known from: {}\n  last login: {}\n", *account.state,
                account.member_id, clock_text(account.first_used), clock_text(account.last_login));
    text += compose("  sessions:   {}\n  jobs:       {}, and {} that ended\n", account.sessions, account.jobs,
                    account.ended_jobs);
    if (account.delegated_until != 0)
        text += compose("  delegated:  until {}\n", clock_text(account.delegated_until));
    for (const std::string& home : account.homes) text += compose("  home:       {}\n", home);
    if (account.purged != 0) text += compose("  purged:     {}\n", clock_text(account.purged));
    return text;
}

Outcome<PurgeView> read_purge_view(const JsonNode& node) {
    const auto login = node.string("login", kLoginNameMax);
    const auto uid = node.integer("uid", 0, UINT32_MAX), jobs = node.integer("jobs", 0, INT64_MAX);
    const auto delegated = node.boolean("delegated");
    if (!login || !uid || !jobs || !delegated) return node.invalid("expected what was purged");
    return PurgeView{plain(*login), *uid, *jobs, *delegated, strings_of(node, "homes")};
}

std::string format_purge(const PurgeView& purged, bool dry_run) {
    const char* const verb = dry_run ? "would remove" : "removed";
    std::string text;
    for (const std::string& home : purged.homes) text += compose("{} the home {}\n", verb, home);
    if (purged.jobs != 0) text += compose("{} {} ended jobs with their checkpoints\n", verb, purged.jobs);
    if (purged.delegated) text += compose("{} the delegated credential\n", verb);
    if (text.empty()) text = compose("{} has nothing here\n", purged.login);
    return text + compose("files elsewhere are not looked for: find / -xdev -uid {}\n", purged.uid);
}

}  // namespace xos
