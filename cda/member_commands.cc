// Commands about members and groups.
#include <unistd.h>

#include "cda/command_line.h"
#include "cda/whole_stream.h"

namespace xos {
namespace {

std::string describe(std::string_view vo, const std::vector<Member>& members) {
    std::string text =
        compose("{:<24} {:>7}  {:<9}  {:<20} {}\n", "MEMBER", "NUMBER", "STATE", "GROUPS", "ROLES");
    for (const Member& member : members)
        text += compose("{:<24} {:>7}  {:<9}  {:<20} {}\n", compose("{}@{}", member.name, vo), member.number,
                        member.suspended ? "suspended" : "active", join_names(member.groups),
                        join_names(member.roles));
    return text;
}

std::string describe(const MemberSummary& summary) {
    const Member& member = summary.member;
    std::string text = compose(
        "member:      {}@{}\nnumber:      {}\nuid:         {} where the VO has the block it proposes\n"
        "id:          {}\nstate:       {}\ngroups:      {}\nroles:       {}\n",
        member.name, summary.vo, member.number, summary.uid, member.id,
        member.suspended ? "suspended" : "active", join_names(member.groups), join_names(member.roles));
    if (member.credentials_from != std::chrono::sys_seconds{})
        text += compose("revoked:     credentials issued before {}\n", format_time(member.credentials_from));
    for (const GridIdentity& identity : member.identities)
        text += compose("identity:    {}\n  issuer:    {}\n", identity.subject, identity.issuer);
    return text;
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

Outcome<std::string> show_member(Authority& authority, const Arguments& arguments) {
    return authority.show_member(arguments.name).transform([](const MemberSummary& summary) {
        return describe(summary);
    });
}

Outcome<std::string> list_members(Authority& authority, const Arguments& arguments) {
    return authority.list_members(arguments.name).transform([&](const std::vector<Member>& members) {
        return describe(arguments.name, members);
    });
}

std::vector<GridIdentity> identities_of(const std::string& issuer, const std::vector<std::string>& subjects) {
    std::vector<GridIdentity> identities;
    for (const std::string& subject : subjects) identities.push_back({issuer, subject});
    return identities;
}

Outcome<std::string> change_member(Authority& authority, const Arguments& arguments) {
    const MemberChange change{
        .add_groups = arguments.groups,
        .drop_groups = arguments.dropped_groups,
        .add_roles = arguments.roles,
        .drop_roles = arguments.dropped_roles,
        .add_identities = identities_of(arguments.issuer, arguments.identities),
        .drop_identities = identities_of(arguments.issuer, arguments.dropped_identities)};
    if (auto changed = authority.change_member(arguments.name, change); !changed)
        return std::unexpected(changed.error());
    return show_member(authority, arguments);
}

Outcome<std::string> list_groups(Authority& authority, const Arguments& arguments) {
    return authority.list_groups(arguments.name).transform([&](const std::vector<GroupSummary>& groups) {
        std::string text = compose("{:<24} {:>7}  {:>7}\n", "GROUP", "NUMBER", "MEMBERS");
        for (const GroupSummary& group : groups)
            text += compose("{:<24} {:>7}  {:>7}\n", group.group.name, group.group.number, group.members);
        return text;
    });
}

Outcome<std::string> import_members(Authority& authority, const Arguments& arguments) {
    if (arguments.csv == arguments.gridmap)
        return failure(Errc::invalid, "say what the file is: --csv, or --gridmap and --issuer");
    if (arguments.gridmap == arguments.issuer.empty())
        return failure(Errc::invalid, "--issuer belongs to --gridmap: it names the CA of its subjects");
    const auto text = read_all(STDIN_FILENO, kImportMax);
    if (!text) return std::unexpected(text.error());
    const auto rows = arguments.csv ? parse_member_csv(*text) : parse_gridmap(*text, arguments.issuer);
    if (!rows) return std::unexpected(rows.error());
    return authority.import_members(arguments.name, *rows, arguments.dry_run)
        .transform([&](const ImportSummary& done) {
            return compose("{}{} admitted, {} changed, {} as they were\n",
                           arguments.dry_run ? "nothing was done; these would be: " : "", done.added,
                           done.changed, done.present);
        });
}

void declare_changes(Declarations& all, CLI::App* member) {
    Arguments& arguments = all.arguments();
    all.command(member, "add", "admit user@vo", "LOGIN", add_member)
        .repeated("--group", arguments.groups, "a group, made at first use; may be repeated")
        .repeated("--role", arguments.roles, "a role; may be repeated");
    all.command(member, "set", "change groups, roles and identities of user@vo", "LOGIN", change_member)
        .repeated("--add-group", arguments.groups, "a group, made at first use")
        .repeated("--drop-group", arguments.dropped_groups, "a group to leave")
        .repeated("--add-role", arguments.roles, "a role")
        .repeated("--drop-role", arguments.dropped_roles, "a role to take away")
        .repeated("--add-identity", arguments.identities,
                  "the subject of a grid certificate, /DC=org/.../CN=User One")
        .repeated("--drop-identity", arguments.dropped_identities, "a subject to forget")
        .text("--issuer", arguments.issuer, "the CA of these subjects, in the same form");
}

}  // namespace

void declare_member_commands(Declarations& all) {
    CLI::App* const member = all.group("member", "members of a VO");
    declare_changes(all, member);
    all.command(member, "remove", "end the membership of user@vo", "LOGIN", remove_member);
    all.command(member, "suspend", "shut user@vo out for a time", "LOGIN", suspend_member);
    all.command(member, "resume", "let user@vo in again", "LOGIN", resume_member);
    all.command(member, "show", "all that the record of user@vo says", "LOGIN", show_member);
    all.command(member, "list", "the members of a VO", "VO", list_members);
    all.command(member, "import", "admit those in the file on standard input", "VO", import_members)
        .flag("--csv", all.arguments().csv, "name,groups,roles,issuer,subject below such a header")
        .flag("--gridmap", all.arguments().gridmap, "a grid-mapfile")
        .text("--issuer", all.arguments().issuer, "the CA of a grid-mapfile's subjects")
        .flag("--dry-run", all.arguments().dry_run, "check everything, change nothing");
    CLI::App* const group = all.group("group", "groups of a VO");
    all.command(group, "list", "the groups of a VO", "VO", list_groups);
}

}  // namespace xos
