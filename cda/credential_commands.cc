// Commands about credentials of members.
#include <unistd.h>

#include "cda/command_line.h"
#include "cda/whole_stream.h"
#include "common/clock.h"
#include "common/policy/quantity.h"

namespace xos {
namespace {

Outcome<std::string> issue_credential(Authority& authority, const Arguments& arguments) {
    const auto request = read_all(STDIN_FILENO, kCredentialMax);
    if (!request) return std::unexpected(request.error());
    const auto lifetime = arguments.lifetime.empty() ? Outcome<std::chrono::seconds>(kCredentialLifetime)
                                                     : read_lifetime("--lifetime", arguments.lifetime);
    if (!lifetime) return std::unexpected(lifetime.error());
    return authority.issue(arguments.name, *request, *lifetime, current_time())
        .transform([](const IssuedCredential& issued) { return issued.chain_pem; });
}

Outcome<std::string> revoke_identity(Authority& authority, const Arguments& arguments) {
    if (arguments.identities.size() != 1 || arguments.issuer.empty() || arguments.vo.empty())
        return failure(Errc::invalid, "an identity is revoked with --vo VO --issuer DN --identity DN");
    const GridIdentity identity{arguments.issuer, arguments.identities.front()};
    if (auto done = authority.revoke_identity(arguments.vo, identity); !done)
        return std::unexpected(done.error());
    return compose("{} is revoked in {}\n", identity.subject, arguments.vo);
}

Outcome<std::string> revoke_credential(Authority& authority, const Arguments& arguments) {
    const bool identity = !arguments.identities.empty() || !arguments.issuer.empty() || !arguments.vo.empty();
    if (!arguments.serial.empty() + !arguments.member.empty() + identity != 1)
        return failure(Errc::invalid,
                       "say one of: a serial; --member LOGIN; --vo VO --issuer DN --identity DN");
    if (identity) return revoke_identity(authority, arguments);
    if (!arguments.member.empty())
        return authority.revoke_member(arguments.member, current_time()).transform([&](const Member& member) {
            return compose("all credentials of {} issued before {} are revoked\n", arguments.member,
                           format_time(member.credentials_from));
        });
    return authority.revoke(arguments.serial).transform([&](const std::string& login) {
        return compose("the credential {} of {} is revoked\n", arguments.serial, login);
    });
}

}  // namespace

void declare_credential_commands(Declarations& all) {
    CLI::App* const credential = all.group("credential", "credentials of members");
    all.command(
           credential, "issue",
           "certify the PKCS#10 request on standard input for user@vo; the chain goes to standard output",
           "LOGIN", issue_credential)
        .text("--lifetime", all.arguments().lifetime, "how long it lasts: 12h (at most 24h), 30m or 90s");
    Arguments& arguments = all.arguments();
    all.command(credential, "revoke", "end one credential, all of a member, or an identity of a grid",
                nullptr, revoke_credential)
        .text("SERIAL", arguments.serial, "one credential")
        .text("--member", arguments.member, "user@vo: all that were issued until now")
        .repeated("--identity", arguments.identities, "the subject of a grid certificate")
        .text("--issuer", arguments.issuer, "the CA of that subject")
        .text("--vo", arguments.vo, "where it is revoked");
}

}  // namespace xos
