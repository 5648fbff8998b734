#include "xosd/node_config.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "tests/unit/ssh/command.h"
#include "xosd/sshd/sshd_config.h"
#include "xosd/this_machine.h"

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
    CHECK(config->policy.rules().size() == 1);
    const auto empty = parse_node_config("# nothing\n", "node.yaml");
    REQUIRE(empty);
    CHECK(empty->policy.rules().empty());
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

TEST_CASE("the owner says whom enumeration shows and what becomes of a clash") {
    const auto read = [](const char* text) { return *parse_node_config(text, "node.yaml"); };
    CHECK(read("").enumerate == Enumerate::all);
    CHECK_FALSE(read("").local_blocks);
    CHECK(read("accounts: {enumerate: active}").enumerate == Enumerate::active);
    CHECK(read("accounts: {enumerate: none, on-clash: local-uids}").enumerate == Enumerate::none);
    CHECK(read("accounts: {on-clash: local-uids}").local_blocks);
    CHECK_FALSE(read("accounts: {on-clash: refuse}").local_blocks);
    CHECK_THAT(refusal_of("accounts: {enumerate: some}"), ContainsSubstring("active, all or none"));
    CHECK_THAT(refusal_of("accounts: {enumerate: [all]}"), ContainsSubstring("active, all or none"));
    CHECK_THAT(refusal_of("accounts: {on-clash: yes}"), ContainsSubstring("refuse or local-uids"));
    CHECK_THAT(refusal_of("accounts: {enum: all}"), ContainsSubstring("expected one of enumerate"));
    CHECK_THAT(refusal_of("accounts: all"), ContainsSubstring("expected a map"));
}

TEST_CASE("a node says where it is and what it has") {
    const auto config = parse_node_config(
        "node:\n  name: node1.example.org\n  site: lab\n  tags: [gpu, infiniband]\n  cpus: 64\n  memory: "
        "256G\n",
        "node.yaml");
    REQUIRE(config);
    CHECK(config->name == "node1.example.org");
    CHECK(config->attributes == NodeAttributes{"lab", {"gpu", "infiniband"}, 64, 256 * 1024});
    CHECK(parse_node_config("", "node.yaml")->name.empty());
    CHECK_THAT(refusal_of("node: [a]"), ContainsSubstring("node.yaml:1:7: expected a map"));
    CHECK_THAT(refusal_of("node: {nam: a}"), ContainsSubstring("'nam' is not a known key"));
    CHECK_THAT(refusal_of("node: {name: Node1}"), ContainsSubstring("a host name in lower case"));
    CHECK_THAT(refusal_of("node: {name: a..b}"), ContainsSubstring("a host name"));
    CHECK_THAT(refusal_of("node: {site: 'a b'}"), ContainsSubstring("a site"));
    CHECK_THAT(refusal_of("node: {tags: [gpu, gpu]}"), ContainsSubstring("'gpu' only once"));
    CHECK_THAT(refusal_of("node: {tags: [GPU]}"), ContainsSubstring("'GPU' is none"));
    for (const char* cpus : {"0", "-1", "many", "1.5", "[1]", ""})
        CHECK_THAT(refusal_of(compose("node: {{cpus: {}}}", cpus)),
                   ContainsSubstring("number of processors"));
    for (const char* memory : {"0", "-1G", "1K", "G", "[1]", "99999999999T"})
        CHECK_THAT(refusal_of(compose("node: {{memory: {}}}", memory)), ContainsSubstring("a size such as"));
}

TEST_CASE("what the owner does not say of the node is asked of the machine") {
    const TempDir dir;
    const auto config = load_node_config(dir.path / "absent.yaml");
    REQUIRE(config);
    CHECK(config->name == read_host_name());
    CHECK(config->attributes.cpus >= 1);
    CHECK(config->attributes.memory >= 1);
    CHECK(config->attributes.site.empty());
}

TEST_CASE("how bundles are followed") {
    const auto config = parse_node_config("bundles: {interval: 5s, grace: 1h, deadline: 2m}\n", "node.yaml");
    REQUIRE(config);
    CHECK(config->bundles.interval == std::chrono::seconds(5));
    CHECK(config->bundles.grace == std::chrono::hours(1));
    CHECK(config->bundles.deadline == std::chrono::minutes(2));
    CHECK(parse_node_config("bundles: {grace: 0}\n", "node.yaml")->bundles.grace.count() == 0);
    CHECK(parse_node_config("shell: /bin/sh\n", "node.yaml")->bundles.interval == std::chrono::seconds(30));
    for (const char* bad :
         {"{interval: 0}", "{interval: 30}", "{interval: -1s}", "{interval: 2d}", "{grace: 31d}",
          "{interval: 1.5s}", "{interval: [30s]}", "{every: 30s}", "30s", "{deadline: 99999999999s}"})
        CHECK_THAT(refusal_of("bundles: " + std::string(bad)), ContainsSubstring("node.yaml:1:"));
}

TEST_CASE("a configuration that others could write is not believed") {
    if (geteuid() != 0) SKIP("needs root: the file must be root's");
    const TempDir dir;
    const std::string path = dir.path / "node.yaml";
    const auto absent = load_node_config(path);
    REQUIRE(absent);
    CHECK(absent->policy.rules().empty());
    write_file(path, "policy: [{allow: all}]\n");
    CHECK(load_node_config(path)->policy.rules().size() == 1);
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

TEST_CASE("VOMS proxies are let in for the VOs that the owner lists") {
    CHECK(parse_node_config("home: /h", "node.yaml")->voms_accept.empty());
    const auto config = parse_node_config("voms: {accept: [physics, bio], crl-grace: 24h}", "node.yaml");
    REQUIRE(config);
    CHECK(config->voms_accept == std::vector<std::string>{"physics", "bio"});
    CHECK(config->voms_crl_grace == std::chrono::hours(24));
    CHECK(parse_node_config("voms: {accept: physics}", "node.yaml")->voms_crl_grace.count() == 0);
    CHECK_THAT(refusal_of("voms: {accept: [Physics!]}"), ContainsSubstring("names of VOs"));
    CHECK_THAT(refusal_of("voms: {crl-grace: 31d}"), ContainsSubstring("at most 30d"));
    CHECK_THAT(refusal_of("voms: {crl-grace: 2592001s}"), ContainsSubstring("at most 30d"));
    CHECK_THAT(refusal_of("voms: {crl-grace: soon}"), ContainsSubstring("a time such as"));
    for (const char* bad : {"12", "-1s", "1.5h", "s", "0y", "00", "[0s]", "99999999999s"})
        CHECK_THAT(refusal_of(compose("voms: {{crl-grace: {}}}", bad)), ContainsSubstring("a time such as"));
    for (const auto& [text, grace] : {std::pair("0s", std::chrono::days(0)),
                                      {"0", std::chrono::days(0)},
                                      {"0d", std::chrono::days(0)},
                                      {"30d", std::chrono::days(30)},
                                      {"2592000s", std::chrono::days(30)}}) {
        const auto read = parse_node_config(compose("voms: {{crl-grace: {}}}", text), "node.yaml");
        INFO(text);
        REQUIRE(read);
        CHECK(read->voms_crl_grace == grace);
    }
    CHECK_THAT(refusal_of("voms: {all: yes}"), ContainsSubstring("expected one of accept"));
    CHECK_THAT(refusal_of("voms: yes"), ContainsSubstring("expected a map"));
}

TEST_CASE("what becomes of sessions is the owner's word") {
    const auto read = [](const char* text) {
        const auto config = parse_node_config(text, "node.yaml");
        REQUIRE(config);
        return config->sessions;
    };
    CHECK(read("home: /h").at_expiry == AtExpiry::stop_jobs);
    CHECK(read("home: /h").leftovers == Leftovers::keep);
    CHECK(read("home: /h").warn == std::chrono::minutes(10));
    CHECK(read("sessions: {at-expiry: end, leftovers: warn, warn: 0s}").at_expiry == AtExpiry::end);
    CHECK(read("sessions: {at-expiry: keep}").at_expiry == AtExpiry::keep);
    CHECK(read("sessions: {leftovers: end}").leftovers == Leftovers::end);
    CHECK(read("sessions: {warn: 24h}").warn == std::chrono::hours(24));
    CHECK_THAT(refusal_of("sessions: {at-expiry: stop}"), ContainsSubstring("keep, stop-jobs or end"));
    CHECK_THAT(refusal_of("sessions: {leftovers: kill}"), ContainsSubstring("keep, warn or end"));
    CHECK_THAT(refusal_of("sessions: {warn: 25h}"), ContainsSubstring("at most 24h"));
    CHECK_THAT(refusal_of("sessions: {left: keep}"), ContainsSubstring("expected one of at-expiry"));
}

TEST_CASE("the owner says which containers are tracked") {
    const auto read = [](const char* text) { return *parse_node_config(text, "node.yaml"); };
    CHECK(read("").track.empty());
    CHECK(read("track: /lxc.payload.*").track == std::vector<std::string>{"/lxc.payload.*"});
    CHECK(read("track: [/a/*, '/b/c-?.scope']").track.size() == 2);
    for (const char* bad : {"track: a/*", "track: [/a/../b]", "track: /", "track: [[/a]]", "track: {/a: b}"})
        CHECK_THAT(refusal_of(bad), ContainsSubstring("node.yaml:1:"));
    std::string many = "track:\n";
    for (int i = 0; i < 65; ++i) many += "  - /a/" + std::to_string(i) + "\n";
    CHECK_THAT(refusal_of(many), ContainsSubstring("at most 64 patterns"));
}
