#include "cli/grid_view.h"

#include <pwd.h>
#include <unistd.h>

#include "common/credential/fingerprint.h"
#include "common/ssh/wrapped_credential.h"
#include "common/voms/fqan.h"
#include "common/voms/proxy_chain.h"

namespace xos {
namespace {

// In a session the node has chosen the account by the member's record.
std::string login_of(const CredentialView& view) {
    if (!view.attributes.login.empty()) return login_name(view.attributes);
    passwd entry{};
    passwd* found = nullptr;
    std::vector<char> buffer(16 * 1024);
    if (getpwuid_r(getuid(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
        return "unknown";
    return found->pw_name;
}

std::string lines(const std::vector<std::string>& values) {
    std::string text;
    for (const std::string& value : values) text += (text.empty() ? "" : "\n               ") + value;
    return text;
}

}  // namespace

Outcome<CredentialView> read_grid_credential(std::string_view chain_pem) {
    auto chain = read_proxy_chain(chain_pem);
    if (!chain) return std::unexpected(chain.error());
    CredentialView view;
    view.serial = chain->claims.serials.front();
    view.fingerprint = sha256_fingerprint(chain->ders.front());
    view.not_before = chain->not_before;
    view.not_after = chain->not_after;
    view.grid = std::move(chain->claims);
    view.chain_pem = chain_pem;
    return view;
}

std::string grid_text(const CredentialView& view, std::string_view held_by, std::chrono::sys_seconds now) {
    const GridClaims& claims = *view.grid;
    return compose(
        "{}\n"
        "  VOMS proxy   {}\n"
        "  issuer       {}\n"
        "  VO in VOMS   {}\n"
        "  FQANs        {}\n"
        "  expires      {}\n"
        "  fingerprint  {}\n"
        "  serial       {}\n"
        "  held by      {}\n",
        login_of(view), claims.subject, claims.issuer, claims.vo, lines(claims.fqans), expiry_text(view, now),
        view.fingerprint, view.serial, held_by);
}

Json grid_json(const CredentialView& view, std::string_view held_by, std::chrono::sys_seconds now) {
    const GridClaims& claims = *view.grid;
    const auto seconds = [](std::chrono::sys_seconds time) {
        return Json::signed_integer(time.time_since_epoch().count());
    };
    return JsonObject()
        .set("login", Json::string(login_of(view)))
        .set("subject", Json::string(claims.subject))
        .set("issuer", Json::string(claims.issuer))
        .set("voms_vo", Json::string(claims.vo))
        .set("fqans", Json::strings(claims.fqans))
        .set("not_before", seconds(view.not_before))
        .set("not_after", seconds(view.not_after))
        .set("valid", Json::boolean(now >= view.not_before && now < view.not_after))
        .set("fingerprint", Json::string(view.fingerprint))
        .set("serial", Json::string(view.serial))
        .set("held_by", Json::string(held_by))
        .build();
}

}  // namespace xos
