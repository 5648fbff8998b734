// Commands about VOs and their policies.
#include <unistd.h>

#include <charconv>

#include "cda/command_line.h"
#include "cda/whole_stream.h"
#include "common/clock.h"
#include "common/compression.h"
#include "common/ssh/host_cert.h"

namespace xos {
namespace {

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

std::string_view state_of(const VoRecord& record) {
    return record.dissolved ? "dissolved" : current_time() >= record.not_after ? "ended" : "active";
}

Outcome<std::string> create_vo(Authority& authority, const Arguments& arguments) {
    const auto base = read_uid_base(arguments.uid_base);
    if (!base) return std::unexpected(base.error());
    VoOptions options{*base, std::chrono::days(arguments.days)};
    if (arguments.key_out >= 0) {
        auto keep = key_writer(arguments);
        if (!keep) return std::unexpected(keep.error());
        options.keep_vo_key = std::move(*keep);
    }
    return authority.create_vo(arguments.name, options, current_time()).transform([](const VoSummary& vo) {
        return describe_vo(vo);
    });
}

Outcome<std::string> show_vo(Authority& authority, const Arguments& arguments) {
    return authority.show_vo(arguments.name).transform([](const VoSummary& vo) { return describe_vo(vo); });
}

Outcome<std::string> list_vos(Authority& authority, const Arguments&) {
    const auto names = authority.list_vos();
    if (!names) return std::unexpected(names.error());
    std::string text = compose("{:<24} {:<10} {:>8} {:>8}  {:<23}  {}\n", "VO", "STATE", "SERIAL", "MEMBERS",
                               "VALID UNTIL", "UIDS FROM");
    for (const std::string& name : *names) {
        const auto vo = authority.show_vo(name);
        if (!vo) return std::unexpected(vo.error());
        const VoRecord& record = vo->identity.record;
        text += compose("{:<24} {:<10} {:>8} {:>8}  {:<23}  {:#x}\n", name, state_of(record), vo->serial,
                        vo->members, format_time(record.not_after), record.uid_base);
    }
    return text;
}

Outcome<std::string> export_vo(Authority& authority, const Arguments& arguments) {
    auto file = arguments.since == 0
                    ? authority.export_bundle(arguments.name, current_time())
                    : authority.export_delta(arguments.name, arguments.since, current_time());
    if (!file || !arguments.zstd) return file;
    return compress_text(*file);
}

Outcome<std::string> set_policy(Authority& authority, const Arguments& arguments) {
    const auto text = read_all(STDIN_FILENO, kPolicyMax);
    if (!text) return std::unexpected(text.error());
    return authority.set_policy(arguments.name, *text).transform([&] {
        return compose("the policy of {} is set\n", arguments.name);
    });
}

}  // namespace

std::string describe_vo(const VoSummary& vo) {
    const VoRecord& record = vo.identity.record;
    std::string text = compose(
        "name:        {}\nid:          {}\nfingerprint: {}\nuids:        {:#x}-{:#x}\nstate:       {}\n"
        "valid until: {}\nVO key:      {}\nrecord:      {}\nserial:      {}\nmembers:     {}\nbundles:     "
        "valid {}\n",
        record.name, record.id, vo.fingerprint, record.uid_base, record.uid_base + (record.block_size - 1),
        state_of(record), format_time(record.not_after), vo.vo_key_is_here ? "kept here" : "kept elsewhere",
        record.serial, vo.serial, record.dissolved ? 0 : vo.members, record.bundle_lifetime);
    if (!record.authority.empty())
        text += compose("authority:   {}\npin:         {}\n", record.authority, record.authority_pin);
    if (record.host_ca) text += compose("host CA:     {}\n", host_ca_line(*record.host_ca));
    for (const std::string& mirror : record.mirrors) text += compose("mirror:      {}\n", mirror);
    return text;
}

void declare_vo_commands(Declarations& all) {
    CLI::App* const vo = all.group("vo", "virtual organisations");
    all.command(vo, "create", "make a VO and its keys", "NAME", create_vo)
        .text("--uid-base", all.arguments().uid_base, "first uid of its block, hexadecimal")
        .number("--lifetime", all.arguments().days, "days until it ends (365)")
        .number("--key-out", all.arguments().key_out,
                "descriptor of an empty file: the VO key is not kept here")
        .number("--passphrase-file", all.arguments().passphrase,
                "descriptor of the passphrase that encrypts it");
    all.command(vo, "show", "what it is, with the fingerprint that nodes pin", "NAME", show_vo);
    all.command(vo, "list", "the VOs of this authority", nullptr, list_vos);
    all.issuers(vo);
    all.command(vo, "export", "write the signed bundle to standard output", "NAME", export_vo)
        .number("--since", all.arguments().since,
                "only what changed since this serial; the whole where that is too long ago")
        .flag("--zstd", all.arguments().zstd, "compressed, for a web server");
    declare_vo_record_commands(all, vo);
    declare_grid_commands(all, vo);
    CLI::App* const policy = all.group("policy", "the VO's rules");
    all.command(policy, "set", "take the rules (JSON) from standard input", "VO", set_policy);
}

}  // namespace xos
