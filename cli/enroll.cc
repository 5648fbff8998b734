// xos enroll: from a manager's one-time code to the first login. xos vo leave: the way out again.
#include <cstdio>
#include <memory>

#include "cli/agent_credentials.h"
#include "cli/authority_client.h"
#include "cli/commands.h"
#include "cli/credential_load.h"
#include "cli/input_file.h"
#include "cli/network_login.h"
#include "cli/ssh_config.h"

namespace xos {
namespace {

constexpr size_t kCodeMax = 512;

struct EnrollOptions {
    std::string url, code = "-";
};

// From the command line or, so that nobody sees it in the list of processes, from standard input.
Outcome<EnrolmentCode> find_code(const std::string& word) {
    if (word != "-") return read_code(word);
    auto text = read_input("-", kCodeMax);
    if (!text) return std::unexpected(text.error());
    while (text->ends_with('\n') || text->ends_with(' ')) text->pop_back();
    return read_code(*text);
}

Outcome<int> enroll(const EnrollOptions& options) {
    if (!is_https_url(options.url))
        return failure(Errc::invalid,
                       "{} is no address of an authority: expected one such as https://cda.example.org:8443",
                       options.url);
    const auto code = find_code(options.code);
    if (!code) return std::unexpected(code.error());
    const auto name = require_login_name(code->login);
    if (!name) return std::unexpected(name.error());
    const auto folder = UserFolder::open(name->vo);
    if (!folder) return std::unexpected(folder.error());
    // before the code is used up: a broken file would keep the answer from being taken
    if (const auto known = find_authority(*folder); !known) return std::unexpected(known.error());
    const auto key = load_or_make_user_key(*folder, name->user);
    if (!key) return std::unexpected(key.error());
    const auto record = ask_enrolment(options.url, *code, *key);
    if (!record) return std::unexpected(record.error());
    if (auto kept = keep_record(*folder, *record); !kept) return std::unexpected(kept.error());
    std::printf("Enrolled as %s. The VO's fingerprint: %s\n", code->login.c_str(),
                record->fingerprint.c_str());
    const auto chain = obtain_chain(*folder, code->login, *key, true);
    if (!chain) return std::unexpected(chain.error());
    const auto view = load_credential(*folder, code->login, *key, chain->chain_pem, true);
    if (!view)
        return failure(view.error().code, "enrolled, but not logged in: {}; then: xos login {}",
                       view.error().message, code->login);
    tell_login(code->login, *view);
    return kExitOk;
}

Outcome<int> leave(const std::string& login) {
    const auto name = require_login_name(login);
    if (!name) return std::unexpected(name.error());
    const auto folder = UserFolder::find(name->vo);
    if (!folder) return std::unexpected(folder.error());
    const auto authority = read_authority(*folder);
    if (!authority)
        return failure(authority.error().code, "{}; have the manager of the VO end the membership",
                       authority.error().message);
    const auto key = load_user_key(*folder, name->user);
    if (!key) return std::unexpected(key.error());
    if (auto left = ask_leave(*authority, login, *key); !left) return std::unexpected(left.error());
    // what is left of it here is of no use any more
    for (const char* suffix : {".key", ".pem", "-cert.pub"})
        if (auto removed = folder->remove(std::string(name->user) + suffix); !removed)
            return std::unexpected(removed.error());
    if (auto agent = SshAgent::connect())
        if (auto removed = remove_credentials(*agent, login); !removed)
            return std::unexpected(removed.error());
    if (const auto config = update_ssh_config(); !config) return std::unexpected(config.error());
    std::printf("%s has left the VO %s: its nodes know it as soon as they have the next bundle.\n",
                login.c_str(), std::string(name->vo).c_str());
    return kExitOk;
}

}  // namespace

void add_enroll_commands(CommandTable& table) {
    const auto options = std::make_shared<EnrollOptions>();
    table
        .add("enroll", "Become known to a VO's authority with the one-time code of its manager, and log in",
             [options] { return enroll(*options); })
        .required("URL", options->url, "https://HOST:PORT of the authority")
        .optional("CODE", options->code,
                  "the code; - (the default) is standard input, so that no list of processes shows it");
    const auto login = std::make_shared<std::string>();
    table.add("vo leave", "Leave a VO by own wish", [login] { return leave(*login); })
        .required("LOGIN", *login, "user1@physics");
}

}  // namespace xos
