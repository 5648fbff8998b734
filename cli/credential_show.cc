// xos credential show: what a credential says.
#include <cstdio>
#include <memory>

#include "cli/commands.h"
#include "cli/credential_view.h"
#include "cli/held_credentials.h"
#include "cli/input_file.h"
#include "common/clock.h"
#include "libxos/names.h"

namespace xos {
namespace {

struct Options {
    std::string file;
    bool json = false;
    bool pem = false;
};

Outcome<int> run(const Options& options) {
    if (options.json && options.pem) return failure(Errc::invalid, "--json or --pem, not both");
    if (options.file.empty())
        return show_held_credentials(options.json  ? CredentialForm::json
                                     : options.pem ? CredentialForm::pem
                                                   : CredentialForm::text);
    const auto text = read_input(options.file, kCredentialMax);
    if (!text) return std::unexpected(text.error());
    const auto credential = read_credential(*text);
    if (!credential)
        return failure(credential.error().code, "{}: {}", options.file, credential.error().message);
    const auto now = current_time();
    const std::string shown = options.pem    ? credential->chain_pem
                              : options.json ? credential_json(*credential, options.file, now).format_pretty()
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
        .optional("FILE", options->file,
                  "the credential (PEM), or a proxy with it; - is standard input; those in use where absent")
        .flag("--json", options->json, "as JSON")
        .flag("--pem", options->pem, "the certificates themselves");
}

}  // namespace xos
