// The checks behind xos doctor login that look at sshd.
#include "cli/sshd_access_check.h"
#include "cli/sshd_block_check.h"
#include "cli/sshd_limits_check.h"
#include "cli/sshd_settings.h"
#include "tests/unit/cli/findings.h"

using namespace xos;
using namespace xos::test;

namespace {

// Of "sshd -T" for a member, where all is well.
constexpr char kSound[] =
    "port 22\nusepam yes\npamservicename sshd\nlogingracetime 120\npubkeyauthentication yes\n"
    "hostbasedauthentication no\npasswordauthentication no\nkbdinteractiveauthentication no\npermituserrc "
    "no\n"
    "refuseconnection no\ntrustedusercakeys none\nauthorizedkeysfile none\n"
    "authorizedkeyscommand /usr/libexec/xos/xos-ssh-keys %u %U %t %k\nauthorizedkeyscommanduser _xos-keys\n"
    "pubkeyacceptedalgorithms ssh-ed25519-cert-v01@openssh.com,rsa-sha2-256\n"
    "casignaturealgorithms ecdsa-sha2-nistp256,ssh-ed25519\nauthenticationmethods publickey\n"
    "maxstartups 10:30:100\npersourcemaxstartups none\n"
    "persourcepenalties crash:90 authfail:5 noauth:1 max:600 min:15\n";

std::string with(const std::string& from, const std::string& to) {
    std::string text = kSound;
    const size_t at = text.find(from);
    REQUIRE(at != std::string::npos);
    return text.replace(at, from.size(), to);
}

std::string settings_faults(std::string_view text, bool* in_force = nullptr) {
    Findings findings;
    const bool is = check_sshd_settings("physics", SshdSettings::parse(text), findings);
    if (in_force != nullptr) *in_force = is;
    return faults_of(findings);
}

std::string access_faults(std::string_view text) {
    Findings findings;
    check_sshd_access("physics", SshdSettings::parse(text), findings);
    CHECK_FALSE(findings.empty());
    return faults_of(findings);
}

std::string limits_faults(std::string_view text) {
    Findings findings;
    check_sshd_limits(SshdSettings::parse(text), findings);
    CHECK_FALSE(findings.empty());
    return faults_of(findings);
}

std::string include_faults(std::string_view text) {
    Findings findings;
    check_sshd_include(text, findings);
    CHECK(findings.size() == 1);
    return faults_of(findings);
}

std::string block_faults(std::string_view text, const std::vector<std::string>& vos) {
    Findings findings;
    check_sshd_block(text, vos, findings);
    return faults_of(findings);
}

}  // namespace

TEST_CASE("sshd's patterns") {
    CHECK(matches_pattern("user1@physics", "*@physics"));
    CHECK(matches_pattern("user1@physics", "user?@*"));
    CHECK(matches_pattern("", "**"));
    CHECK_FALSE(matches_pattern("", "?"));
    CHECK_FALSE(matches_pattern("user1@physics", "user@physics"));
    CHECK_FALSE(matches_pattern("user1@physics2", "*@physics"));
    CHECK_FALSE(matches_pattern(std::string(50000, 'a'), std::string(30, '*') + "b"));
    CHECK(patterns_meet("user?@physics", "?*@physics"));
    CHECK(patterns_meet("*", "?*@physics"));
    CHECK(patterns_meet("a*s", "?*@physics"));
    CHECK_FALSE(patterns_meet("root", "?*@physics"));
    CHECK_FALSE(patterns_meet("@physics", "?*@physics"));
    CHECK_FALSE(patterns_meet("*@bio", "?*@physics"));
    CHECK_FALSE(patterns_meet("", "?*"));
    CHECK(patterns_meet("", "*"));
}

TEST_CASE("the settings of sshd -T") {
    const auto settings =
        SshdSettings::parse("AllowUsers root\nallowusers *@physics@* x\n\r\nnovalue\n# c d\n");
    CHECK(settings.words("allowusers") == std::vector<std::string>{"root", "*@physics@*", "x"});
    CHECK(settings.value("novalue").empty());
    CHECK(settings.value("#").empty());
    CHECK(SshdSettings::parse("").empty());
    CHECK(SshdSettings::parse(std::string_view("\0 \x01\n\"\n", 6)).words("\"").empty());
    CHECK(split_words("\"a b\" c \"d").size() == 3);
}

TEST_CASE("our block is in force") {
    bool in_force = false;
    CHECK(settings_faults(kSound, &in_force).empty());
    CHECK(in_force);
    CHECK(settings_faults(with("%t %k", "%t %k %C")).empty());
}

TEST_CASE("our block is not in force, or not alone") {
    bool in_force = true;
    CHECK(settings_faults(with("authorizedkeyscommand /usr/libexec/xos/xos-ssh-keys %u %U %t %k",
                               "authorizedkeyscommand none"),
                          &in_force) ==
          "WRONG: VO physics: sshd's AuthorizedKeysCommand for its members is none, not ours\n");
    CHECK_FALSE(in_force);
    CHECK(settings_faults(with("/xos-ssh-keys %u", "/xos-ssh-keys-of-others %u")).contains("not ours"));
    CHECK(settings_faults(with("%u %U", "%u")).contains("not ours"));
    CHECK(settings_faults(with("authenticationmethods publickey", "authenticationmethods any"))
              .contains("authenticationmethods for its members is any: it must be publickey"));
    CHECK(settings_faults(with("authorizedkeysfile none", "authorizedkeysfile .ssh/authorized_keys"))
              .contains("authorizedkeysfile"));
    CHECK(settings_faults(with("pubkeyauthentication yes", "pubkeyauthentication no")).contains("WRONG"));
    Findings findings;
    check_sshd_pam(SshdSettings::parse(kSound), findings);
    CHECK(findings.empty());
    check_sshd_pam(SshdSettings::parse(with("usepam yes", "usepam no")), findings);
    CHECK(faults_of(findings).starts_with("WRONG: UsePAM no"));
    CHECK(settings_faults(with("ssh-ed25519-cert-v01@openssh.com,", ""))
              .contains("pubkeyacceptedalgorithms for its members is rsa-sha2-256: it must hold"));
    CHECK(settings_faults(with(",ssh-ed25519\n", ",ssh-ed25519-not\n")).contains("casignaturealgorithms"));
    CHECK(count_lines(settings_faults("")) == 1);
}

TEST_CASE("the block names the trusted VOs") {
    const std::string head = "# Written by xosd\nHostCertificate /x\nMatch User *@bio,*@physics\n";
    const std::string block = head + "    AuthorizedKeysFile none\nMatch all\n";
    CHECK(block_faults(block, {"physics", "bio"}).empty());
    CHECK(block_faults("# none\n", {}).empty());
    CHECK(block_faults(block, {"bio"}).contains("names physics, which is not trusted here"));
    CHECK(block_faults(block, {"bio", "physics", "chem"}).contains("VO chem is trusted"));
    CHECK(block_faults("", {"physics"}).contains("does not name it"));
    CHECK(block_faults("#Match User *@physics\n", {"physics"}).contains("does not name it"));
    CHECK(count_lines(block_faults("Match User *\nMatch User ,,\n", {})) == 3);
}

TEST_CASE("sshd_config includes the block, outside of every Match") {
    CHECK(include_faults("# c\nInclude /etc/ssh/sshd_config.d/*.conf\nUsePAM yes\n").empty());
    CHECK(include_faults("include sshd_config.d/50-xos.conf\n").empty());
    CHECK(include_faults("Include=\"/etc/ssh/sshd_config.d/*.conf\"\n").empty());
    CHECK(include_faults("Match User x\nX11Forwarding no\nMatch all\nInclude /etc/ssh/sshd_config.d/*\n")
              .empty());
    CHECK(include_faults("Match Group staff\nX11Forwarding no\nInclude /etc/ssh/sshd_config.d/*.conf\n")
              .contains("inside of 'Match Group staff'"));
    for (const char* text : {"", "#Include /etc/ssh/sshd_config.d/*.conf\n", "Include /etc/ssh/*.conf\n",
                             "Include /etc/ssh/sshd_config.d/*.cnf\n", "Include\n", "Include=\n"})
        CHECK(include_faults(text).contains("does not include"));
}

TEST_CASE("what the running sshd has read") {
    const FileTime early(std::chrono::seconds(100)), late(std::chrono::seconds(101));
    const auto faults = [](const SshdReading& reading) {
        Findings findings;
        check_sshd_reading(reading, findings);
        CHECK(findings.size() == 1);
        return faults_of(findings);
    };
    CHECK(faults({.running = true, .untold = false, .read_at = late, .written_at = early, .others_at = {}})
              .empty());
    CHECK(faults({.running = true, .untold = false, .read_at = late, .written_at = late, .others_at = {}})
              .empty());
    CHECK(faults({.running = true, .untold = false, .read_at = early, .written_at = late, .others_at = {}})
              .contains("WRONG: sshd runs with the configuration of before"));
    CHECK(faults({.running = true, .untold = true, .read_at = late, .written_at = early, .others_at = {}})
              .contains("WRONG"));
    CHECK(faults({.running = false, .untold = false, .read_at = early, .written_at = late, .others_at = {}})
              .starts_with("note"));
    CHECK(faults({.running = true, .untold = false, .read_at = early, .written_at = early, .others_at = late})
              .starts_with("note: sshd has read our block, and not yet what else changed"));
    CHECK(faults({.running = true, .untold = false, .read_at = {}, .written_at = late, .others_at = {}})
              .starts_with("note"));
}

TEST_CASE("AllowUsers") {
    CHECK(access_faults("usepam yes\n").empty());
    for (const char* all : {"*@physics@*", "*", "*@*", "*@*@*", "?*@physics@*", "*@phys?cs@**"})
        CHECK(access_faults(std::string("allowusers root\nallowusers ") + all + "\n").empty());
    for (const char* none : {"root", "*@bio@*", "!root", "!root@*", "*@physics2@*", "root,*@physics@*x"})
        CHECK(access_faults(std::string("allowusers ") + none + "\n")
                  .starts_with("WRONG: VO physics: sshd lets no member in"));
    for (const char* some : {"user1@physics@*", "user?@physics@*", "*@physics@127.0.0.1", "*@*@!10.0.0.1,*",
                             "*@physics@10.0.0.0/8"})
        CHECK(access_faults(std::string("allowusers ") + some + "\n")
                  .starts_with("note: VO physics: sshd lets in some members only"));
}

TEST_CASE("AllowUsers *@physics is everybody from a host named physics") {
    Findings findings;
    check_sshd_access("physics", SshdSettings::parse("allowusers *@physics\nallowusers root\n"), findings);
    CHECK(
        faults_of(findings) ==
        "WRONG: VO physics: sshd lets no member in: AllowUsers *@physics root (sshd divides *@physics at the "
        "last '@': * from a host named physics)\n");
    CHECK(findings.front().advice.starts_with("write 'AllowUsers *@physics@*' beside it"));
}

TEST_CASE("groups, and who is shut out") {
    CHECK(access_faults("allowgroups sudo\nallowgroups members@physics\n").empty());
    CHECK(access_faults("allowgroups *@physics\n").empty());
    CHECK(access_faults("allowgroups sudo\n")
              .starts_with("WRONG: VO physics: sshd lets no member in: AllowGroups"));
    CHECK(access_faults("allowgroups !members@physics\n").starts_with("WRONG"));
    CHECK(access_faults("allowgroups analysis@physics\n").starts_with("note"));
    CHECK(
        access_faults("denygroups members@*\n").starts_with("WRONG: VO physics: sshd shuts all members out"));
    CHECK(access_faults("denygroups guests@physics\n").starts_with("note"));
    CHECK(access_faults("denyusers root\ndenyusers *@bio@*\n").empty());
    CHECK(access_faults("denyusers *@*\n").starts_with("WRONG"));
    CHECK(access_faults("denyusers user2@physics@*\n").starts_with("note: VO physics: sshd shuts some"));
    CHECK(access_faults("denyusers user2@physics\n")
              .starts_with("note: VO physics: DenyUsers user2@physics keeps no member out (sshd divides"));
}

TEST_CASE("limits") {
    const std::string stock = limits_faults(kSound);
    CHECK(stock.contains("note: MaxStartups 10:30:100"));
    CHECK(stock.contains("note: PerSourcePenalties"));
    CHECK(count_lines(stock) == 2);
    const std::string wide = "maxstartups 200:30:400\nlogingracetime 60\npersourcemaxstartups none\n";
    CHECK(limits_faults(wide + "persourcepenalties no\n").empty());
    CHECK(limits_faults(wide + "persourcepenalties authfail:5\npersourcepenaltyexemptlist 10.0.0.0/8\n")
              .empty());
    CHECK(limits_faults(wide + "persourcepenalties authfail:5\npersourcepenaltyexemptlist none\n")
              .contains("NAT"));
    CHECK(limits_faults("logingracetime 0\n").contains("LoginGraceTime 0"));
    CHECK(limits_faults("logingracetime 14\n").contains("LoginGraceTime 14"));
    CHECK(limits_faults("persourcemaxstartups 3\n").contains("PerSourceMaxStartups 3"));
    CHECK(limits_faults("maxstartups x\nlogingracetime -1\npersourcemaxstartups 99999999999999999999\n")
              .empty());
}
