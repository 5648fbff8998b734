// What an authority could answer that no honest one does.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "cli/network_login.h"
#include "common/clock.h"
#include "common/credential/xos_cert.h"
#include "tests/unit/ssh/command.h"
#include "tests/unit/vo/sample_vo.h"

using namespace xos;
using Catch::Matchers::ContainsSubstring;

namespace {

struct Issuer : SampleVo {
    Issuer() {
        VoRecord& record = bundle.vo;
        record.authority = "https://127.0.0.1:1";
        record.authority_pin = fingerprint();
        record.not_before = current_time() - std::chrono::hours(1);
        record.not_after = current_time() + std::chrono::hours(1000);
        record.ca_certificate = must(create_ca("physics", ca_key, record.not_before, record.not_after));
    }
    SignedVoRecord record() const { return {bundle.vo, fingerprint(), "{\"vo_key\":\"\",\"record\":{}}"}; }
    std::string chain() const {
        const SigningKey key = must(SigningKey::generate());
        const XosAttributes user{.vo = "physics",
                                 .user_id = bundle.members.front().id,
                                 .login = "user1",
                                 .number = 1,
                                 .groups = {},
                                 .roles = {}};
        return must(issue_credential(must(make_request("user1", key)), user, bundle.vo.ca_certificate, ca_key,
                                     current_time(), std::chrono::hours(1)))
            .chain_pem;
    }
};

}  // namespace

TEST_CASE("a chain is taken only by the CA of the record that comes with it") {
    const test::TempDir home;
    setenv("HOME", home.path.c_str(), 1);
    const UserFolder folder = must(UserFolder::open("physics"));
    const Issuer vo, other;
    CHECK(accept_answer(folder, {vo.chain(), vo.record()}));
    const auto foreign = accept_answer(folder, {other.chain(), vo.record()});
    REQUIRE_FALSE(foreign);
    CHECK_THAT(foreign.error().message, ContainsSubstring("what its VO's record does not vouch for"));
}

TEST_CASE("of another VO key nothing is kept") {
    const test::TempDir home;
    setenv("HOME", home.path.c_str(), 1);
    const UserFolder folder = must(UserFolder::open("physics"));
    const Issuer vo, other;
    REQUIRE(accept_answer(folder, {vo.chain(), vo.record()}));
    const std::string before = must(folder.read(kAuthorityFile));
    CHECK_FALSE(accept_answer(folder, {other.chain(), other.record()}));
    CHECK(must(folder.read(kAuthorityFile)) == before);
    // nor where what is known cannot be read
    REQUIRE(folder.write(kAuthorityFile, "{}", 0600));
    CHECK_FALSE(accept_answer(folder, {vo.chain(), vo.record()}));
    CHECK(must(folder.read(kAuthorityFile)) == "{}");
}
