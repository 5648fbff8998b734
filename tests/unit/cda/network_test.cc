// The authority on the network, attacked with real tools: curl, openssl.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "common/vo/bundle.h"
#include "common/vo/member_request.h"
#include "tests/unit/cda/running_authority.h"
#include "tests/unit/vo/sample_vo.h"

using namespace xos;
using namespace xos::test;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {

std::chrono::sys_seconds right_now() {
    return std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
}

CommandResult curl(const RunningAuthority& cda, std::vector<std::string> words) {
    const std::string pin = "sha256//" + cda.pin.substr(7) + "=";
    words.insert(words.begin(), {"curl", "-sS", "--insecure", "--pinnedpubkey", pin, "-w", "\n%{http_code}"});
    return run_command(words);
}

CommandResult post(const RunningAuthority& cda, const std::string& path, const std::string& body) {
    write_file(cda.dir.path / "body", body);
    return curl(cda, {"--data-binary", "@" + (cda.dir.path / "body").string(), cda.url + path});
}

std::string enroll_body(const std::string& login, const std::string& secret, const SigningKey& key) {
    return JsonObject()
        .set("login", Json::string(login))
        .set("code", Json::string(secret))
        .set("request", Json::string(must(make_request(login.substr(0, login.find('@')), key))))
        .build()
        .format();
}

std::string secret_of(const std::string& code) {
    const size_t at = code.find(':') + 1;
    return code.substr(at, code.find(':', at) - at);
}

std::string credential_body(const std::string& login, const SigningKey& key, std::chrono::sys_seconds time,
                            const SigningKey* asked = nullptr) {
    const std::string request = must(make_request(login.substr(0, login.find('@')), asked ? *asked : key));
    return must(sign_member_request(MemberAction::credential, {login, time, "", request}, key));
}

}  // namespace

TEST_CASE("a member enrols and gets credentials; codes, requests and keys of others are refused") {
    const RunningAuthority cda;
    const std::string code = cda.invite("user1@physics"), secret = secret_of(code);
    const SigningKey key = must(SigningKey::generate()), thief = must(SigningKey::generate());
    CHECK_THAT(code, ContainsSubstring(":"));
    // not enrolled yet
    CHECK_THAT(post(cda, "/v1/physics/credential", credential_body("user1@physics", key, right_now())).output,
               ContainsSubstring("not enrolled") && ContainsSubstring("\n403"));
    // the code with a request that another key signed, and for another name
    CHECK_THAT(post(cda, "/v1/physics/enroll", enroll_body("user2@physics", secret, thief)).output,
               ContainsSubstring("\n403"));
    CHECK_THAT(
        post(cda, "/v1/physics/enroll", enroll_body("user1@physics", "AAAAAAAAAAAAAAAAAAAAAA", thief)).output,
        ContainsSubstring("the code is wrong") && ContainsSubstring("\n403"));
    const std::string body = enroll_body("user1@physics", secret, key);
    const auto enrolled = post(cda, "/v1/physics/enroll", body);
    REQUIRE_THAT(enrolled.output, ContainsSubstring("\n200") && ContainsSubstring("\"record\""));
    CHECK_THAT(post(cda, "/v1/physics/enroll", body).output,
               ContainsSubstring("was used") && ContainsSubstring("\n403"));

    const std::string asked = credential_body("user1@physics", key, right_now());
    CHECK_THAT(post(cda, "/v1/physics/credential", asked).output, ContainsSubstring("BEGIN CERTIFICATE") &&
                                                                      ContainsSubstring("\"time\"") &&
                                                                      ContainsSubstring("\n200"));
    CHECK_THAT(post(cda, "/v1/physics/credential", asked).output,
               ContainsSubstring("counts once") && ContainsSubstring("\n403"));
    CHECK_THAT(
        post(cda, "/v1/physics/credential", credential_body("user1@physics", thief, right_now())).output,
        ContainsSubstring("not signed by the key") && ContainsSubstring("\n403"));
    CHECK_THAT(
        post(cda, "/v1/physics/credential", credential_body("user1@physics", key, right_now() - 2h)).output,
        ContainsSubstring("behind the authority's") && ContainsSubstring("\n403"));
    CHECK_THAT(post(cda, "/v1/physics/leave", credential_body("user1@physics", key, right_now())).output,
               ContainsSubstring("\n403"));

    REQUIRE(cda.command({"vo", "create", "bio"}).status == 0);
    CHECK_THAT(post(cda, "/v1/bio/credential", credential_body("user1@physics", key, right_now())).output,
               ContainsSubstring("no member of the VO bio") && ContainsSubstring("\n403"));
    CHECK_THAT(post(cda, "/v1/bio/credential", credential_body("user1@bio", key, right_now())).output,
               ContainsSubstring("\n403"));

    REQUIRE(cda.command({"member", "suspend", "user1@physics"}).status == 0);
    CHECK_THAT(post(cda, "/v1/physics/credential", credential_body("user1@physics", key, right_now())).output,
               ContainsSubstring("suspended") && ContainsSubstring("\n403"));
    REQUIRE(cda.command({"member", "resume", "user1@physics"}).status == 0);
    const std::string leaving =
        must(sign_member_request(MemberAction::leave, {"user1@physics", right_now(), "", ""}, key));
    CHECK_THAT(post(cda, "/v1/physics/leave", leaving).output, ContainsSubstring("\n200"));
    CHECK_THAT(post(cda, "/v1/physics/leave", leaving).output,
               ContainsSubstring("no member") && ContainsSubstring("\n403"));
    CHECK_FALSE(cda.command({"member", "list", "physics"}).output.contains("user1"));

    // one line for each, with all that an auditor asks for and no secret
    const std::string log = cda.log();
    CHECK_THAT(log, ContainsSubstring("member enrolled vo=physics user=user1@physics") &&
                        ContainsSubstring("credential issued vo=physics user=user1@physics serial=") &&
                        ContainsSubstring("fingerprint=SHA256:") && ContainsSubstring("member left") &&
                        ContainsSubstring("request refused what=enroll") &&
                        ContainsSubstring("address=127.0.0.1") && !ContainsSubstring(secret));
}

TEST_CASE("guessing codes is stopped, and the right one with it, for that address") {
    const RunningAuthority cda;
    const std::string secret = secret_of(cda.invite("user1@physics"));
    const SigningKey key = must(SigningKey::generate());
    for (int i = 0; i < 5; ++i)
        CHECK_THAT(
            post(cda, "/v1/physics/enroll", enroll_body("user1@physics", "AAAAAAAAAAAAAAAAAAAAAA", key))
                .output,
            ContainsSubstring("\n403"));
    CHECK_THAT(
        post(cda, "/v1/physics/enroll", enroll_body("user1@physics", "AAAAAAAAAAAAAAAAAAAAAA", key)).output,
        ContainsSubstring("\n429"));
    CHECK_THAT(post(cda, "/v1/physics/enroll", enroll_body("user1@physics", secret, key)).output,
               ContainsSubstring("\n429"));
    CHECK_THAT(curl(cda, {cda.url + "/v1/physics"}).output, ContainsSubstring("\n200"));
    CHECK_THAT(cda.log(), ContainsSubstring("too many wrong codes"));
}

TEST_CASE("what is not a request is refused, whatever its size and form") {
    RunningAuthority cda;
    CHECK_THAT(curl(cda, {cda.url + "/v1/chem"}).output, ContainsSubstring("\n404"));
    for (const char* path : {"/v1/chem", "/v1/chem/bundle", "/v1/chem/bundle?since=1"})
        CHECK_THAT(
            curl(cda, {cda.url + path}).output,
            ContainsSubstring("there is no VO chem at this authority\"") && ContainsSubstring("\n404"));
    CHECK_THAT(curl(cda, {cda.url + "/../../etc/passwd", "--path-as-is"}).output, ContainsSubstring("\n404"));
    CHECK_THAT(curl(cda, {"-X", "DELETE", cda.url + "/v1/physics"}).output, ContainsSubstring("\n405"));
    CHECK_THAT(curl(cda, {cda.url + "/v1/physics/bundle?since=x"}).output, ContainsSubstring("\n400"));
    for (const char* body :
         {"", "{}", "[]", "{\"login\":1}", "\xff\xfe", "{\"login\":\"user1@physics\",\"login\":\"x\"}"})
        CHECK_THAT(post(cda, "/v1/physics/enroll", body).output, ContainsSubstring("\n400"));
    CHECK_THAT(post(cda, "/v1/physics/enroll", std::string(40'000, '[')).output, ContainsSubstring("\n413"));
    CHECK_THAT(post(cda, "/v1/physics/enroll", std::string(20'000, '[')).output, ContainsSubstring("\n400"));
    // it may not say its size
    write_file(cda.dir.path / "body", std::string(4'000'000, 'x'));
    const auto chunked = curl(cda, {"-H", "Transfer-Encoding: chunked", "--data-binary",
                                    "@" + (cda.dir.path / "body").string(), cda.url + "/v1/physics/enroll"});
    CHECK_FALSE(chunked.output.contains("\n200"));
    const std::string header = "X-Long: " + std::string(60'000, 'x');
    CHECK_THAT(curl(cda, {"-H", header, cda.url + "/v1/physics"}).output, ContainsSubstring("\n431"));
    CHECK_THAT(curl(cda, {cda.url + "/v1/physics"}).output, ContainsSubstring("\n200"));
    CHECK(cda.stop() == 0);
}

TEST_CASE("the bundle is fetched, and not again while it is the same") {
    const RunningAuthority cda;
    const std::string headers = cda.dir.path / "headers", body = cda.dir.path / "bundle";
    const auto got = curl(cda, {"-D", headers, "-o", body, cda.url + "/v1/physics/bundle"});
    REQUIRE_THAT(got.output, ContainsSubstring("200"));
    const auto shown = cda.command({"vo", "show", "physics"});
    const std::string fingerprint = shown.output.substr(shown.output.find("SHA256:"), 50);
    CHECK(must(open_bundle(read_file(body), fingerprint, right_now())).vo.authority == cda.url);
    const std::string answer = read_file(headers);
    const size_t at = answer.find("ETag: ") + 6;
    const std::string etag = answer.substr(at, answer.find('\r', at) - at);
    CHECK_THAT(
        curl(cda, {"-H", "If-None-Match: \"other\"", "-o", body, cda.url + "/v1/physics/bundle"}).output,
        ContainsSubstring("200"));
    CHECK_THAT(
        curl(cda, {"-H", "Accept-Encoding: zstd;q=0", "-o", body, cda.url + "/v1/physics/bundle"}).output,
        ContainsSubstring("200"));
    CHECK(etag.starts_with('"'));
}

TEST_CASE("TLS 1.3 and the pinned key, or nothing") {
    const RunningAuthority cda;
    CHECK(run_command({"curl", "-sS", "-k", "--tls-max", "1.2", cda.url + "/v1/physics"}).status == 35);
    CHECK(run_command({"curl", "-sS", "-k", "--pinnedpubkey",
                       "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", cda.url + "/v1/physics"})
              .status == 90);
    const auto plain = run_command({"curl", "-sS", "http://127.0.0.1:" + cda.port() + "/v1/physics"});
    CHECK(plain.status != 0);
    CHECK(run_command({"sh", "-c",
                       "openssl s_client -connect 127.0.0.1:" + cda.port() +
                           " -tls1_3 </dev/null 2>&1 | grep -q 'TLSv1.3'"})
              .status == 0);
}

TEST_CASE("many clients at once are all answered") {
    RunningAuthority cda;
    const auto many =
        run_command({"sh", "-c",
                     "for i in $(seq 24); do curl -sS -k -o /dev/null -w 'answer %{http_code}\n' " + cda.url +
                         "/v1/physics & done; wait"});
    size_t answers = 0;
    for (size_t at = 0; (at = many.output.find("answer 200", at)) != std::string::npos; ++at) ++answers;
    CHECK(answers == 24);
    CHECK(cda.stop() == 0);
}
