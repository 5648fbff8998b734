// The checks behind xos doctor login that look at PAM.
#include <filesystem>
#include <map>

#include "cli/pam_check.h"
#include "tests/unit/cli/findings.h"
#include "tests/unit/ssh/command.h"

using namespace xos;
using namespace xos::test;

namespace {

// As Debian 13 and our profile make them.
constexpr char kOurs[] =
    "[success=ok new_authtok_reqd=ok ignore=ignore module_unknown=ignore default=bad]\tpam_xos.so \n";
const std::string kCommonAccount =
    "# c\naccount\t[success=1 new_authtok_reqd=done default=ignore]\tpam_unix.so \n"
    "account\trequisite\tpam_deny.so\naccount\trequired\tpam_permit.so\naccount\t" +
    std::string(kOurs);
const std::string kCommonSession =
    "session\t[default=1]\tpam_permit.so\nsession\trequisite\tpam_deny.so\nsession\trequired\tpam_permit.so\n"
    "session required pam_unix.so\nsession\t" +
    std::string(kOurs) + "session\toptional\tpam_systemd.so\n";
constexpr char kSshd[] =
    "@include common-auth\naccount required pam_nologin.so\n@include common-account\n"
    "session optional pam_keyinit.so force revoke\n@include common-session\n@include common-password\n";
constexpr char kRunuser[] =
    "auth sufficient pam_rootok.so\nsession optional pam_keyinit.so revoke\nsession required pam_unix.so\n";

struct Machine {
    std::map<std::string, std::string> texts = {
        {"common-account", kCommonAccount},
        {"common-session", kCommonSession},
        {"common-auth", ""},
        {"common-password", ""},
        {"sshd", kSshd},
        {"su", "@include common-account\n@include common-session\n"},
        {"su-l", "account include su\nsession optional pam_keyinit.so force revoke\nsession include su\n"}};

    PamFiles files() {
        return [this](const std::string& service) -> std::optional<std::string> {
            const auto text = texts.find(service);
            return text == texts.end() ? std::nullopt : std::optional(text->second);
        };
    }
    std::string faults() {
        Findings findings;
        check_pam_services(files(), "sshd", findings);
        return faults_of(findings);
    }
};

std::vector<PamEntry> stack_of(const std::string& text) {
    Machine machine;
    machine.texts["x"] = text;
    return resolve_pam_stack(machine.files(), "x", "session").value();
}

}  // namespace

TEST_CASE("how PAM's files are read") {
    const auto entries = stack_of(
        "# session required pam_a.so\n  -SESSION\tOptional  /lib/security/pam_b.so x \\\n y # z\n"
        "session [Success=1  default=ignore] pam_c.so\naccount required pam_d.so\nsession required\nsession "
        "[a\n");
    REQUIRE(entries.size() == 2);
    CHECK(entries[0].module == "pam_b.so");
    CHECK(entries[0].control == "optional");
    CHECK(entries[0].arguments == std::vector<std::string>{"x", "y"});
    CHECK(entries[1].module == "pam_c.so");
    CHECK(action_on(entries[1].control, "success") == "1");
    CHECK(action_on(entries[1].control, "user_unknown") == "ignore");
    CHECK(action_on("sufficient", "success") == "done");
    CHECK(action_on("[]", "success") == "bad");
    CHECK(action_on("[", "success") == "bad");
}

TEST_CASE("files that include each other, or nothing") {
    Machine machine;
    machine.texts["x"] = "@include x\n";
    CHECK(resolve_pam_stack(machine.files(), "x", "session").error().code == Errc::invalid);
    machine.texts["x"] = "session substack gone\n";
    CHECK(resolve_pam_stack(machine.files(), "x", "session").error().code == Errc::not_found);
    CHECK(resolve_pam_stack(machine.files(), "x", "account")->empty());
    machine.texts["x"].clear();
    for (int i = 0; i < 40; ++i) machine.texts["x"] += "@include y\n";
    machine.texts["y"] = machine.texts["x"];
    for (char& c : machine.texts["y"]) c = c == 'y' ? 'z' : c;
    machine.texts["z"] = "session required a.so\n";
    CHECK(resolve_pam_stack(machine.files(), "x", "session").error().code == Errc::invalid);
}

TEST_CASE("what success passes over") {
    const auto jump =
        stack_of("session [success=1 default=die] a.so\nsession required b.so\nsession required c.so\n");
    CHECK(skipped_after(jump, 0) == std::pair<size_t, size_t>(1, 2));
    CHECK(skipped_after(jump, 1) == std::pair<size_t, size_t>(2, 2));
    const auto far = stack_of("session [success=99999999999999999999] a.so\nsession [success=9] b.so\n");
    CHECK(skipped_after(far, 1) == std::pair<size_t, size_t>(2, 2));
    Machine machine;
    machine.texts["sub"] = "session sufficient a.so\nsession required b.so\n";
    machine.texts["x"] = "session [success=1] z.so\nsession substack sub\nsession required c.so\n";
    const auto nested = resolve_pam_stack(machine.files(), "x", "session").value();
    REQUIRE(nested.size() == 4);
    CHECK(skipped_after(nested, 0) == std::pair<size_t, size_t>(1, 3));
    CHECK(skipped_after(nested, 1) == std::pair<size_t, size_t>(2, 3));
}

TEST_CASE_METHOD(Machine, "a sound machine") {
    CHECK(faults().empty());
    texts["common-account"] = "account sufficient pam_localuser.so\n" + kCommonAccount;
    CHECK(faults().empty());
}

TEST_CASE_METHOD(Machine, "ours is not there") {
    texts["common-account"].resize(texts["common-account"].rfind("account"));
    CHECK(count_lines(faults()) == 3);
    CHECK(faults().contains("WRONG: PAM, sshd: its account has no pam_xos.so: members pass without xosd\n"));
    texts["common-session"] = "#" + kCommonSession.substr(0, 5);
    CHECK(faults().contains("PAM, su-l: its session has no pam_xos.so"));
    texts.erase("common-session");
    CHECK(faults().contains("PAM has no file for common-session"));
    texts.erase("sshd");
    CHECK(faults().contains("WRONG: PAM has no file for sshd's service sshd"));
}

TEST_CASE_METHOD(Machine, "ours is not reached") {
    texts["common-account"] = "account sufficient pam_unix.so\n" + kCommonAccount;
    CHECK(
        faults().contains("PAM, su: where pam_unix.so succeeds in account, pam_xos.so is passed over "
                          "(common-account: sufficient)"));
    texts["common-account"] = "account [success=4 default=ignore] pam_unix.so\n" + kCommonAccount;
    CHECK(faults().contains("WRONG: PAM, sshd: where pam_unix.so"));
    texts["common-account"] = "account [success=3 default=ignore] pam_unix.so\n" + kCommonAccount;
    CHECK(faults().empty());
    texts["common-account"] = "account sufficient pam_succeed_if.so uid < 1000 quiet\n" + kCommonAccount;
    CHECK(faults().starts_with("note: PAM, sshd: where pam_succeed_if.so"));
    CHECK_FALSE(faults().contains("WRONG"));
}

TEST_CASE_METHOD(Machine, "the order of a session") {
    texts["sshd"] =
        "@include common-account\n@include common-session\nsession optional pam_keyinit.so force revoke\n";
    CHECK(faults() ==
          "WRONG: PAM, sshd: pam_keyinit.so with 'force' comes behind pam_xos.so (sshd): the credential "
          "of the session is lost\n");
    texts["sshd"] =
        "@include common-account\n@include common-session\nsession optional pam_keyinit.so revoke\n";
    CHECK(faults().empty());
    texts["sshd"] = "@include common-account\n-session optional pam_systemd.so\n@include common-session\n";
    CHECK(faults().starts_with("WRONG: PAM, sshd: pam_systemd.so comes before pam_xos.so (sshd)"));
    texts["sshd"] = kSshd;
    texts["systemd-user"] =
        "@include common-account\n@include common-session\nsession optional pam_keyinit.so force revoke\n";
    CHECK(faults().starts_with("note: PAM, systemd-user: pam_keyinit.so with 'force'"));
}

TEST_CASE_METHOD(Machine, "runuser") {
    texts["runuser"] = kRunuser;
    texts["runuser-l"] =
        "session optional pam_keyinit.so force revoke\n-session optional pam_systemd.so\n"
        "session include runuser\n";
    CHECK(count_lines(faults()) == 2);
    CHECK(faults().starts_with(
        "note: PAM, runuser: what root runs by it for a member has root's session keyring"));
    texts["runuser"] += "session required pam_xos.so\n";
    CHECK(faults().empty());
}

TEST_CASE("the files and the module of a machine") {
    TempDir dir;
    namespace fs = std::filesystem;
    const auto module_faults = [&] {
        Findings findings;
        check_pam_module(dir.path, findings);
        return faults_of(findings);
    };
    CHECK(module_faults().contains("no pam_xos.so is installed"));
    const fs::path security = dir.path / "usr/lib/x86_64-linux-gnu/security";
    fs::create_directories(security);
    write_file(security / "pam_unix.so", "");
    CHECK(module_faults().contains("has PAM's modules, and no pam_xos.so"));
    CHECK(count_lines(module_faults()) == 1);
    write_file(security / "pam_xos.so", "");
    CHECK(module_faults().empty());

    fs::create_directories(dir.path / "etc/pam.d");
    fs::create_directories(dir.path / "usr/lib/pam.d");
    write_file(dir.path / "etc/pam.d/a", "etc");
    write_file(dir.path / "usr/lib/pam.d/a", "lib");
    write_file(dir.path / "usr/lib/pam.d/b", "lib");
    const auto files = pam_files_below(dir.path);
    CHECK(files("a") == "etc");
    CHECK(files("b") == "lib");
    CHECK(files("/etc/pam.d/a") == "etc");
    for (const char* name : {"c", "", "../pam.d/a", "."}) CHECK_FALSE(files(name));
}
