#include "cda/commands.h"

#include <unistd.h>

#include <CLI/CLI.hpp>

#include "cda/command_line.h"
#include "cda/issuer_commands.h"
#include "cda/network_commands.h"
#include "libxos/names.h"

namespace xos {

std::string join_names(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) text += (text.empty() ? "" : ",") + name;
    return text.empty() ? "-" : text;
}

CLI::App* Declarations::group(const char* name, const char* description) {
    return app_.add_subcommand(name, description)->require_subcommand(1);
}

CommandOptions Declarations::command(CLI::App* group, const char* name, const char* description,
                                     const char* argument, Run run) {
    CLI::App* const command = group->add_subcommand(name, description);
    if (argument) command->add_option(argument, arguments_->name)->required();
    command->callback([this_line = &line_, arguments = arguments_, run] {
        this_line->run = [arguments, run](Authority& authority) { return run(authority, *arguments); };
    });
    return CommandOptions(*command);
}

void Declarations::issuers(CLI::App* vo) {
    declare_issuer_commands(*vo, line_);
}

CommandOptions& CommandOptions::text(const char* name, std::string& value, const char* description) {
    app_->add_option(name, value, description);
    return *this;
}

CommandOptions& CommandOptions::number(const char* name, int& value, const char* description) {
    app_->add_option(name, value, description);
    return *this;
}

CommandOptions& CommandOptions::number(const char* name, uint64_t& value, const char* description) {
    app_->add_option(name, value, description);
    return *this;
}

CommandOptions& CommandOptions::flag(const char* name, bool& value, const char* description) {
    app_->add_flag(name, value, description);
    return *this;
}

CommandOptions& CommandOptions::repeated(const char* name, std::vector<std::string>& values,
                                         const char* description) {
    app_->add_option(name, values, description)
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    return *this;
}

CommandOptions& CommandOptions::word(const char* name, std::string& value) {
    app_->add_option(name, value)->required();
    return *this;
}

void declare_commands(CLI::App& app, CommandLine& line) {
    app.require_subcommand(1);
    app.add_option("--state", line.state,
                   compose("another directory than {}; the caller stays who it is", kAuthorityDir));
    app.add_option("--secret", line.secret, "file with the secret that encrypts the keys");
    Declarations all(app, line);
    declare_vo_commands(all);
    declare_member_commands(all);
    declare_credential_commands(all);
    declare_resource_commands(all);
    declare_network_commands(app, line);
}

}  // namespace xos
