#include "cli/network_login.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "cli/credential_load.h"
#include "common/clock.h"

namespace xos {
namespace {

constexpr std::chrono::seconds kClockWarning{60};

// The chain of before, where it may still be used: of this name, for this key, in date.
Outcome<CredentialView> read_kept(const std::string& chain_pem, const std::string& login,
                                  const SigningKey& key, const UserFolder& folder,
                                  const KnownAuthority& authority) {
    const auto name = require_login_name(login);
    if (!name) return std::unexpected(name.error());
    const auto record = read_record(folder, authority, name->vo);
    if (!record) return std::unexpected(record.error());
    const auto verified =
        verify_chain(as_bytes(chain_pem), record->record.ca_certificate, name->vo, current_time());
    if (!verified) return std::unexpected(verified.error());
    const auto own = key.public_bytes();
    if (verified->attributes.login != name->user || !std::ranges::equal(verified->public_key.bytes, own))
        return failure(Errc::denied, "the credential kept is not of {}'s key", login);
    return read_credential(chain_pem);
}

bool is_young(const CredentialView& view) {
    return view.not_after - current_time() > (view.not_after - view.not_before) / 4;
}

void warn_of_clock(std::chrono::seconds ahead) {
    if (std::chrono::abs(ahead) < kClockWarning) return;
    std::fprintf(
        stderr, "xos: the clock of this machine is %lld s %s the authority's: set it, or logins will fail\n",
        static_cast<long long>(std::chrono::abs(ahead).count()), ahead.count() > 0 ? "ahead of" : "behind");
}

Outcome<std::string> fetch_chain(const UserFolder& folder, const KnownAuthority& authority,
                                 const std::string& login, const SigningKey& key) {
    auto answer = ask_credential(authority, login, key);
    if (!answer) return std::unexpected(answer.error());
    if (auto accepted = accept_answer(folder, *answer); !accepted) return std::unexpected(accepted.error());
    return std::move(answer->chain_pem);
}

}  // namespace

Outcome<void> accept_answer(const UserFolder& folder, const IssuedAnswer& answer) {
    warn_of_clock(answer.clock_ahead);
    if (auto kept = keep_record(folder, answer.record); !kept) return kept;
    const VoRecord& vo = answer.record.record;
    const auto verified = verify_chain(as_bytes(answer.chain_pem), vo.ca_certificate, vo.name,
                                       current_time() - answer.clock_ahead);
    if (!verified)
        return failure(verified.error().code,
                       "the authority issued what its VO's record does not vouch for: {}",
                       verified.error().message);
    return {};
}

Outcome<ObtainedChain> obtain_chain(const UserFolder& folder, const std::string& login, const SigningKey& key,
                                    bool renew) {
    const auto name = require_login_name(login);
    if (!name) return std::unexpected(name.error());
    const auto authority = read_authority(folder);
    if (!authority) return std::unexpected(authority.error());
    const auto old = folder.read(credential_name(*name));
    const auto kept = old ? read_kept(*old, login, key, folder, *authority) : std::unexpected(old.error());
    if (kept && !renew && is_young(*kept)) return ObtainedChain{*old, false};
    auto chain = fetch_chain(folder, *authority, login, key);
    if (chain) return ObtainedChain{std::move(*chain), true};
    if (chain.error().code != Errc::unavailable || !kept) return std::unexpected(chain.error());
    std::fprintf(stderr, "xos: %s\nxos: using the credential of before, valid until %s\n",
                 chain.error().message.c_str(), expiry_text(*kept, current_time()).c_str());
    return ObtainedChain{*old, false};
}

std::vector<std::string> find_enrolled_logins() {
    std::vector<std::string> logins;
    const auto top = UserFolder::open();
    if (!top) return logins;
    std::error_code error;
    for (const auto& vo : std::filesystem::directory_iterator(top->path(), error)) {
        if (!std::filesystem::exists(vo.path() / kAuthorityFile, error)) continue;
        for (const auto& file : std::filesystem::directory_iterator(vo.path(), error)) {
            const std::string login = file.path().stem().string() + "@" + vo.path().filename().string();
            if (file.path().extension() == ".key" && parse_login_name(login)) logins.push_back(login);
        }
    }
    std::ranges::sort(logins);
    return logins;
}

}  // namespace xos
