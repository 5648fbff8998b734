// xos credential show: what a credential says.
#include <cstdio>
#include <memory>

#include "cli/commands.h"
#include "cli/credential_view.h"
#include "cli/input_file.h"
#include "libxos/names.h"

namespace xos {
namespace {

struct Options {
    std::string file;
    bool json = false;
};

Outcome<int> run(const Options& options) {
    const auto text = read_input(options.file, kCredentialMax);
    if (!text) return std::unexpected(text.error());
    const auto credential = read_credential(*text);
    if (!credential)
        return failure(credential.error().code, "{}: {}", options.file, credential.error().message);
    const auto now = current_time();
    const std::string shown = options.json ? credential_json(*credential, options.file, now).format_pretty()
                                           : credential_text(*credential, options.file, now);
    std::fputs(shown.c_str(), stdout);
    return kExitOk;
}

}  // namespace

void add_credential_show_command(CommandTable& table) {
    const auto options = std::make_shared<Options>();
    table
        .add("credential show", "Show what a credential says, without verifying it",
             [options] { return run(*options); })
        .required("FILE", options->file, "the credential (PEM); - is standard input")
        .flag("--json", options->json, "as JSON");
}

}  // namespace xos
