#include "cda/network_request.h"

#include <catch2/catch_test_macros.hpp>

#include "cda/serve_config.h"
#include "common/vo/member_request.h"
#include "tests/unit/vo/sample_vo.h"

using namespace xos;
using namespace std::chrono_literals;

TEST_CASE("paths of the API, and nothing beside them") {
    CHECK(must(read_route("GET", "/v1/physics")).endpoint == Endpoint::show);
    CHECK(must(read_route("GET", "/v1/bio.example.org/bundle")).vo == "bio.example.org");
    CHECK(must(read_route("POST", "/v1/physics/credential")).endpoint == Endpoint::credential);
    CHECK(read_route("POST", "/v1/physics/bundle").error().code == Errc::invalid);
    CHECK(read_route("HEAD", "/v1/physics").error().code == Errc::invalid);
    for (const char* path :
         {"", "/", "/v1", "/v1/", "/v1/Physics", "/v1/../etc", "/v1/physics/", "/v1/physics/bundle/",
          "/v1/physics/../bio/bundle", "/v2/physics", "/v1/physics//bundle", "//v1/physics"}) {
        INFO(path);
        CHECK(read_route("GET", path).error().code == Errc::not_found);
    }
}

TEST_CASE("headers and queries") {
    CHECK(read_since("12") == 12u);
    for (const char* bad : {"", "-1", "1x", " 1", "99999999999999999999", "9007199254740993"})
        CHECK_FALSE(read_since(bad));
    CHECK(accepts_encoding("gzip, zstd", "zstd"));
    CHECK(accepts_encoding("zstd;q=0.5", "zstd"));
    for (const char* not_taken : {"", "gzip", "zstd;q=0", "zstd; q=0.000", "xzstd", "zstd-x"})
        CHECK_FALSE(accepts_encoding(not_taken, "zstd"));
}

TEST_CASE("addresses to listen on") {
    CHECK(must(read_listen_address("[::]:8443")).host == "::");
    CHECK(must(read_listen_address("127.0.0.1:0")).port == 0);
    for (const char* bad : {"", ":1", "8443", "::1:80", "[127.0.0.1]:1", "localhost:1", "127.0.0.1:65536",
                            "127.0.0.1:x", "127.0.0.1:"})
        CHECK_FALSE(read_listen_address(bad));
}

TEST_CASE("the configuration says where it is wrong") {
    CHECK(must(parse_serve_config("", "cda.yaml")).listen.port == 8443);
    const ServeConfig config =
        must(parse_serve_config("listen: \"127.0.0.1:9000\"\nconnections: 9\n"
                                "public-url: https://cda.example.org\n",
                                "cda.yaml"));
    CHECK(config.listen.port == 9000);
    CHECK(config.connections == 9);
    for (const char* bad :
         {"listen: here", "connections: 0", "connections: many", "public-url: http://x", "secret: x", "[]"}) {
        const auto refused = parse_serve_config(bad, "cda.yaml");
        INFO(bad);
        REQUIRE_FALSE(refused);
        CHECK(refused.error().message.starts_with("cda.yaml:1:"));
    }
}

TEST_CASE("a signed request is opened by its key, its action and its moment only") {
    const SigningKey key = must(SigningKey::generate()), other = must(SigningKey::generate());
    const std::string text =
        must(sign_member_request(MemberAction::credential, {"user1@physics", kNow, "", "PEM"}, key));
    const Json body = must(parse_body(text));
    const JsonNode root = body.root();
    CHECK(must(read_asking_login(root)) == "user1@physics");
    const MemberRequest opened =
        must(open_member_request(root, MemberAction::credential, key.public_bytes(), kNow));
    CHECK(opened.request_pem == "PEM");
    CHECK(opened.nonce.size() >= 16);
    CHECK_FALSE(open_member_request(root, MemberAction::leave, key.public_bytes(), kNow));
    CHECK_FALSE(open_member_request(root, MemberAction::credential, other.public_bytes(), kNow));
    CHECK(open_member_request(root, MemberAction::credential, key.public_bytes(), kNow + 2h)
              .error()
              .message.contains("7200 s behind the authority's"));
    CHECK(open_member_request(root, MemberAction::credential, key.public_bytes(), kNow - 301s)
              .error()
              .message.contains("301 s ahead of the authority's"));
    CHECK(sign_member_request(MemberAction::credential, {"user1@physics", kNow, "", "PEM"}, key) != text);

    std::string renamed = text;
    renamed.replace(renamed.find("user1@physics"), 5, "user2");
    const Json forged = must(parse_body(renamed));
    const JsonNode forged_root = forged.root();
    CHECK(open_member_request(forged_root, MemberAction::credential, key.public_bytes(), kNow)
              .error()
              .message.contains("signed for user1@physics"));
}
