#include "cli/delegated_credentials.h"

#include "cli/varlink_call.h"

namespace xos {
namespace {

constexpr size_t kDelegatedMax = 65536;  // root sees one for each uid

}  // namespace

Outcome<std::vector<CredentialView>> list_delegated() {
    std::vector<CredentialView> views;
    const auto answer = call_node("org.xtreemos.Credential.ListDelegated", JsonObject().build());
    if (!answer && answer.error().code == Errc::unavailable) return views;
    if (!answer) return std::unexpected(answer.error());
    const JsonNode root = answer->root();
    const auto list = root.field("delegated");
    if (!list) return std::unexpected(list.error());
    const auto count = list->array(kDelegatedMax);
    if (!count) return std::unexpected(count.error());
    for (size_t i = 0; i < *count; ++i) {
        const JsonNode entry = list->at(i);
        const auto chain = entry.string("chain", kCredentialMax);
        if (!chain) return std::unexpected(chain.error());
        auto view = read_credential(*chain);
        if (!view) return std::unexpected(view.error());
        views.push_back(std::move(*view));
    }
    return views;
}

}  // namespace xos
