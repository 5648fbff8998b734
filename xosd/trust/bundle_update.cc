#include "xosd/trust/bundle_update.h"

#include "common/credential/fingerprint.h"
#include "common/encoding.h"
#include "common/file.h"
#include "common/json.h"
#include "common/policy/policy_file.h"
#include "common/vo/bundle_delta.h"
#include "libxos/login_name.h"
#include "xosd/identity/local_ids.h"

namespace xos {
namespace {

constexpr size_t kPeekMax = 512 * 1024;  // where a VO record ends at the latest

Outcome<std::string> choose_pin(const std::string& name, const UpdateRequest& request) {
    const auto found = request.pinned.find(name);
    if (found == request.pinned.end() && request.terms.fingerprint.empty())
        return failure(Errc::denied,
                       "VO {} is not trusted here yet: give its key's fingerprint (--fingerprint), as its "
                       "manager tells it",
                       name);
    if (found == request.pinned.end()) return request.terms.fingerprint;
    const std::string& pinned = found->second.fingerprint;
    if (!request.terms.fingerprint.empty() && request.terms.fingerprint != pinned)
        return failure(Errc::conflict, "VO {} is pinned to {}: untrust it first if its key has changed", name,
                       pinned);
    return pinned;
}

Outcome<void> check_names(const TrustedVo& vo) {
    const auto local = read_local_ids();
    if (!local) return std::unexpected(local.error());
    for (const std::string& name : local->names) {
        const auto login = parse_login_name(name);
        if (login && login->vo == vo.bundle.vo.name && vo.find_member(login->user) != nullptr)
            return failure(Errc::conflict, "{} of VO {} has the name of a local user, who keeps it", name,
                           vo.bundle.vo.name);
    }
    return {};
}

// record is verified.
Outcome<void> check_url(const UpdateTerms& terms, const VoRecord& record) {
    if (terms.url.empty() || is_url_of(terms.url, record.authority)) return {};
    return failure(Errc::denied, "{} is no URL of the authority that VO {} names", terms.url, record.name);
}

bool is_same(const Bundle& a, const Bundle& b) {
    return a.serial == b.serial && a.issued == b.issued && a.not_after == b.not_after && a.vo == b.vo;
}

}  // namespace

bool is_url_of(std::string_view url, std::string_view authority) {
    while (authority.ends_with('/')) authority.remove_suffix(1);
    if (authority.empty() || !url.starts_with(authority)) return false;
    const std::string_view rest = url.substr(authority.size());
    return rest.empty() || rest.front() == '/' || rest.front() == '?';
}

std::optional<std::string> peek_vo_name(std::string_view bundle) {
    const std::string_view beginning = bundle.substr(0, kPeekMax);
    constexpr std::string_view kRecord = "\"vo\":{", kPayload = "\"payload\":\"";
    const size_t at = beginning.find(kRecord);
    if (at == std::string_view::npos) return std::nullopt;
    const size_t payload = beginning.find(kPayload, at);
    if (payload == std::string_view::npos) return std::nullopt;
    const size_t begin = payload + kPayload.size(), end = beginning.find('"', begin);
    if (end == std::string_view::npos) return std::nullopt;
    const auto bytes = decode_base64url(beginning.substr(begin, end - begin));
    if (!bytes) return std::nullopt;
    const auto record = Json::parse(as_text(*bytes), {.bytes = kPeekMax, .depth = 8}, "VO record");
    if (!record) return std::nullopt;
    const auto name = record->root().string("name", kVoNameMax);
    if (!name || !is_vo_name(*name)) return std::nullopt;
    return *name;
}

Outcome<std::shared_ptr<TrustedVo>> make_trusted(Bundle bundle, std::string_view fingerprint) {
    auto vo = std::make_shared<TrustedVo>();
    vo->fingerprint = fingerprint;
    vo->bundle = std::move(bundle);
    auto policy = parse_compact_policy(vo->bundle.policy, "policy of VO " + vo->bundle.vo.name);
    if (!policy) return std::unexpected(policy.error());
    vo->policy = *std::move(policy);
    std::vector<Member>& members = vo->bundle.members;
    if (!std::ranges::is_sorted(members, {}, &Member::name)) std::ranges::sort(members, {}, &Member::name);
    vo->by_number.resize(members.size());
    for (uint32_t i = 0; i < members.size(); ++i) vo->by_number[i] = i;
    std::ranges::sort(vo->by_number, {}, [&](uint32_t index) { return members[index].number; });
    std::vector<std::string>& revoked = vo->bundle.revoked_serials;
    if (!std::ranges::is_sorted(revoked)) std::ranges::sort(revoked);
    return vo;
}

Outcome<BundleUpdate> prepare_update(std::string_view bytes, const UpdateRequest& request,
                                     std::chrono::sys_seconds now) {
    const auto name = peek_vo_name(bytes);
    if (!name)
        return failure(Errc::invalid, "this is no bundle of a VO: a bundle is made by 'xos vo export'");
    const UpdateTerms& terms = request.terms;
    if (!terms.vo.empty() && *name != terms.vo)
        return failure(Errc::invalid, "this is a bundle of VO {}, expected one of {}", *name, terms.vo);
    const auto pin = choose_pin(*name, request);
    if (!pin) return std::unexpected(pin.error());
    BundleUpdate update{.name = *name, .fingerprint = *pin};
    if (const auto found = request.pinned.find(*name); found != request.pinned.end())
        update.base = found->second.vo;
    if (!is_delta(bytes)) update.digest = sha256_fingerprint(as_bytes(bytes));
    // servers without conditional requests send the same again and again
    if (update.base && !update.digest.empty() && update.digest == update.base->source_digest) {
        if (auto right = check_url(terms, update.base->bundle.vo); !right)
            return std::unexpected(right.error());
        update.unchanged = true;
        return update;
    }
    auto bundle = open_update(bytes, *pin, update.base ? &update.base->bundle : nullptr, now);
    if (!bundle) return std::unexpected(bundle.error());
    if (auto right = check_url(terms, bundle->vo); !right) return std::unexpected(right.error());
    if (update.base && is_same(*bundle, update.base->bundle)) {
        update.unchanged = true;
        return update;
    }
    auto vo = make_trusted(*std::move(bundle), *pin);
    if (!vo) return std::unexpected(vo.error());
    update.vo = *std::move(vo);
    update.vo->source_digest = update.digest;
    if (auto free = check_names(*update.vo); !free) return std::unexpected(free.error());
    update.difference = compare_bundles(update.base.get(), *update.vo);
    update.is_delta = is_delta(bytes);
    if (update.is_delta || bytes.size() <= kBundleInDatabaseMax || request.directory.empty()) {
        update.bytes = bytes;
        return update;
    }
    const Bundle& content = update.vo->bundle;
    update.file = compose("bundle-{}-{}-{}", content.vo.name, content.serial,
                          content.issued.time_since_epoch().count());
    if (auto written = write_file_atomically(request.directory + "/" + update.file, bytes, 0600); !written)
        return std::unexpected(written.error());
    return update;
}

}  // namespace xos
