#include "cli/credential_view.h"

#include <ctime>

#include "cli/grid_view.h"
#include "common/credential/certificate.h"
#include "common/credential/fingerprint.h"
#include "common/ssh/wrapped_credential.h"
#include "common/vo/records.h"
#include "common/voms/proxy_chain.h"

namespace xos {
namespace {

Outcome<XosAttributes> read_attributes(const X509* certificate) {
    const auto found = find_extensions(certificate, kAttributesOid);
    if (found.size() != 1) return failure(Errc::invalid, "the certificate is not a credential of a VO");
    return decode_attributes(extension_der(found.front()));
}

std::string joined(const std::vector<std::string>& names, std::string_view suffix) {
    std::string text;
    for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name + std::string(suffix);
    return text.empty() ? "none" : text;
}

std::vector<std::string> all_groups(const XosAttributes& user) {
    std::vector<std::string> groups = user.groups;
    groups.emplace_back(kMembersGroup);
    for (std::string& group : groups) group += "@" + user.vo;
    return groups;
}

Outcome<ProxyView> read_proxy(const X509* proxy) {
    const auto serial = read_serial(proxy);
    const auto not_before = read_time(X509_get0_notBefore(proxy));
    const auto not_after = read_time(X509_get0_notAfter(proxy));
    if (!serial || !not_before || !not_after)
        return failure(Errc::invalid, "the proxy's serial or dates cannot be read");
    return ProxyView{*serial, *not_before, *not_after};
}

Outcome<CredentialView> read_leaf(const Bytes& der, std::optional<ProxyView> proxy,
                                  std::string_view chain_pem) {
    const auto leaf = parse_certificate(der, "credential");
    if (!leaf) return std::unexpected(leaf.error());
    auto attributes = read_attributes(leaf->get());
    if (!attributes) return std::unexpected(attributes.error());
    const auto serial = read_serial(leaf->get());
    const auto not_before = read_time(X509_get0_notBefore(leaf->get()));
    const auto not_after = read_time(X509_get0_notAfter(leaf->get()));
    if (!serial || !not_before || !not_after)
        return failure(Errc::invalid, "the certificate's serial or dates cannot be read");
    return CredentialView{.attributes = std::move(*attributes),
                          .serial = *serial,
                          .fingerprint = sha256_fingerprint(der),
                          .not_before = *not_before,
                          .not_after = *not_after,
                          .proxy = std::move(proxy),
                          .chain_pem = std::string(chain_pem)};
}

}  // namespace

Outcome<CredentialView> read_credential(std::string_view chain_pem) {
    if (is_voms_chain(chain_pem)) return read_grid_credential(chain_pem);
    const auto chain = split_pem_chain(chain_pem);
    if (!chain) return std::unexpected(chain.error());
    const auto first = parse_certificate(chain->front(), "credential");
    if (!first) return std::unexpected(first.error());
    if (X509_get_ext_by_NID(first->get(), NID_proxyCertInfo, -1) < 0)
        return read_leaf(chain->front(), std::nullopt, chain_pem);
    if (chain->size() < 2)
        return failure(Errc::invalid, "the credential that the proxy speaks for is missing");
    const auto proxy = read_proxy(first->get());
    if (!proxy) return std::unexpected(proxy.error());
    return read_leaf((*chain)[1], *proxy, chain_pem);
}

std::string local_time(std::chrono::sys_seconds time) {
    const time_t seconds = time.time_since_epoch().count();
    tm fields{};
    char text[64];
    if (localtime_r(&seconds, &fields) == nullptr ||
        std::strftime(text, sizeof text, "%F %T %Z", &fields) == 0)
        return "an unknown time";
    return text;
}

std::string duration_text(std::chrono::seconds duration) {
    const auto seconds = std::chrono::abs(duration).count();
    if (seconds < 60) return compose("{} s", seconds);
    if (seconds < 3600) return compose("{} min", seconds / 60);
    if (seconds < 48 * 3600) return compose("{} h {} min", seconds / 3600, seconds / 60 % 60);
    return compose("{} days", seconds / 86400);
}

std::string expiry_text(const CredentialView& credential, std::chrono::sys_seconds now) {
    const std::string when = local_time(credential.ends());
    if (now < credential.begins())
        return compose("{} (valid in {})", when, duration_text(credential.begins() - now));
    if (now >= credential.ends())
        return compose("{} (expired {} ago)", when, duration_text(now - credential.ends()));
    return compose("{} ({} left)", when, duration_text(credential.ends() - now));
}

std::string credential_text(const CredentialView& credential, std::string_view held_by,
                            std::chrono::sys_seconds now) {
    if (credential.grid) return grid_text(credential, held_by, now);
    const XosAttributes& user = credential.attributes;
    const std::string proxy =
        credential.proxy ? compose("  proxy        {} (limited)\n", credential.proxy->serial) : "";
    return compose(
        "{}\n"
        "  VO           {}\n"
        "  groups       {}\n"
        "  roles        {}\n"
        "  expires      {}\n"
        "  fingerprint  {}\n"
        "  serial       {}\n"
        "{}"
        "  held by      {}\n",
        login_name(user), user.vo, joined(all_groups(user), ""), joined(user.roles, ""),
        expiry_text(credential, now), credential.fingerprint, credential.serial, proxy, held_by);
}

Json credential_json(const CredentialView& credential, std::string_view held_by,
                     std::chrono::sys_seconds now) {
    if (credential.grid) return grid_json(credential, held_by, now);
    const XosAttributes& user = credential.attributes;
    const auto seconds = [](std::chrono::sys_seconds time) {
        return Json::signed_integer(time.time_since_epoch().count());
    };
    JsonObject object;
    object.set("login", Json::string(login_name(user)))
        .set("vo", Json::string(user.vo))
        .set("user_id", Json::string(user.user_id))
        .set("groups", Json::strings(all_groups(user)))
        .set("roles", Json::strings(user.roles))
        .set("not_before", seconds(credential.begins()))
        .set("not_after", seconds(credential.ends()))
        .set("valid", Json::boolean(now >= credential.begins() && now < credential.ends()))
        .set("fingerprint", Json::string(credential.fingerprint))
        .set("serial", Json::string(credential.serial))
        .set("held_by", Json::string(held_by));
    if (credential.proxy) object.set("proxy", Json::string(credential.proxy->serial));
    return object.build();
}

}  // namespace xos
