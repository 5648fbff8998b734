// A node with the real verifier that follows physics, in which user1 has number 7. Process: tests only.
#pragma once

#include <cstdlib>
#include <memory>
#include <string>

#include "common/policy/policy_file.h"
#include "tests/unit/session/as_root.h"
#include "tests/unit/ssh/command.h"
#include "tests/unit/trust/node_state.h"
#include "tests/unit/verifier/credential_fixture.h"
#include "xosd/verifier/verifier_client.h"

namespace xos::test {

struct VerifyingNode : NodeState {
    TempDir dir;
    TestVo ca{"physics"};
    SampleVo physics = make_live_vo();
    SigningKey key = *SigningKey::generate();  // user1's
    std::unique_ptr<VerifierClient> verifier;
    const uint32_t uid = kUidMin + 7;

    VerifyingNode() {
        require_root();
        allow("all");
        const XosAttributes person = ca.user("user1");
        physics.bundle.vo.ca_certificate = ca.certificate;
        physics.bundle.members = {
            {"user1", person.number, person.user_id, person.groups, person.roles, false}};
        REQUIRE(trust.apply(physics.seal(), physics.fingerprint()));
        VerifierOptions options{.program = std::getenv("XOS_VERIFIER"), .uid = 65432, .gid = 65432};
        verifier = must(VerifierClient::start(loop.get(), options));
    }
    // physics as it is now, as its next content.
    void apply() {
        ++physics.bundle.serial;
        REQUIRE(trust.apply(physics.seal(), physics.fingerprint()));
    }
    // What the node's own policy lets everybody do.
    void allow(const std::string& actions) {
        config.policy = must(parse_policy("- {allow: [" + actions + "]}", "node policy"));
    }
};

}  // namespace xos::test
