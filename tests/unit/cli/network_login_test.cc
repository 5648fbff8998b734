// Enrolment and the day's login over the network, with the real programs: xos-cda, xos, ssh-agent.
#include <sys/stat.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "common/json.h"
#include "tests/unit/cda/running_authority.h"
#include "tests/unit/cli/desk.h"

using namespace xos;
using namespace xos::test;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("a code and one command make a login; a second terminal needs neither code nor network") {
    RunningAuthority cda;
    const Desk desk;
    const auto enrolled = desk.xos({"enroll", cda.url, cda.invite("user1@physics")});
    INFO(enrolled.errors);
    REQUIRE(enrolled.status == 0);
    CHECK_THAT(enrolled.output,
               ContainsSubstring("Enrolled as user1@physics. The VO's fingerprint: SHA256:") &&
                   ContainsSubstring("Logged in as user1@physics until"));
    CHECK_THAT(desk.loaded(), ContainsSubstring("user1@physics (ED25519-CERT)"));
    for (const char* name : {"user1.key", "user1.pem", "authority.json", "record.json"}) {
        struct stat status{};
        REQUIRE(stat((desk.folder / name).c_str(), &status) == 0);
        CHECK((status.st_mode & 07777) == 0600);
    }
    const std::string first = desk.credential();

    SECTION("the same credential is used again, by name or without") {
        REQUIRE(desk.xos({"login", "user1@physics"}).status == 0);
        REQUIRE(desk.xos({"login"}).status == 0);
        CHECK(desk.credential() == first);
        CHECK(std::ranges::count(desk.loaded(), '\n') == 1);
    }
    SECTION("renewal in place") {
        REQUIRE(desk.xos({"login", "--renew"}).status == 0);
        CHECK(desk.credential() != first);
        CHECK(std::ranges::count(desk.loaded(), '\n') == 1);
    }
    SECTION("an authority that cannot be reached is borne while the old credential lasts, and said") {
        REQUIRE(cda.stop() == 0);
        const auto login = desk.xos({"login", "--renew"});
        CHECK(login.status == 0);
        CHECK_THAT(login.errors, ContainsSubstring("cannot be reached") &&
                                     ContainsSubstring("using the credential of before"));
        std::filesystem::remove(desk.folder / "user1.pem");
        const auto without = desk.xos({"login"});
        CHECK(without.status == 1);
        CHECK_THAT(without.errors, ContainsSubstring("cannot be reached"));
    }
    SECTION("reasons of a refusal reach the member") {
        REQUIRE(cda.command({"member", "suspend", "user1@physics"}).status == 0);
        CHECK_THAT(desk.xos({"login", "--renew"}).errors, ContainsSubstring("user1@physics is suspended"));
        REQUIRE(cda.command({"member", "remove", "user1@physics"}).status == 0);
        CHECK_THAT(desk.xos({"login", "--renew"}).errors, ContainsSubstring("no member of the VO physics"));
    }
    SECTION("who leaves is a member no more, and nothing stays behind") {
        const auto left = desk.xos({"vo", "leave", "user1@physics"});
        INFO(left.errors);
        CHECK(left.status == 0);
        CHECK_FALSE(cda.command({"member", "list", "physics"}).output.contains("user1"));
        CHECK_FALSE(std::filesystem::exists(desk.folder / "user1.key"));
        CHECK_THAT(desk.loaded(), ContainsSubstring("no identities"));
        CHECK(desk.xos({"login", "user1@physics"}).status == 1);
    }
    SECTION("another authority at the same address is not believed") {
        const std::string port = cda.port();
        REQUIRE(cda.stop() == 0);
        for (const char* name : {"tls.key", "tls.pem"}) std::filesystem::remove(cda.state + "/" + name);
        cda.start(port);
        const auto login = desk.xos({"login", "--renew"});
        CHECK(login.status == 1);
        CHECK_THAT(login.errors, ContainsSubstring("is not the VO's authority"));
        CHECK(desk.credential() == first);
    }
}

TEST_CASE("what cannot be an enrolment is refused, and leaves no trust behind") {
    const RunningAuthority cda, other;
    const Desk desk;
    const std::string code = cda.invite("user1@physics");
    const auto refused = [&](std::vector<std::string> words, const char* why) {
        words.insert(words.begin(), "enroll");
        const auto result = desk.xos(words);
        INFO(result.errors);
        CHECK(result.status == 1);
        CHECK_THAT(result.errors, ContainsSubstring(why));
        CHECK_FALSE(std::filesystem::exists(desk.folder / "authority.json"));
        CHECK_FALSE(std::filesystem::exists(desk.folder / "record.json"));
    };
    refused({"http://127.0.0.1:1", code}, "is no address of an authority");
    refused({cda.url, "user1@physics"}, "no enrolment code");
    refused({cda.url, "user1@physics:x:y"}, "no enrolment code");
    refused({"https://127.0.0.1:1", code}, "cannot be reached");
    refused({other.url, code}, "is not the VO's authority");  // somebody in between: another key
    std::string wrong = code;
    wrong[code.find(':') + 1] = wrong[code.find(':') + 1] == 'A' ? 'B' : 'A';
    refused({cda.url, wrong}, "the code is wrong");
    // all that refused nothing away: the code still works, from standard input
    const auto enrolled = desk.xos({"enroll", cda.url}, code + "\n");
    INFO(enrolled.errors);
    REQUIRE(enrolled.status == 0);
    // the VO of the other authority has the same name and another key
    const Json before = *Json::parse(read_file(desk.folder / "authority.json"), {}, "before");
    const auto another = desk.xos({"enroll", other.url, other.invite("user1@physics")});
    CHECK(another.status == 1);
    CHECK_THAT(another.errors, ContainsSubstring("another VO of that name"));
    CHECK(read_file(desk.folder / "authority.json") == before.format());
}

TEST_CASE("one script does the same where our programs are not, in dash and in busybox") {
    const std::string shell = GENERATE("dash", "busybox");
    RunningAuthority cda;
    const Desk desk;
    // what a small machine has: its shell's own tools, and the three that the script names
    const auto bin = desk.home.path / "bin";
    std::filesystem::create_directory(bin);
    std::string path = "/usr/bin:/bin";
    if (shell == "busybox") {
        REQUIRE(run_command({"busybox", "--install", "-s", bin}).status == 0);
        for (const char* tool : {"ssh-keygen", "ssh-add", "openssl", "curl"})
            std::filesystem::create_symlink(std::string("/usr/bin/") + tool, bin / tool);
        path = bin;
    }
    const auto login = [&](std::vector<std::string> words, const std::string& input = "") {
        std::vector<std::string> whole{"env", "PATH=" + path};
        whole.push_back(shell == "busybox" ? (bin / "sh").string() : "/bin/dash");
        whole.push_back(std::getenv("XOS_LOGIN"));
        whole.insert(whole.end(), words.begin(), words.end());
        return run_command(whole, {"HOME=" + desk.home.path.string(), desk.agent.variable()}, input);
    };
    const std::string code = cda.invite("user1@physics");
    std::string pinned_wrong = code;
    pinned_wrong[code.rfind(':') + 1] = code[code.rfind(':') + 1] == 'A' ? 'B' : 'A';
    CHECK_THAT(login({"enroll", cda.url, pinned_wrong}).errors,
               ContainsSubstring("is not the VO's authority"));
    for (const char* bad : {"user1@physics", "user1@physics:x:y",
                            "../../x@y:AAAAAAAAAAAAAAAAAAAAAA:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"})
        CHECK(login({"enroll", cda.url, bad}).status == 1);
    CHECK_THAT(login({"enroll", "http://127.0.0.1", code}).errors,
               ContainsSubstring("no address of an authority"));
    CHECK_FALSE(std::filesystem::exists(desk.folder / "authority.json"));

    const auto enrolled = login({"enroll", cda.url}, code + "\n");
    INFO(enrolled.errors);
    REQUIRE(enrolled.status == 0);
    CHECK_THAT(enrolled.output,
               ContainsSubstring("Enrolled as user1@physics. The VO's fingerprint: SHA256:"));
    CHECK_THAT(login({"enroll", cda.url, code}).errors, ContainsSubstring("was used"));
    CHECK(std::ranges::count(desk.loaded(), '\n') == 1);
    CHECK_THAT(desk.loaded(), ContainsSubstring("user1@physics (ED25519-CERT)"));
    // what it left is what xos reads, and the other way round
    const std::string first = desk.credential();
    const auto mixed = desk.xos({"login"});
    INFO(mixed.errors);
    REQUIRE(mixed.status == 0);
    CHECK(desk.credential() == first);
    CHECK_THAT(desk.xos({"whoami"}).output, ContainsSubstring("user1@physics"));
    REQUIRE(desk.xos({"login", "--renew"}).status == 0);
    CHECK(login({"user1@physics"}).status == 0);
    REQUIRE(login({"--renew"}).status == 0);
    CHECK(desk.credential() != first);
    CHECK(std::ranges::count(desk.loaded(), '\n') == 1);
    // the authority is away
    REQUIRE(cda.stop() == 0);
    const auto away = login({"--renew"});
    CHECK(away.status == 0);
    CHECK_THAT(away.errors,
               ContainsSubstring("cannot be reached") && ContainsSubstring("using the credential of before"));
}

TEST_CASE("the script takes no older record, leaves others loaded, and says that a VO is dissolved") {
    RunningAuthority cda;
    const Desk desk;
    const auto login = [&](std::vector<std::string> words) {
        words.insert(words.begin(), {"dash", std::getenv("XOS_LOGIN")});
        return run_command(words, {"HOME=" + desk.home.path.string(), desk.agent.variable()});
    };
    REQUIRE(login({"enroll", cda.url, cda.invite("user1@physics")}).status == 0);
    const std::string other = desk.home.path / "other";
    REQUIRE(run_command(
                {"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "backup user1@physics", "-f", other})
                .status == 0);
    REQUIRE(run_command({"ssh-keygen", "-q", "-s", other, "-I", "x", "-n", "x", other + ".pub"}).status == 0);
    REQUIRE(desk.agent.ssh_add(other).status == 0);

    const std::string port = cda.port();
    const auto before = cda.dir.path / "before";
    REQUIRE(cda.stop() == 0);
    std::filesystem::copy(cda.state, before, std::filesystem::copy_options::recursive);
    cda.start(port);
    REQUIRE(cda.command({"vo", "set", "physics", "--bundle-lifetime", "2h"}).status == 0);
    REQUIRE(login({"--renew"}).status == 0);
    CHECK_THAT(desk.loaded(), ContainsSubstring("backup user1@physics (ED25519-CERT)"));
    const std::string record = read_file(desk.folder / "record.json"), credential = desk.credential();

    REQUIRE(cda.stop() == 0);
    std::filesystem::remove_all(cda.state);
    std::filesystem::rename(before, cda.state);
    std::filesystem::permissions(cda.state, std::filesystem::perms::owner_all);
    cda.start(port);
    const auto older = login({"--renew"});
    CHECK(older.status == 1);
    CHECK_THAT(older.errors, ContainsSubstring("older than the one known here"));
    CHECK(read_file(desk.folder / "record.json") == record);
    CHECK(desk.credential() == credential);

    REQUIRE(cda.command({"vo", "dissolve", "physics", "--yes"}).status == 0);
    CHECK_THAT(login({"--renew"}).errors, ContainsSubstring("the VO physics was dissolved"));
}

TEST_CASE("a bundle is read compressed as well as not") {
    const RunningAuthority cda;
    const Desk desk;
    REQUIRE(desk.xos({"enroll", cda.url, cda.invite("user1@physics")}).status == 0);
    const std::string known = read_file(desk.folder / "authority.json"), policy = desk.home.path / "p.yaml",
                      bundle = desk.home.path / "bundle", credential = desk.folder / "user1.pem";
    const std::string fingerprint = known.substr(known.find("\"vo\":\"") + 6, 50);
    write_file(policy, "- {allow: login, user: user1}\n");
    std::vector<std::string> exported{"vo", "export", "physics"};
    SECTION("not") {}
    SECTION("compressed") {
        exported.emplace_back("--zstd");
    }
    write_file(bundle, cda.command(exported).output);
    const auto valid =
        desk.xos({"credential", "verify", credential, "--bundle", bundle, "--fingerprint", fingerprint});
    INFO(valid.errors);
    CHECK(valid.status == 0);
    CHECK_THAT(valid.output, ContainsSubstring("user1@physics: valid until"));
    const auto same = desk.xos({"policy", "diff", policy, policy, "--bundle", bundle});
    INFO(same.errors);
    CHECK(same.status == 0);
    CHECK_THAT(same.output, ContainsSubstring("nobody gains or loses anything (3 subjects"));
    write_file(bundle, read_file(bundle).substr(0, 100));
    CHECK(desk.xos({"policy", "diff", policy, policy, "--bundle", bundle}).status == 1);
}

TEST_CASE("two members of two VOs at one desk") {
    const RunningAuthority physics, bio("bio");
    const Desk desk;
    REQUIRE(desk.xos({"enroll", physics.url, physics.invite("user1@physics")}).status == 0);
    REQUIRE(desk.xos({"enroll", bio.url, bio.invite("user1@bio")}).status == 0);
    CHECK(std::ranges::count(desk.loaded(), '\n') == 2);
    const auto which = desk.xos({"login"});
    CHECK(which.status == 1);
    CHECK_THAT(which.errors, ContainsSubstring("user1@bio user1@physics"));
    CHECK(desk.xos({"login", "user1@bio"}).status == 0);
}
