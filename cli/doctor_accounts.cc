// xos doctor accounts: does this machine know the members of its VOs, and nobody else by their names?
#include "cli/accounts_file_check.h"
#include "cli/commands.h"
#include "cli/finding.h"
#include "cli/id_clash_check.h"
#include "cli/name_cache_check.h"
#include "cli/nsswitch_check.h"
#include "cli/trusted_view.h"
#include "cli/varlink_call.h"
#include "common/clock.h"
#include "common/file.h"
#include "libxos/names.h"

namespace xos {
namespace {

constexpr char kStart[] = "systemctl start xosd; journalctl -u xosd says why it ended";

// Nothing where xosd is away, which is a finding.
std::optional<NodeView> ask_for_node(Findings& findings) {
    const auto answer = call_node("org.xtreemos.Node.Status", JsonObject().build());
    auto vos = answer ? list_trusted_vos() : std::unexpected(answer.error());
    if (!vos) {
        wrong(findings,
              compose("xosd does not answer: names are known, nobody of a VO can log in: {}",
                      vos.error().message),
              kStart);
        return std::nullopt;
    }
    const JsonNode root = answer->root();
    const auto count = root.integer("accounts", 0, INT64_MAX);
    return NodeView{count.value_or(0), *std::move(vos)};
}

void check_bundles(const NodeView& node, Findings& findings) {
    const auto now = current_time();
    for (const TrustedView& vo : node.vos) {
        const auto warnings = warnings_of(vo, now);
        for (const std::string& warning : warnings)
            wrong(findings, compose("VO {}: {}", vo.vo, warning),
                  vo.url.empty() ? "bring a newer bundle from the VO's authority: xos vo trust FILE"
                                 : compose("xos vo refresh {}", vo.vo));
        if (warnings.empty())
            good(findings, compose("VO {}: its bundle is {} old and good for {}", vo.vo,
                                   format_age(now - vo.issued), format_age(vo.stale - now)));
    }
}

Findings check_accounts() {
    Findings findings;
    const auto accounts =
        check_accounts_file(kAccountsFile, compose("{}; where it runs: xos node reload", kStart), findings);
    check_boot_copy(accounts ? &*accounts : nullptr, kAccountsBootFile, findings);
    const auto node = ask_for_node(findings);
    if (accounts && node) compare_with_node(*accounts, *node, findings);
    if (node) check_bundles(*node, findings);
    const auto nsswitch = read_file("/etc/nsswitch.conf", 1024 * 1024);
    if (nsswitch)
        check_nsswitch(*nsswitch, findings);
    else
        wrong(findings, nsswitch.error().message, "write one: nsswitch.conf(5)");
    check_nss_modules("", findings);
    std::vector<std::string> vos;
    if (accounts) {
        const auto blocks = list_blocks(*accounts);
        for (const VoBlock& block : blocks) vos.emplace_back(block.vo);
        check_local_ids("/etc", blocks, findings);
        check_other_sources(*accounts, system_lookups(), findings);
    }
    check_nscd("", findings);
    check_sssd("", vos, findings);
    return findings;
}

Outcome<int> diagnose_accounts() {
    return report_findings(check_accounts());
}

}  // namespace

void add_doctor_accounts_command(CommandTable& table) {
    table.add("doctor accounts",
              "Check that this machine knows the members of its VOs: what is wrong, what to do",
              diagnose_accounts);
}

}  // namespace xos
