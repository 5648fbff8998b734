#include "xosd/session/delegation_service.h"

#include <algorithm>

#include "common/clock.h"
#include "common/log.h"
#include "common/ssh/wrapped_credential.h"
#include "xosd/session/login_check.h"

namespace xos {
namespace {

constexpr size_t kPendingMax = 256;
constexpr auto kSweepInterval = std::chrono::seconds(60);

}  // namespace

Outcome<std::unique_ptr<DelegationService>> DelegationService::start(EventLoop& loop, Database& database,
                                                                     const NodeConfig& config,
                                                                     const TrustStore& trust,
                                                                     VerifierClient& verifier) {
    std::unique_ptr<DelegationService> service(
        new DelegationService(loop, database, config, trust, verifier));
    if (auto loaded = service->store_.load(); !loaded) return std::unexpected(loaded.error());
    service->sweep_again();
    return service;
}

void DelegationService::sweep_again() {
    sweep(current_time());
    std::erase_if(pending_, [](const auto& entry) {
        return entry.second.deadline <= std::chrono::steady_clock::now();
    });
    if (auto timer = loop_.after(kSweepInterval, [this] { sweep_again(); }); timer)
        timer_ = *std::move(timer);
    else
        log(Level::error, "delegated credentials are not swept", {{"reason", timer.error().message}});
}

void DelegationService::sweep(std::chrono::sys_seconds now) {
    std::vector<std::pair<uint32_t, std::string>> ended;
    for (const auto& [uid, delegated] : store_.all())
        if (auto why = why_ended(delegated, now)) ended.emplace_back(uid, std::move(*why));
    for (const auto& [uid, why] : ended) store_.remove(uid, why);
}

std::optional<std::string> DelegationService::why_ended(const DelegatedCredential& delegated,
                                                        std::chrono::sys_seconds now) const {
    if (now >= delegated.expires) return "it expired";
    const auto [vo, member] = trust_.find_uid(delegated.uid);
    if (member == nullptr) return "its owner is no member of a VO that this node accepts";
    if (vo->is_revoked(delegated.parent) || vo->is_revoked(delegated.serial))
        return "the credential that it was made with is revoked";
    // parent_from is when it began, kCredentialBackdate before it was issued
    if (delegated.parent_from + kCredentialBackdate < member->credentials_from)
        return "the member's credentials of that time are revoked";
    return std::nullopt;
}

const DelegatedCredential* DelegationService::find_valid(uint32_t uid, std::chrono::sys_seconds now) const {
    const DelegatedCredential* delegated = store_.find(uid);
    return delegated != nullptr && !why_ended(*delegated, now) ? delegated : nullptr;
}

Outcome<const Member*> DelegationService::check_member_of(uint32_t uid, std::chrono::sys_seconds now) const {
    const auto [vo, member] = trust_.find_uid(uid);
    if (member == nullptr)
        return failure(Errc::denied, "uid {} is no member of a VO that this node accepts", uid);
    auto checked = check_member(*vo, member->name, now);
    if (!checked) return checked;
    if (const PolicyAnswer answer = check_policy(*vo, config_, *member, Action::forward_agent, now);
        !answer.permit)
        return failure(Errc::denied, "no delegation without a forwarded agent: {}", answer.reason);
    return checked;
}

void DelegationService::begin(uint32_t uid, std::string ssh_key, std::chrono::seconds lifetime,
                              OnDraft done) {
    const auto now = current_time();
    if (auto member = check_member_of(uid, now); !member) return done(std::unexpected(member.error()));
    if (pending_.size() >= kPendingMax && !pending_.contains(uid))
        return done(failure(Errc::unavailable, "too many delegations are under way: try again in a minute"));
    const TrustedVo* vo = trust_.find_uid(uid).first;
    VerifyRequest request;
    request.ssh_key = std::move(ssh_key);
    request.vo = vo->bundle.vo.name;
    request.ca_certificate = vo->bundle.vo.ca_certificate;
    request.now = now;
    verifier_.verify(std::move(request), [this, uid, lifetime, done](Outcome<VerifiedCredential> credential) {
        auto made = credential ? draft(uid, *credential, lifetime)
                               : Outcome<ProxyDraft>(std::unexpected(credential.error()));
        if (!made)
            log(Level::notice, "delegation refused",
                {{"uid", std::to_string(uid)}, {"reason", made.error().message}});
        done(std::move(made));
    });
}

Outcome<ProxyDraft> DelegationService::draft(uint32_t uid, const VerifiedCredential& credential,
                                             std::chrono::seconds lifetime) {
    const auto now = current_time();
    // the bundle may have been replaced while the verifier worked
    const auto member = check_member_of(uid, now);
    if (!member) return std::unexpected(member.error());
    const TrustedVo* vo = trust_.find_uid(uid).first;
    if (credential.grid)
        return failure(Errc::denied, "a VOMS proxy is not delegated: log in with a credential of the VO");
    const auto grant = check_login(*vo, config_, (*member)->name, uid, credential, now);
    if (!grant) return std::unexpected(grant.error());
    auto key = SigningKey::generate();
    if (!key) return std::unexpected(key.error());
    auto made = draft_proxy(credential, *key, lifetime, now);
    if (!made) return made;
    pending_.erase(uid);
    pending_.emplace(uid, Pending{*made, credential, *std::move(key),
                                  std::chrono::steady_clock::now() + kDelegationDeadline});
    return made;
}

Outcome<DelegatedCredential> DelegationService::complete(uint32_t uid, std::string_view serial,
                                                         std::string_view signature,
                                                         std::chrono::sys_seconds now) {
    const auto found = pending_.find(uid);
    if (found == pending_.end() || found->second.draft.serial != serial)
        return failure(Errc::not_found, "no delegation of that serial is under way: begin again");
    const Pending pending = std::move(pending_.extract(found).mapped());
    if (pending.deadline <= std::chrono::steady_clock::now())
        return failure(Errc::timeout, "the signature came more than {} s after the draft: begin again",
                       kDelegationDeadline.count());
    const auto chain = seal_proxy(pending.draft, pending.parent, signature);
    if (!chain) {
        log(Level::notice, "delegation refused",
            {{"uid", std::to_string(uid)}, {"reason", chain.error().message}});
        return std::unexpected(chain.error());
    }
    DelegatedCredential delegated{uid,
                                  login_name(pending.parent.attributes),
                                  pending.draft.serial,
                                  pending.parent.serial,
                                  pending.parent.not_before,
                                  pending.draft.not_after,
                                  *chain};
    if (const auto why = why_ended(delegated, now))
        return failure(Errc::denied, "nothing was delegated: {}", *why);
    if (auto stored = store_.put(delegated, pending.key); !stored) return std::unexpected(stored.error());
    log(Level::notice, "credential delegated",
        {{"user", delegated.login}, {"serial", delegated.serial}, {"parent", delegated.parent}});
    return delegated;
}

bool DelegationService::destroy(uint32_t uid, std::string_view reason) {
    return store_.remove(uid, reason);
}

}  // namespace xos
