#include "cli/sshd_limits_check.h"

#include <charconv>
#include <optional>

namespace xos {
namespace {

// All of these are for the whole server: no Match block may hold them.
constexpr char kWhere[] = "in /etc/ssh/sshd_config.d/10-limits.conf; then: sshd -t && systemctl reload ssh";
constexpr uint64_t kStartupsMin = 50;  // a class of students at the start of a lesson
constexpr uint64_t kStartupsPerSourceMin = 10;
constexpr uint64_t kGraceMin = 15;  // seconds; a first login makes a home, and may mount it

// The number at the start of text.
std::optional<uint64_t> read_number(std::string_view text) {
    uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || (end != text.data() + text.size() && *end != ':')) return std::nullopt;
    return number;
}

void check_startups(const SshdSettings& settings, Findings& findings) {
    const std::string startups = settings.value("maxstartups"),
                      per_source = settings.value("persourcemaxstartups");
    const auto begin = read_number(startups);
    if (begin && *begin < kStartupsMin)
        note(findings,
             compose("MaxStartups {}: sshd drops connections at random once {} are logging in at the same "
                     "time, so that of many members at once some fail",
                     startups, *begin),
             compose("write 'MaxStartups 200:30:400' {}", kWhere));
    const auto each = read_number(per_source);
    if (each && *each < kStartupsPerSourceMin)
        note(findings,
             compose("PerSourceMaxStartups {}: no more members of one address can log in at the same time",
                     per_source),
             compose("write 'PerSourceMaxStartups none' {}", kWhere));
}

void check_penalties(const SshdSettings& settings, Findings& findings) {
    const std::string penalties = settings.value("persourcepenalties");
    if (penalties.empty() || penalties == "no") return;
    const std::string exempt = settings.value("persourcepenaltyexemptlist");
    if (!exempt.empty() && exempt != "none") return;
    note(
        findings,
        "PerSourcePenalties: a few refused logins of one person shut out everybody of the same address for a "
        "while: a gateway, a portal, an institute behind NAT",
        compose("write 'PerSourcePenaltyExemptList ADDRESS/MASK,...' of such addresses {}", kWhere));
}

void check_grace(const SshdSettings& settings, Findings& findings) {
    const std::string text = settings.value("logingracetime");
    const auto grace = read_number(text);
    if (!grace || *grace >= kGraceMin) return;
    note(findings,
         *grace == 0
             ? std::string("LoginGraceTime 0: connections that never log in stay and use up MaxStartups")
             : compose("LoginGraceTime {}: a first login, which makes the home, may take longer", text),
         compose("write 'LoginGraceTime 60' {}", kWhere));
}

}  // namespace

void check_sshd_limits(const SshdSettings& settings, Findings& findings) {
    const size_t before = findings.size();
    check_startups(settings, findings);
    check_penalties(settings, findings);
    check_grace(settings, findings);
    if (findings.size() == before) good(findings, "sshd's limits are wide enough for many members at once");
}

}  // namespace xos
