#include "cli/authority_commands.h"

namespace xos {
namespace {

using OptionKind::flag, OptionKind::input, OptionKind::new_file, OptionKind::passphrase;

const AuthorityOption kKey = {"--key", "the VO key's file, where the authority does not keep it", input};
const AuthorityOption kPassphrase = {
    "--passphrase-file", "a file with the VO key's passphrase; asked at the terminal where absent",
    passphrase};

const std::vector<AuthorityCommand> kVoCommands = {
    {.words = "vo create",
     .description = "Create a VO, its keys and its CA",
     .arguments = {"VO"},
     .options = {{"--uid-base", "first uid of its block, hexadecimal"},
                 {"--lifetime", "days until it ends"},
                 {"--key-out", "a new file for the VO key, which the authority then does not keep", new_file},
                 kPassphrase}},
    {.words = "vo show",
     .description = "Show a VO of this authority and its fingerprint",
     .arguments = {"VO"}},
    {.words = "vo list", .description = "List the VOs of this authority"},
    {.words = "vo serve",
     .description = "Say in the VO's signed record where its members find this authority",
     .arguments = {"VO", "URL"}},
    {.words = "vo renew",
     .description = "Let a VO live on: a new end, a new certificate of its CA",
     .arguments = {"VO"},
     .options = {{"--lifetime", "days from now on"}, kKey, kPassphrase}},
    {.words = "vo set",
     .description = "Change the VO's signed record",
     .arguments = {"VO"},
     .options = {{"--authority", "URL at which the authority serves the VO"},
                 {"--authority-pin", "SHA256:... of the authority's TLS key"},
                 {"--no-authority", "the authority does not serve the VO any more", flag},
                 {"--mirror", "URL of a copy of the bundles; may be repeated, those named replace all"},
                 {"--no-mirrors", "there are no copies", flag},
                 {"--bundle-lifetime", "how long a bundle is good: 24h"},
                 kKey,
                 kPassphrase}},
    {.words = "vo dissolve",
     .description = "End a VO for good",
     .arguments = {"VO"},
     .options = {{"--yes", "it is meant", flag}, kKey, kPassphrase}},
    {.words = "vo detach-key",
     .description = "Write the VO key to a file, encrypted, and have the authority forget it",
     .arguments = {"VO"},
     .options = {{"-o,--output", "the new file", new_file, "--key-out"}, kPassphrase}},
    {.words = "vo voms",
     .description = "Name the VOMS service whose proxies the nodes of a VO believe",
     .arguments = {"VO"},
     .options = {{"--name", "the name of the VO at that service"},
                 {"--anchor", "a CA's certificate (PEM or DER); may be repeated", input},
                 {"--server", "the service's certificate; may be repeated", input}}},
    {.words = "vo crl",
     .description = "Take revocation lists of the CAs of that service",
     .arguments = {"VO"},
     .options = {{"--file", "", OptionKind::words}}},
    {.words = "vo export",
     .description = "Write the signed bundle that nodes need",
     .arguments = {"VO"},
     .output = "the bundle",
     .options = {{"--since", "only what changed since this serial"},
                 {"--zstd", "compressed, for a web server", flag}}},
    {.words = "policy set", .description = "Set the policy of a VO", .arguments = {"VO"}, .input = "POLICY"},
};

const std::vector<AuthorityCommand> kMemberCommands = {
    {.words = "member add",
     .description = "Admit a member",
     .arguments = {"LOGIN"},
     .options = {{"--group", "a group; may be repeated"},
                 {"--role", "a role; may be repeated"},
                 {"--invite", "print a one-time code for xos enroll", flag},
                 {"--invite-lifetime", "how long the code is good: 7d, 12h, 30m"}}},
    {.words = "member invite",
     .description = "Print a new one-time code for xos enroll",
     .arguments = {"LOGIN"},
     .options = {{"--invite-lifetime", "how long the code is good: 7d, 12h, 30m"}}},
    {.words = "member set",
     .description = "Change groups, roles and grid identities of a member",
     .arguments = {"LOGIN"},
     .options = {{"--add-group", "a group; may be repeated, as all of these"},
                 {"--drop-group", "a group to leave"},
                 {"--add-role", "a role"},
                 {"--drop-role", "a role to take away"},
                 {"--add-identity", "the subject of a grid certificate, /DC=org/.../CN=User One"},
                 {"--drop-identity", "a subject to forget"},
                 {"--issuer", "the CA of these subjects, in the same form"}}},
    {.words = "member remove", .description = "End a membership", .arguments = {"LOGIN"}},
    {.words = "member suspend", .description = "Shut a member out for a time", .arguments = {"LOGIN"}},
    {.words = "member resume", .description = "Let a suspended member in again", .arguments = {"LOGIN"}},
    {.words = "member show", .description = "Show the record of a member", .arguments = {"LOGIN"}},
    {.words = "member list", .description = "List the members of a VO", .arguments = {"VO"}},
    {.words = "member import",
     .description = "Admit the members in a table or a grid-mapfile",
     .arguments = {"VO"},
     .input = "FILE",
     .options = {{"--csv", "the file is a table: name,groups,roles,issuer,subject below such a header", flag},
                 {"--gridmap", "the file is a grid-mapfile", flag},
                 {"--issuer", "the CA of a grid-mapfile's subjects, as a distinguished name"},
                 {"--dry-run", "check everything, change nothing", flag}}},
    {.words = "group list", .description = "List the groups of a VO", .arguments = {"VO"}},
};

const std::vector<AuthorityCommand> kCredentialCommands = {
    {.words = "credential issue",
     .description = "Certify a member's request",
     .arguments = {"LOGIN"},
     .input = "REQUEST",
     .output = "the credential",
     .options = {{"--lifetime", "how long the credential is valid: 12h, 30m, 90s"}}},
    {.words = "credential revoke",
     .description = "End a credential, all of a member, or an identity of a grid",
     .optional = "SERIAL",
     .options = {{"--member", "user1@physics: all credentials issued until now"},
                 {"--identity", "the subject of a grid certificate, with --issuer and --vo"},
                 {"--issuer", "its CA, in the same form"},
                 {"--vo", "the VO that shall not accept it any more"}}},
};

const std::vector<AuthorityCommand> kResourceCommands = {
    {.words = "resource join",
     .description = "Admit the node whose request this is",
     .arguments = {"VO"},
     .input = "REQUEST",
     .output = "the answer, which the node's owner installs"},
    {.words = "resource leave", .description = "End the membership of a node", .arguments = {"VO", "NODE"}},
    {.words = "resource drain", .description = "Have a node take no new jobs", .arguments = {"VO", "NODE"}},
    {.words = "resource undrain", .description = "Have a node take jobs again", .arguments = {"VO", "NODE"}},
    {.words = "resource show", .description = "Show what is known of a node", .arguments = {"VO", "NODE"}},
    {.words = "resource list", .description = "List the nodes of a VO", .arguments = {"VO"}},
};

}  // namespace

const std::vector<AuthorityCommand>& authority_commands() {
    static const std::vector<AuthorityCommand> all = [] {
        std::vector<AuthorityCommand> commands;
        for (const auto* table : {&kVoCommands, &kMemberCommands, &kCredentialCommands, &kResourceCommands})
            commands.insert(commands.end(), table->begin(), table->end());
        return commands;
    }();
    return all;
}

}  // namespace xos
