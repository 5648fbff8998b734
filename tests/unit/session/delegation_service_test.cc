// A node with the real verifier, and members whose agents sign, lie or stay away.
#include "xosd/session/delegation_service.h"

#include <sys/stat.h>

#include <catch2/matchers/catch_matchers_string.hpp>

#include "tests/unit/session/verifying_node.h"

using namespace xos;
using namespace xos::test;
using Catch::Matchers::ContainsSubstring;

namespace {

struct Fixture : VerifyingNode {
    std::string chain = ca.issue("user1", key);
    std::string path = dir.path / "state.sqlite";
    std::optional<Database> kept;
    std::unique_ptr<DelegationService> service;

    Fixture() {
        physics.bundle.members.push_back({"user2", 9, "aaaaaaaa-0000-4000-8000-000000000009", {}, {}, false});
        apply();
        restart();
    }
    // As after SIGKILL: what is not in the database is gone.
    void restart() {
        service.reset();
        kept.reset();
        kept.emplace(must(Database::open(path)));
        service = must(DelegationService::start(loop, *kept, config, trust, *verifier));
    }
    std::string agent_key(const std::string& inside, const SigningKey& wrapped_by) const {
        return std::string(kSshCertType) + " " + encode_base64(as_bytes(wrap_any(inside, wrapped_by)));
    }
    Outcome<ProxyDraft> begin(const std::string& ssh_key, uint32_t of,
                              std::chrono::seconds lifetime = 30min) {
        std::optional<Outcome<ProxyDraft>> answer;
        service->begin(of, ssh_key, lifetime, [&](Outcome<ProxyDraft> draft) { answer = std::move(draft); });
        for (int i = 0; i < 200 && !answer; ++i) sd_event_run(loop.get(), 50'000);
        REQUIRE(answer);
        return *answer;
    }
    Outcome<ProxyDraft> begin() { return begin(agent_key(chain, key), uid); }
    Outcome<DelegatedCredential> complete(const ProxyDraft& draft, const SigningKey& by, uint32_t of) {
        const auto signature = must(by.sign(draft.to_be_signed));
        return service->complete(of, draft.serial, as_text(signature), now_seconds());
    }
    DelegatedCredential delegate() { return must(complete(must(begin()), key, uid)); }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "what the member's agent signs is a delegated credential, also after a restart") {
    const DelegatedCredential delegated = delegate();
    CHECK(delegated.login == "user1@physics");
    CHECK(delegated.expires <= now_seconds() + 30min);
    const VerifiedProxy proxy = must(verify_proxy(delegated.chain, ca.certificate, "physics", now_seconds()));
    CHECK(proxy.serial == delegated.serial);
    CHECK(proxy.parent.serial == delegated.parent);
    restart();
    const DelegatedCredential* found = service->find_valid(uid, now_seconds());
    REQUIRE(found);
    CHECK(found->chain == delegated.chain);
    CHECK(service->find_valid(uid + 2, now_seconds()) == nullptr);
    CHECK(service->find_valid(uid, now_seconds() + 30min) == nullptr);
}

TEST_CASE_METHOD(Fixture, "the private key lies in root's file alone") {
    delegate();
    struct stat status{};
    for (const char* ending : {"", "-wal"}) {
        REQUIRE(stat((path + ending).c_str(), &status) == 0);
        CHECK((status.st_mode & 07777) == 0600);
        CHECK(status.st_uid == 0);
    }
    CHECK_FALSE(service->find_valid(uid, now_seconds())->chain.contains("PRIVATE"));
    auto row = must(kept->prepare("SELECT private_key FROM delegation"));
    REQUIRE(row.bind());
    REQUIRE(must(row.step()));
    CHECK(row.text(0).contains("PRIVATE KEY"));
    row.reset();
    // damaged on disk: dropped, not used
    REQUIRE(kept->execute("UPDATE delegation SET private_key = 'x'"));
    restart();
    CHECK(service->store().all().empty());
}

TEST_CASE_METHOD(Fixture, "a foreign agent, or another member's credential, delegates nothing") {
    const SigningKey thief = *SigningKey::generate();
    const ProxyDraft draft = must(begin());
    CHECK(complete(draft, thief, uid).error().code == Errc::denied);
    CHECK(complete(draft, key, uid).error().code == Errc::not_found);  // one try
    CHECK(complete(must(begin()), key, uid + 2).error().code == Errc::not_found);
    const ProxyDraft replaced = must(begin());
    const ProxyDraft newer = must(begin());
    CHECK_FALSE(complete(replaced, key, uid));
    CHECK(complete(newer, key, uid));
    CHECK(service->destroy(uid));
    CHECK_FALSE(service->destroy(uid));

    CHECK_THAT(begin(agent_key(chain, key), kUidMin + 9).error().message,
               ContainsSubstring("is for user1@physics"));
    CHECK_FALSE(begin(agent_key(chain, thief), uid));  // a stolen chain around another key
    CHECK_FALSE(begin(agent_key(TestVo("physics").issue("user1", key), key), uid));
    CHECK_FALSE(begin(agent_key(chain, key), 1000));
    CHECK_FALSE(begin(agent_key(chain, key), 0));
    CHECK_FALSE(begin("ssh-ed25519 AAAA", uid));
    CHECK_FALSE(begin("", uid));
    CHECK_FALSE(begin(std::string(100000, 'A'), uid));
    CHECK(service->store().all().empty());
}

TEST_CASE_METHOD(Fixture, "a proxy cannot be delegated from, and no lifetime exceeds the credential's") {
    const DelegatedCredential delegated = delegate();
    CHECK_FALSE(begin(agent_key(delegated.chain, key), uid));
    CHECK_FALSE(begin(agent_key(chain, key), uid, 13h));
    CHECK_FALSE(begin(agent_key(chain, key), uid, 1s));
    const ProxyDraft draft = must(begin(agent_key(chain, key), uid, 12h));
    CHECK(draft.not_after <= now_seconds() + 1h);  // the credential's own end
}

TEST_CASE_METHOD(Fixture, "without the action forward-agent there is no delegation") {
    allow("login, submit");
    CHECK_THAT(begin().error().message, ContainsSubstring("forward"));
    allow("forward-agent");
    CHECK_FALSE(begin());  // no login
    allow("all");
    CHECK(begin());
}

TEST_CASE_METHOD(Fixture, "revoking the parent, or the member's credentials, ends it and erases its key") {
    const DelegatedCredential delegated = delegate();
    physics.bundle.revoked_serials = {delegated.parent};
    apply();
    CHECK(service->find_valid(uid, now_seconds()) == nullptr);
    CHECK_FALSE(begin());
    service->sweep(now_seconds());
    CHECK(service->store().all().empty());
    auto rows = must(kept->prepare("SELECT count(*) FROM delegation"));
    REQUIRE(rows.bind());
    REQUIRE(must(rows.step()));
    CHECK(rows.number(0) == 0);
    rows.reset();
    for (const char* ending : {"", "-wal"}) CHECK_FALSE(read_file(path + ending).contains("PRIVATE KEY"));

    physics.bundle.revoked_serials.clear();
    apply();
    delegate();
    physics.bundle.members[0].credentials_from = now_seconds() + 1s;
    apply();
    CHECK(service->find_valid(uid, now_seconds()) == nullptr);
    CHECK_FALSE(begin());
}

TEST_CASE_METHOD(Fixture, "who is no member any more has delegated nothing") {
    delegate();
    physics.bundle.members.erase(physics.bundle.members.begin());
    apply();
    CHECK(service->find_valid(uid, now_seconds()) == nullptr);
    restart();
    CHECK(service->store().all().empty());
}

TEST_CASE_METHOD(Fixture, "a signature that arrives after the revocation is worth nothing") {
    const ProxyDraft draft = must(begin());
    const auto parent = must(verify_chain(as_bytes(chain), ca.certificate, "physics", now_seconds()));
    physics.bundle.revoked_serials = {parent.serial};
    apply();
    CHECK(complete(draft, key, uid).error().code == Errc::denied);
    CHECK(service->store().all().empty());
}
