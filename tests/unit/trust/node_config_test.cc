#include "xosd/node_config.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "tests/unit/ssh/command.h"
#include "xosd/sshd/sshd_config.h"

using namespace xos;
using namespace xos::test;
using Catch::Matchers::ContainsSubstring;

namespace {

std::string refusal_of(std::string_view text) {
    const auto config = parse_node_config(text, "node.yaml");
    return config ? "" : config.error().message;
}

}  // namespace

TEST_CASE("a node's configuration") {
    const auto config = parse_node_config(
        "home: /data/homes\nshell: /bin/sh\nmanage-sshd: no\n"
        "policy:\n  - allow: all\n    vo: physics\n",
        "node.yaml");
    REQUIRE(config);
    CHECK(config->home_root == "/data/homes");
    CHECK(config->shell == "/bin/sh");
    CHECK_FALSE(config->manage_sshd);
    CHECK(config->policy.rules.size() == 1);
    const auto empty = parse_node_config("# nothing\n", "node.yaml");
    REQUIRE(empty);
    CHECK(empty->policy.rules.empty());
    CHECK(empty->manage_sshd);
}

TEST_CASE("a configuration that is not right is refused with its place") {
    CHECK_THAT(refusal_of("hom: /x"), ContainsSubstring("node.yaml:1:1: expected one of policy, home"));
    for (const char* home : {"home: relative", "home: /a/../b", "home: /a/", "home: '/a b'", "home: '/a:b'",
                             "home: [/a]", "home:", "home: /"})
        CHECK_THAT(refusal_of(home), ContainsSubstring("node.yaml:1:"));
    CHECK_THAT(refusal_of("manage-sshd: perhaps"), ContainsSubstring("yes or no"));
    CHECK_THAT(refusal_of("policy: {allow: all}"), ContainsSubstring("a list of rules"));
    CHECK_THAT(refusal_of("- a\n"), ContainsSubstring("expected a map"));
}

TEST_CASE("a configuration that others could write is not believed") {
    if (geteuid() != 0) SKIP("needs root: the file must be root's");
    const TempDir dir;
    const std::string path = dir.path / "node.yaml";
    const auto absent = load_node_config(path);
    REQUIRE(absent);
    CHECK(absent->policy.rules.empty());
    write_file(path, "policy: [{allow: all}]\n");
    CHECK(load_node_config(path)->policy.rules.size() == 1);
    REQUIRE(chmod(path.c_str(), 0620) == 0);
    CHECK(load_node_config(path).error().code == Errc::denied);
    REQUIRE(chmod(path.c_str(), 0600) == 0);
    REQUIRE(chown(path.c_str(), 65432, 0) == 0);
    CHECK(load_node_config(path).error().code == Errc::denied);
    CHECK(load_node_config(dir.path).error().code == Errc::denied);  // no file at all
}

TEST_CASE("sshd's block names the accepted VOs one by one") {
    const std::string text = make_sshd_config({"bio", "physics"});
    CHECK_THAT(text, ContainsSubstring("Match User *@bio,*@physics\n"));
    CHECK_THAT(text, ContainsSubstring("    AuthorizedKeysFile none\n"));
    CHECK_THAT(text, ContainsSubstring("    TrustedUserCAKeys none\n"));
    CHECK(text.ends_with("Match all\n"));
    for (const char* other : {"PasswordAuthentication yes", "*@*"})
        CHECK(text.find(other) == std::string::npos);
    const std::string shown = make_sshd_config({"physics"}, "/var/lib/xos/resource/physics/host-cert.pub");
    const size_t certificate = shown.find("HostCertificate /var/lib/xos/resource/physics/host-cert.pub\n");
    CHECK(certificate < shown.find("Match User"));
    const std::string none = make_sshd_config({});
    CHECK(none.starts_with("#"));
    CHECK(none.find('\n') == none.size() - 1);
}
