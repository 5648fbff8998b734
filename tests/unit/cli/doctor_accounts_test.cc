// The checks behind xos doctor accounts, on files of our own making.
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <map>

#include "cli/accounts_file_check.h"
#include "cli/id_clash_check.h"
#include "cli/name_cache_check.h"
#include "libxos/names.h"
#include "libxos/unique_fd.h"
#include "tests/unit/session/as_root.h"
#include "tests/unit/ssh/command.h"
#include "xosd/identity/accounts_writer.h"

using namespace xos;
using namespace xos::test;

namespace {

AccountsSnapshot sample() {
    AccountsSnapshot snapshot;
    snapshot.vos.push_back({"physics", kUidMin, kBlockSize});
    for (const auto& [name, number] : {std::pair{"user1@physics", 1U}, {"user2@physics", 2U}})
        snapshot.accounts.push_back(
            {name, kUidMin + number, kUidMin + number, "", "/home/xos/x", "/bin/bash"});
    return snapshot;
}

struct Files {
    TempDir dir;
    std::string path = dir.path / "accounts", boot = dir.path / "boot";
    Findings findings;

    Files() {
        std::filesystem::permissions(dir.path, std::filesystem::perms(0755));
        write(path, 3);
    }
    static void write(const std::string& to, uint64_t generation) {
        write_file(to, build_accounts_file(sample(), generation).value());
        REQUIRE(chmod(to.c_str(), 0444) == 0);
    }
    std::optional<PinnedAccounts> check() { return check_accounts_file(path, "advice", findings); }
    bool is_wrong(std::string_view what) const {
        return std::ranges::any_of(findings, [what](const Finding& finding) {
            return finding.kind == Finding::Kind::wrong && finding.what.contains(what) &&
                   !finding.advice.empty();
        });
    }
    bool is_sound() const { return std::ranges::count(findings, Finding::Kind::wrong, &Finding::kind) == 0; }
};

NodeView node_of(std::vector<std::string> vos, uint64_t accounts) {
    NodeView node;
    node.accounts = accounts;
    for (std::string& vo : vos) {
        TrustedView view;
        view.vo = std::move(vo);
        view.uid_base = kUidMin;
        node.vos.push_back(std::move(view));
    }
    return node;
}

}  // namespace

TEST_CASE_METHOD(Files, "a sound file, and one that agrees with xosd") {
    require_root();
    const auto accounts = check();
    REQUIRE(accounts);
    CHECK(findings.back().what.contains("generation 3, 2 accounts of 1 VOs"));
    compare_with_node(*accounts, node_of({"physics"}, 2), findings);
    write(boot, 3);
    check_boot_copy(&*accounts, boot, findings);
    CHECK(is_sound());
}

TEST_CASE_METHOD(Files, "files that serve nobody") {
    require_root();
    SECTION("absent") {
        std::filesystem::remove(path);
        CHECK_FALSE(check());
        CHECK(is_wrong("cannot be examined"));
    }
    SECTION("not root's") {
        REQUIRE(chown(path.c_str(), kTestUid, 0) == 0);
        CHECK_FALSE(check());
        CHECK(is_wrong("is not a file of root"));
    }
    SECTION("writable by others") {
        REQUIRE(chmod(path.c_str(), 0666) == 0);
        CHECK_FALSE(check());
        CHECK(is_wrong("is not a file of root"));
    }
    SECTION("a symlink") {
        std::filesystem::rename(path, boot);
        std::filesystem::create_symlink(boot, path);
        CHECK_FALSE(check());
        CHECK(is_wrong("is not a file of root"));
    }
    SECTION("not readable by everybody") {
        REQUIRE(chmod(path.c_str(), 0400) == 0);
        CHECK_FALSE(check());
        CHECK(is_wrong("not everybody can read it"));
    }
    SECTION("out of reach") {
        std::filesystem::permissions(dir.path, std::filesystem::perms(0700));
        CHECK_FALSE(check());
        CHECK(is_wrong("not everybody can reach"));
    }
    SECTION("damaged") {
        std::filesystem::resize_file(path, 100);
        CHECK_FALSE(check());
        CHECK(is_wrong("is damaged"));
    }
}

TEST_CASE_METHOD(Files, "files that differ from each other or from xosd") {
    require_root();
    const auto accounts = check();
    REQUIRE(accounts);
    write(boot, 2);
    check_boot_copy(&*accounts, boot, findings);
    CHECK(is_wrong("has the generation 2, the accounts in use 3"));
    compare_with_node(*accounts, node_of({"biology"}, 2), findings);
    CHECK(is_wrong("VO biology is trusted, but"));
    CHECK(is_wrong("hold VO physics, which is not trusted"));
    NodeView moved = node_of({"physics"}, 7);
    moved.vos[0].uid_base += kBlockSize;
    compare_with_node(*accounts, moved, findings);
    CHECK(is_wrong("begin at"));
    CHECK(is_wrong("hold 2 members, xosd knows 7"));
}

TEST_CASE_METHOD(Files, "local ids in the block of a VO") {
    const std::vector<VoBlock> blocks = {{"physics", kUidMin, kBlockSize}};
    const auto check = [&](const char* file, const std::string& text) {
        findings.clear();
        write_file(dir.path / file, text);
        check_local_ids(dir.path, blocks, findings);
        std::filesystem::remove(dir.path / file);
        return !is_sound();
    };
    const std::string inside = std::to_string(kUidMin + 5);
    CHECK_FALSE(check("passwd", "root:x:0:0:root:/root:/bin/bash\nodd line\nuser:x:-1:0\nuser:x::0\n"));
    CHECK(check("passwd", "alice:x:" + inside + ":100::/:/bin/sh\n"));
    CHECK(findings.back().what.contains("local user alice"));
    CHECK_FALSE(check("passwd", "alice:x:" + std::to_string(kUidMin + kBlockSize) + ":100::/:/bin/sh\n"));
    CHECK(check("group", "staff:x:" + inside + ":\n"));
    CHECK(check("subuid", "bob:" + std::to_string(kUidMin - 10) + ":65536\n"));
    CHECK_FALSE(check("subgid", "bob:" + std::to_string(kUidMin - 10) + ":10\n"));
    CHECK_FALSE(check("subuid", "bob:100000:65536\nbob:18446744073709551615:2\n"));
    CHECK(check("login.defs", "#SUB_UID_MAX 1\nSUB_UID_MAX\t4294967295\n"));
    CHECK_FALSE(
        check("login.defs", "UID_MAX 60000\nUID_MAXIMUM 4294967295\nSUB_UID_MAX\t600100000 # more\n"));
    findings.clear();
    check_local_ids(dir.path, {{"odd", 61184, kBlockSize}}, findings);
    CHECK(is_wrong("leave"));
}

TEST_CASE_METHOD(Files, "what other sources say") {
    require_root();
    const auto accounts = this->check();
    REQUIRE(accounts);
    std::map<uint32_t, std::string> names = {{kUidMin + 1, "user1@physics"}};
    std::map<std::string, uint32_t> uids = {{"user1@physics", kUidMin + 1}};
    const NameLookups lookups = {[&](uint32_t uid) -> std::optional<std::string> {
                                     const auto found = names.find(uid);
                                     if (found == names.end()) return std::nullopt;
                                     return found->second;
                                 },
                                 [&](const std::string& name) -> std::optional<uint32_t> {
                                     const auto found = uids.find(name);
                                     if (found == uids.end()) return std::nullopt;
                                     return found->second;
                                 }};
    check_other_sources(*accounts, lookups, findings);
    CHECK(is_sound());
    names[kUidMin] = "ldapuser";
    uids["user1@physics"] = 5000;
    check_other_sources(*accounts, lookups, findings);
    CHECK(is_wrong("is ldapuser for the C library"));
    CHECK(is_wrong("and 5000 by name"));
    names.clear();
    uids.clear();
    check_other_sources(*accounts, lookups, findings);
    CHECK(is_wrong("does not know user1@physics"));
}

TEST_CASE_METHOD(Files, "nscd keeps old answers") {
    const std::string root = dir.path;
    check_nscd(root, findings);
    CHECK(is_sound());
    std::filesystem::create_directories(dir.path / "run" / "nscd");
    std::filesystem::create_directories(dir.path / "etc");
    const UniqueFd listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    (root + "/run/nscd/socket").copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(listen(listener.get(), 8) == 0);
    write_file(dir.path / "etc" / "nscd.conf",
               "# enable-cache group yes\nenable-cache passwd yes\npositive-time-to-live passwd 600\n"
               "enable-cache group no\nenable-cache hosts yes\n");
    check_nscd(root, findings);
    CHECK(is_wrong("answers about passwd for 600 s"));
    CHECK_FALSE(is_wrong("about group"));
    findings.clear();
    write_file(dir.path / "etc" / "nscd.conf", "enable-cache hosts yes\n");
    check_nscd(root, findings);
    CHECK(is_sound());
}

TEST_CASE_METHOD(Files, "a domain of sssd that is named like a VO") {
    const std::string root = dir.path;
    check_sssd(root, {"physics"}, findings);
    CHECK(is_sound());
    std::filesystem::create_directories(dir.path / "etc" / "sssd" / "conf.d");
    write_file(dir.path / "etc" / "sssd" / "sssd.conf",
               "[sssd]\ndomains = corp\n[domain/corp]\nid_provider = ldap\n");
    write_file(dir.path / "etc" / "sssd" / "conf.d" / ".hidden.conf",
               "[domain/physics]\nid_provider = ldap\n");
    check_sssd(root, {"physics"}, findings);
    CHECK(is_sound());
    write_file(dir.path / "etc" / "sssd" / "conf.d" / "10.conf",
               "; more\n[domain/Physics]\n use_fully_qualified_names = True\n");
    check_sssd(root, {"physics"}, findings);
    CHECK(is_wrong("sssd has a domain physics"));
    CHECK(is_wrong("use_fully_qualified_names"));
}
