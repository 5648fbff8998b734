// The program itself, as the xos command runs it: words in, text out.
#include <fcntl.h>
#include <pwd.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "libxos/names.h"
#include "tests/unit/vo/sample_vo.h"

using namespace xos;

namespace {

struct Answer {
    int status = -1;
    std::string out, err;
};

struct TestProgram {
    std::string path = "/tmp/xos-cda-program-XXXXXX";
    TestProgram() { REQUIRE(mkdtemp(path.data()) != nullptr); }
    ~TestProgram() { std::filesystem::remove_all(path); }

    std::string contents(const char* name) const {
        std::ifstream file(path + "/" + name);
        return {std::istreambuf_iterator<char>(file), {}};
    }

    Answer run(std::vector<std::string> words, std::string_view input = "", bool own_state = true) const {
        std::ofstream(path + "/in") << input;
        if (own_state) words.insert(words.begin(), {"--state", path});
        words.insert(words.begin(), XOS_CDA_PROGRAM);
        std::vector<char*> arguments;
        for (std::string& word : words) arguments.push_back(word.data());
        arguments.push_back(nullptr);
        posix_spawn_file_actions_t files;
        posix_spawn_file_actions_init(&files);
        posix_spawn_file_actions_addopen(&files, 0, (path + "/in").c_str(), O_RDONLY, 0);
        posix_spawn_file_actions_addopen(&files, 1, (path + "/out").c_str(), O_WRONLY | O_CREAT | O_TRUNC,
                                         0600);
        posix_spawn_file_actions_addopen(&files, 2, (path + "/err").c_str(), O_WRONLY | O_CREAT | O_TRUNC,
                                         0600);
        pid_t pid = -1;
        const int error = posix_spawn(&pid, arguments[0], &files, nullptr, arguments.data(), environ);
        posix_spawn_file_actions_destroy(&files);
        REQUIRE(error == 0);
        int status = 0;
        REQUIRE(waitpid(pid, &status, 0) == pid);
        return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, contents("out"), contents("err")};
    }
};

}  // namespace

TEST_CASE("the manager's day, as commands") {
    const TestProgram cda;
    const Answer created =
        cda.run({"vo", "create", "physics", "--uid-base", "0x71000000", "--lifetime", "30"});
    REQUIRE(created.status == 0);
    const size_t at = created.out.find("SHA256:");
    REQUIRE(at != std::string::npos);
    const std::string fingerprint = created.out.substr(at, 50);
    CHECK(created.out.contains("0x71000000-0x710fffff"));
    CHECK(
        cda.run({"member", "add", "user1@physics", "--group", "analysis", "--group", "ops", "--role", "lead"})
            .status == 0);
    CHECK(cda.run({"member", "list", "physics"}).out.contains("analysis,ops"));
    CHECK(cda.run({"policy", "set", "physics"}, "- deny: login").status == 0);
    CHECK(cda.run({"member", "set", "user1@physics", "--drop-role", "lead", "--add-identity",
                   "/DC=org/CN=One", "--issuer", "/DC=org/CN=CA"})
              .out.contains("identity:    /DC=org/CN=One"));
    CHECK(cda.run({"member", "show", "user1@physics"}).out.contains("uid:         1895825409"));
    CHECK(cda.run({"group", "list", "physics"}).out.contains("analysis"));
    const Answer planned = cda.run({"member", "import", "physics", "--csv", "--dry-run"}, "name\nuser2\n");
    CHECK(planned.out == "nothing was done; these would be: 1 admitted, 0 changed, 0 as they were\n");
    CHECK(cda.run({"member", "import", "physics", "--gridmap", "--issuer", "/CN=CA"}, "\"/CN=x\" user1\n")
              .status == 0);

    const auto now = std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
    const Bundle bundle = must(open_bundle(cda.run({"vo", "export", "physics"}).out, fingerprint, now));
    CHECK(bundle.members.size() == 1);
    CHECK(bundle.policy == R"([{"deny":["login"]}])");

    const std::string request = must(make_request("user1", must(SigningKey::generate())));
    const Answer issued = cda.run({"credential", "issue", "user1@physics", "--lifetime", "2h"}, request);
    REQUIRE(issued.status == 0);
    const auto verified = must(verify_chain(as_bytes(issued.out), bundle.vo.ca_certificate, "physics", now));
    CHECK(cda.run({"credential", "revoke", verified.serial}).status == 0);
    CHECK(cda.run({"credential", "revoke", verified.serial}).status == 1);
    CHECK(cda.run({"credential", "revoke", "--member", "user1@physics"}).out.contains("all credentials of"));
    CHECK(cda.run({"credential", "revoke", "--vo", "physics", "--issuer", "/CN=CA", "--identity", "/CN=x"})
              .status == 0);
    CHECK(cda.run({"vo", "list"}).out.contains("physics                  active"));
    CHECK(cda.run({"vo", "renew", "physics", "--lifetime", "60"}).status == 0);
    CHECK(cda.run({"vo", "set", "physics", "--mirror", "http://a/b", "--bundle-lifetime", "2h"})
              .out.contains("bundles:     valid 7200s"));
    CHECK(cda.run({"vo", "dissolve", "physics", "--yes"}).status == 0);
    CHECK(cda.run({"vo", "list"}).out.contains("dissolved"));
}

TEST_CASE("a refusal is one line, an exit status, and no output") {
    const TestProgram cda;
    REQUIRE(cda.run({"vo", "create", "physics"}).status == 0);
    const std::vector<std::vector<std::string>> refused = {
        {"vo", "create", "physics"},
        {"vo", "create", "Physics"},
        {"vo", "create", "x", "--uid-base", "zz"},
        {"vo", "create", "x", "--lifetime", "0"},
        {"vo", "show", "chem"},
        {"vo", "export", "chem"},
        {"member", "add", "user1"},
        {"member", "remove", "user1@physics"},
        {"member", "list", "chem"},
        {"policy", "set", "physics"},
        {"member", "set", "user1@physics"},
        {"member", "show", "user1@physics"},
        {"group", "list", "chem"},
        {"member", "import", "physics"},
        {"member", "import", "physics", "--gridmap"},
        {"member", "import", "physics", "--csv"},
        {"credential", "revoke", "xyz"},
        {"credential", "revoke"},
        {"credential", "revoke", "4a", "--member", "user1@physics"},
        {"credential", "revoke", "--vo", "physics"},
        {"vo", "renew", "physics", "--lifetime", "0"},
        {"vo", "renew", "physics", "--key", "99"},
        {"vo", "dissolve", "physics"},
        {"vo", "set", "physics"},
        {"vo", "detach-key", "physics"},
        {"vo", "detach-key", "physics", "--key-out", "1"},
        {"credential", "issue", "user1@physics"}};
    for (const auto& words : refused) {
        const Answer answer = cda.run(words);
        std::string line;
        for (const std::string& word : words) line += word + " ";
        INFO(line << ": " << answer.err);
        CHECK(answer.status == 1);
        CHECK(answer.out.empty());
        CHECK(answer.err.starts_with("xos-cda: "));
        CHECK(std::ranges::count(answer.err, '\n') == 1);
    }
    CHECK(cda.run({}).status == 2);
    CHECK(cda.run({"vo"}).status == 2);
    CHECK(cda.run({"vo", "create"}).status == 2);
    CHECK(cda.run({"member", "add", "user1@physics", "--group"}).status == 2);
    CHECK(cda.run({"policy", "set", "physics"}, std::string(kPolicyMax + 1, ' ')).err.contains("more than"));
}

TEST_CASE("the authority's own directory is for its own user") {
    const TestProgram cda;
    if (geteuid() == 0 && getpwnam(kAuthorityUser) != nullptr) {
        const char* why = "the package xos-cda is installed: this would work on the real state";
        if (getenv("XOS_TESTS_MUST_RUN")) FAIL(why);
        SKIP(why);
    }
    const Answer answer = cda.run({"vo", "list"}, "", false);
    CHECK(answer.status == 1);
    if (geteuid() == 0)
        CHECK(answer.err == "xos-cda: there is no user _xos-cda: install the package xos-cda\n");
    else
        CHECK(answer.err.contains("cannot open the authority's directory"));
}

TEST_CASE("issuers of tokens are told with their keys on standard input") {
    // RFC 7517, appendix A.1
    constexpr char kKeys[] =
        R"({"keys":[{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",)"
        R"("y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","use":"enc","kid":"1"},)"
        R"({"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",)"
        R"("y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","use":"sig","kid":"2"}]})";
    constexpr char kUrl[] = "https://login.example.org";
    const TestProgram program;
    REQUIRE(program.run({"vo", "create", "physics"}).status == 0);
    REQUIRE(program.run({"member", "add", "user1@physics"}).status == 0);
    const Answer added = program.run({"vo", "issuer", "add", "physics", kUrl, "--audience=here",
                                      "--claim=eppn", "--map=a=b=user1@physics"},
                                     kKeys);
    INFO(added.err);
    REQUIRE(added.status == 0);
    CHECK(added.out.contains("1 keys, 1 values mapped"));
    const Answer list = program.run({"vo", "issuer", "list", "physics"});
    CHECK(list.out.contains("claim     eppn"));
    CHECK(list.out.contains("maps      a=b to user1@physics"));
    CHECK(program.run({"vo", "issuer", "add", "physics", kUrl, "--audience=here"}, "{}").status == 1);
    CHECK(program.run({"vo", "issuer", "add", "physics", kUrl}, kKeys).status == 2);
    CHECK(program.run({"vo", "issuer", "add", "physics", kUrl, "--audience=here", "--profile=saml"}, kKeys)
              .err.contains("expected oidc, wlcg or scitokens"));
    CHECK(program.run({"vo", "issuer", "add", "physics", kUrl, "--audience=here", "--map=x"}, kKeys)
              .err.contains("expected VALUE=LOGIN"));
    CHECK(program.run({"vo", "issuer", "remove", "physics", kUrl}).status == 0);
    CHECK(program.run({"vo", "issuer", "list", "physics"}).out.empty());
}
