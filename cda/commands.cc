#include "cda/commands.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <memory>

#include "cda/issuer_commands.h"
#include "cda/network_commands.h"
#include "common/compression.h"
#include "libxos/names.h"

namespace xos {
namespace {

std::chrono::sys_seconds current_time() {
    return std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
}

std::string join(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) text += (text.empty() ? "" : ",") + name;
    return text.empty() ? "-" : text;
}

std::string describe(const VoSummary& vo) {
    const VoRecord& record = vo.identity.record;
    return compose(
        "name:        {}\nid:          {}\nfingerprint: {}\nuids:        {:#x}-{:#x}\nvalid until: {}\n"
        "serial:      {}\nmembers:     {}\n",
        record.name, record.id, vo.fingerprint, record.uid_base, record.uid_base + (record.block_size - 1),
        format_time(record.not_after), vo.serial, vo.members);
}

std::string describe(std::string_view vo, const std::vector<Member>& members) {
    std::string text =
        compose("{:<24} {:>7}  {:<9}  {:<20} {}\n", "MEMBER", "NUMBER", "STATE", "GROUPS", "ROLES");
    for (const Member& member : members)
        text += compose("{:<24} {:>7}  {:<9}  {:<20} {}\n", compose("{}@{}", member.name, vo), member.number,
                        member.suspended ? "suspended" : "active", join(member.groups), join(member.roles));
    return text;
}

Outcome<std::optional<uint32_t>> read_uid_base(std::string_view text) {
    if (text.empty()) return std::nullopt;
    std::string_view digits = text;
    if (digits.starts_with("0x")) digits.remove_prefix(2);
    uint32_t base = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), base, 16);
    if (error != std::errc() || end != digits.data() + digits.size())
        return failure(Errc::invalid, "--uid-base {}: expected hexadecimal such as 0x71000000", text);
    return base;
}

// "12h", "30m", "90s"; empty is the usual one. The authority checks the limit.
Outcome<std::chrono::seconds> read_lifetime(std::string_view text) {
    if (text.empty()) return kCredentialLifetime;
    int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size() - 1, number);
    if (error == std::errc() && end == text.data() + text.size() - 1 && number > 0 && number <= 86400) {
        switch (text.back()) {
            case 'h':
                return std::chrono::hours(number);
            case 'm':
                return std::chrono::minutes(number);
            case 's':
                return std::chrono::seconds(number);
            default:
                break;
        }
    }
    return failure(Errc::invalid, "--lifetime {}: expected a number with h, m or s, such as 12h", text);
}

struct Arguments {
    std::string name;  // a VO, a login name or a serial
    std::string uid_base;
    int days = 365;
    std::string lifetime;  // empty: kCredentialLifetime
    std::vector<std::string> groups, roles;
    uint64_t since = 0;  // 0: the whole
    bool zstd = false;
};

using Run = Outcome<std::string> (*)(Authority& authority, const Arguments& arguments);

Outcome<std::string> create_vo(Authority& authority, const Arguments& arguments) {
    const auto base = read_uid_base(arguments.uid_base);
    if (!base) return std::unexpected(base.error());
    const VoOptions options{*base, std::chrono::days(arguments.days)};
    return authority.create_vo(arguments.name, options, current_time()).transform([](const VoSummary& vo) {
        return describe(vo);
    });
}

Outcome<std::string> show_vo(Authority& authority, const Arguments& arguments) {
    return authority.show_vo(arguments.name).transform([](const VoSummary& vo) { return describe(vo); });
}

Outcome<std::string> list_vos(Authority& authority, const Arguments&) {
    return authority.list_vos().transform([](const std::vector<std::string>& names) {
        std::string text;
        for (const std::string& name : names) text += name + "\n";
        return text;
    });
}

Outcome<std::string> export_vo(Authority& authority, const Arguments& arguments) {
    auto file = arguments.since == 0
                    ? authority.export_bundle(arguments.name, current_time())
                    : authority.export_delta(arguments.name, arguments.since, current_time());
    if (!file || !arguments.zstd) return file;
    return compress_text(*file);
}

Outcome<std::string> add_member(Authority& authority, const Arguments& arguments) {
    return authority.add_member(arguments.name, arguments.groups, arguments.roles)
        .transform([&](const Member& member) {
            return compose("{} is a member, number {}\n", arguments.name, member.number);
        });
}

Outcome<std::string> remove_member(Authority& authority, const Arguments& arguments) {
    return authority.remove_member(arguments.name).transform([&] {
        return compose("{} is no member any more\n", arguments.name);
    });
}

Outcome<std::string> suspend_member(Authority& authority, const Arguments& arguments) {
    return authority.set_suspended(arguments.name, true).transform([&] {
        return compose("{} is suspended\n", arguments.name);
    });
}

Outcome<std::string> resume_member(Authority& authority, const Arguments& arguments) {
    return authority.set_suspended(arguments.name, false).transform([&] {
        return compose("{} is active\n", arguments.name);
    });
}

Outcome<std::string> list_members(Authority& authority, const Arguments& arguments) {
    return authority.list_members(arguments.name).transform([&](const std::vector<Member>& members) {
        return describe(arguments.name, members);
    });
}

Outcome<std::string> set_policy(Authority& authority, const Arguments& arguments) {
    const auto text = read_all(STDIN_FILENO, kPolicyMax);
    if (!text) return std::unexpected(text.error());
    return authority.set_policy(arguments.name, *text).transform([&] {
        return compose("the policy of {} is set\n", arguments.name);
    });
}

Outcome<std::string> issue_credential(Authority& authority, const Arguments& arguments) {
    const auto request = read_all(STDIN_FILENO, kCredentialMax);
    if (!request) return std::unexpected(request.error());
    const auto lifetime = read_lifetime(arguments.lifetime);
    if (!lifetime) return std::unexpected(lifetime.error());
    return authority.issue(arguments.name, *request, *lifetime, current_time())
        .transform([](const IssuedCredential& issued) { return issued.chain_pem; });
}

Outcome<std::string> revoke_credential(Authority& authority, const Arguments& arguments) {
    return authority.revoke(arguments.name).transform([&](const std::string& login) {
        return compose("the credential {} of {} is revoked\n", arguments.name, login);
    });
}

// The three groups of commands, each with its commands, that share the arguments and set what line runs.
class Declarations {
  public:
    Declarations(CLI::App& app, CommandLine& line) : app_(app), line_(line) {}

    void issuers(CLI::App* vo) { declare_issuer_commands(*vo, line_); }

    CLI::App* group(const char* name, const char* description) {
        return app_.add_subcommand(name, description)->require_subcommand(1);
    }

    CLI::App* command(CLI::App* group, const char* name, const char* description, const char* argument,
                      Run run) {
        CLI::App* const command = group->add_subcommand(name, description);
        if (argument) command->add_option(argument, arguments_->name)->required();
        command->callback([this_line = &line_, arguments = arguments_, run] {
            this_line->run = [arguments, run](Authority& authority) { return run(authority, *arguments); };
        });
        return command;
    }

    Arguments& arguments() { return *arguments_; }

  private:
    CLI::App& app_;
    CommandLine& line_;
    std::shared_ptr<Arguments> arguments_ = std::make_shared<Arguments>();
};

void declare_vo(Declarations& all) {
    CLI::App* const vo = all.group("vo", "virtual organisations");
    CLI::App* const create = all.command(vo, "create", "make a VO and its keys", "NAME", create_vo);
    create->add_option("--uid-base", all.arguments().uid_base, "first uid of its block, hexadecimal");
    create->add_option("--lifetime", all.arguments().days, "days until it ends (365)");
    all.command(vo, "show", "what it is, with the fingerprint that nodes pin", "NAME", show_vo);
    all.command(vo, "list", "the VOs of this authority", nullptr, list_vos);
    all.issuers(vo);
    CLI::App* const exported =
        all.command(vo, "export", "write the signed bundle to standard output", "NAME", export_vo);
    exported->add_option("--since", all.arguments().since,
                         "only what changed since this serial; the whole where that is too long ago");
    exported->add_flag("--zstd", all.arguments().zstd, "compressed, for a web server");
    CLI::App* const policy = all.group("policy", "the VO's rules");
    all.command(policy, "set", "take the rules (JSON) from standard input", "VO", set_policy);
}

void declare_member(Declarations& all) {
    CLI::App* const member = all.group("member", "members of a VO");
    CLI::App* const add = all.command(member, "add", "admit user@vo", "LOGIN", add_member);
    add->add_option("--group", all.arguments().groups, "a group, made at first use; may be repeated")
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    add->add_option("--role", all.arguments().roles, "a role; may be repeated")
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    all.command(member, "remove", "end the membership of user@vo", "LOGIN", remove_member);
    all.command(member, "suspend", "shut user@vo out for a time", "LOGIN", suspend_member);
    all.command(member, "resume", "let user@vo in again", "LOGIN", resume_member);
    all.command(member, "list", "the members of a VO", "VO", list_members);
}

void declare_credential(Declarations& all) {
    CLI::App* const credential = all.group("credential", "credentials of members");
    CLI::App* const issue = all.command(
        credential, "issue",
        "certify the PKCS#10 request on standard input for user@vo; the chain goes to standard output",
        "LOGIN", issue_credential);
    issue->add_option("--lifetime", all.arguments().lifetime,
                      "how long it lasts: 12h (at most 24h), 30m or 90s");
    all.command(credential, "revoke", "end one credential before its time", "SERIAL", revoke_credential);
}

}  // namespace

void declare_commands(CLI::App& app, CommandLine& line) {
    app.require_subcommand(1);
    app.add_option("--state", line.state,
                   compose("another directory than {}; the caller stays who it is", kAuthorityDir));
    app.add_option("--secret", line.secret, "file with the secret that encrypts the keys");
    Declarations all(app, line);
    declare_vo(all);
    declare_member(all);
    declare_credential(all);
    declare_network_commands(app, line);
}

Outcome<std::string> read_all(int fd, size_t max) {
    std::string text;
    char buffer[16384];
    for (;;) {
        const ssize_t count = read(fd, buffer, sizeof buffer);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return failure_errno(errno, "cannot read standard input");
        if (count == 0) return text;
        text.append(buffer, static_cast<size_t>(count));
        if (text.size() > max)
            return failure(Errc::invalid, "standard input has more than the {} bytes allowed", max);
    }
}

Outcome<void> write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const ssize_t count = write(fd, text.data(), text.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return failure_errno(errno, "cannot write to standard output");
        text.remove_prefix(static_cast<size_t>(count));
    }
    return {};
}

}  // namespace xos
