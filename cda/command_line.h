// What the files that declare commands of xos-cda share: the words a command takes, and how one is declared.
//
// Owns: the values of one command line. Process: xos-cda. Trusts: its caller to be a manager; values are
// checked by the Authority. A file of the caller is a number here: of a descriptor that the caller opened.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cda/authority.h"
#include "cda/commands.h"

namespace xos {

struct Arguments {
    std::string name;  // a VO, a login name or a serial
    std::string node;  // the second word of commands about nodes
    std::string uid_base;
    int days = 365;
    uint64_t since = 0;  // a serial; 0: the whole
    bool zstd = false;
    std::string lifetime;  // empty: kCredentialLifetime
    std::vector<std::string> groups, roles, dropped_groups, dropped_roles;
    std::string issuer;  // of the identities below
    std::vector<std::string> identities, dropped_identities;
    std::string serial, member, vo;  // what is revoked
    bool csv = false, gridmap = false, dry_run = false;
    std::string url, pin;
    std::vector<std::string> mirrors;
    bool no_authority = false, no_mirrors = false, yes = false;
    std::string voms_name;
    std::vector<std::string> anchors, servers, crls;  // descriptors, in decimal
    int key = -1, key_out = -1, passphrase = -1;      // descriptors; -1: not given
};

using Run = Outcome<std::string> (*)(Authority& authority, const Arguments& arguments);

// The options of one command. The values outlive the parse.
class CommandOptions {
  public:
    CommandOptions& text(const char* name, std::string& value, const char* description);
    CommandOptions& number(const char* name, int& value, const char* description);
    CommandOptions& number(const char* name, uint64_t& value, const char* description);
    CommandOptions& flag(const char* name, bool& value, const char* description);
    CommandOptions& repeated(const char* name, std::vector<std::string>& values, const char* description);
    // One more word that is needed.
    CommandOptions& word(const char* name, std::string& value);

  private:
    friend class Declarations;
    explicit CommandOptions(CLI::App& app) : app_(&app) {}
    CLI::App* app_;  // borrowed
};

// The groups of commands, each with its commands, that share the arguments and set what line runs. CLI11
// stays in commands.cc: it is large.
class Declarations {
  public:
    Declarations(CLI::App& app, CommandLine& line) : app_(app), line_(line) {}

    CLI::App* group(const char* name, const char* description);
    // argument: what the first word is called in the help; nullptr where it takes none.
    CommandOptions command(CLI::App* group, const char* name, const char* description, const char* argument,
                           Run run);
    // The commands about issuers of tokens, which keep their words themselves.
    void issuers(CLI::App* vo);
    Arguments& arguments() { return *arguments_; }

  private:
    CLI::App& app_;
    CommandLine& line_;
    std::shared_ptr<Arguments> arguments_ = std::make_shared<Arguments>();
};

// One function for each file of commands.
void declare_vo_commands(Declarations& all);
void declare_vo_record_commands(Declarations& all, CLI::App* vo);
void declare_member_commands(Declarations& all);
void declare_credential_commands(Declarations& all);
void declare_resource_commands(Declarations& all);
void declare_grid_commands(Declarations& all, CLI::App* vo);

// What writes a VO key into the file that the caller holds open.
Outcome<std::function<Outcome<void>(const SigningKey&)>> key_writer(const Arguments& arguments);
std::string describe_vo(const VoSummary& vo);

std::string join_names(const std::vector<std::string>& names);  // "a,b"; "-" for none

}  // namespace xos
