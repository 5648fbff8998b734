#include "cli/command.h"

#include <CLI/CLI.hpp>
#include <cstdio>

#include "xos_version.h"

namespace xos {
namespace {

const std::map<std::string_view, const char*> kGroups = {
    {"vo", "Virtual organisations: of this authority, and those that this node trusts"},
    {"vo issuer", "Whose tokens a VO exchanges for credentials (at its authority)"},
    {"member", "Members of a VO (at its authority)"},
    {"group", "Groups of a VO (at its authority)"},
    {"resource", "Nodes of a VO: ask to join, join, leave, drain"},
    {"credential", "Credentials: request, issue, show"},
    {"token", "JSON web tokens: exchanged for a credential"},
    {"policy", "Policies of a VO and of this node"},
    {"job", "Jobs on this node, one at a time"},
    {"node", "This node: its state, its configuration"},
    {"account", "Accounts of VO users on this node"},
    {"doctor", "What is wrong on this node, and what to do"},
    {"session", "Sessions of VO users on this node"},
};

}  // namespace

Command& Command::required(const std::string& name, std::string& value, const std::string& description) {
    app_->add_option(name, value, description)->required()->type_name("");
    return *this;
}

Command& Command::optional(const std::string& name, std::string& value, const std::string& description) {
    app_->add_option(name, value, description)->type_name("");
    return *this;
}

Command& Command::several(const std::string& name, std::vector<std::string>& values, int max) {
    app_->add_option(name, values, "")->required()->expected(1, max)->type_name("");
    return *this;
}

Command& Command::option(const std::string& names, std::string& value, const std::string& description) {
    app_->add_option(names, value, description);
    return *this;
}

Command& Command::option(const std::string& names, uint64_t& value, const std::string& description) {
    app_->add_option(names, value, description);
    return *this;
}

Command& Command::option(const std::string& names, std::vector<std::string>& values,
                         const std::string& description) {
    app_->add_option(names, values, description)->expected(1)->take_all();
    return *this;
}

Command& Command::flag(const std::string& names, bool& value, const std::string& description) {
    app_->add_flag(names, value, description);
    return *this;
}

Command& Command::rest(std::vector<std::string>& words) {
    app_->prefix_command();
    app_->parse_complete_callback([app = app_, &words] { words = app->remaining(); });
    return *this;
}

CommandTable::CommandTable()
    : app_(std::make_unique<CLI::App>("Members of virtual organisations log in and run jobs on this machine",
                                      "xos")) {
    app_->set_version_flag("--version", "xos " XOS_VERSION);
    app_->set_help_flag("-h,--help", "Show this help, or that of a command");
    app_->footer("Every command explains itself: xos COMMAND --help. See also xos(1).");
}

CommandTable::~CommandTable() = default;

CLI::App& CommandTable::group(const std::string& words) {
    CLI::App*& group = groups_[words];
    if (group) return *group;
    const auto entry = kGroups.find(words);
    const size_t space = words.rfind(' ');
    CLI::App& parent = space == std::string::npos ? *app_ : this->group(words.substr(0, space));
    group = parent.add_subcommand(words.substr(space + 1), entry == kGroups.end() ? "" : entry->second);
    return *group;
}

Command CommandTable::add(std::string_view words, const std::string& description, Run run) {
    const size_t space = words.rfind(' ');
    CLI::App& parent = space == std::string_view::npos ? *app_ : group(std::string(words.substr(0, space)));
    CLI::App& command = *parent.add_subcommand(std::string(words.substr(space + 1)), description);
    // A callback runs while later words may still be wrong: remember only.
    command.final_callback([this, run = std::move(run)] { chosen_ = run; });
    return Command(command);
}

int CommandTable::run(int argc, char** argv) {
    try {
        app_->parse(argc, argv);
    } catch (const CLI::Success& wanted) {  // --help, --version
        return app_->exit(wanted);
    } catch (const CLI::ParseError& error) {
        std::fprintf(stderr, "xos: %s\nTry: xos --help\n", error.what());
        return kExitUsage;
    }
    // not require_subcommand(): it complains of a missing command where a misspelt one is the fault
    if (!chosen_) {
        std::fprintf(stderr, "xos: which command?\nTry: xos --help\n");
        return kExitUsage;
    }
    const auto status = chosen_();
    if (status) return *status;
    std::fprintf(stderr, "xos: %s\n", status.error().message.c_str());
    return kExitFailure;
}

}  // namespace xos
