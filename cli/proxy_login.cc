#include "cli/proxy_login.h"

#include <fcntl.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

#include "cli/agent_credentials.h"
#include "cli/commands.h"
#include "cli/grid_view.h"
#include "cli/input_file.h"
#include "cli/ssh_config.h"
#include "cli/user_folder.h"
#include "common/clock.h"
#include "common/credential/openssl_failure.h"
#include "common/ssh/ssh_cert.h"
#include "common/ssh/ssh_key.h"
#include "common/ssh/wrapped_credential.h"
#include "common/voms/proxy_chain.h"

namespace xos {
namespace {

struct ProxyFile {
    std::string chain;
    PkeyPtr key;
};

// The file holds a private key: as with ssh, nobody else may read it.
Outcome<std::string> read_private_file(const std::string& path) {
    const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!file) return failure_errno(errno, "cannot open {}", path);
    struct stat status{};
    if (fstat(file.get(), &status) != 0) return failure_errno(errno, "cannot look at {}", path);
    if (!S_ISREG(status.st_mode) || status.st_uid != geteuid() || (status.st_mode & 077) != 0)
        return failure(
            Errc::denied,
            "{} holds a private key and must be a file of yours that nobody else may use: chmod 600", path);
    return read_all(file.get(), kCredentialMax, path);
}

int no_passphrase(char*, int, int, void*) {
    return -1;
}

// The certificates in their order, wherever the key stands between them.
std::string certificates_in(std::string_view text) {
    constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----\n", kEnd = "-----END CERTIFICATE-----\n";
    std::string out;
    for (size_t at = text.find(kBegin); at != std::string_view::npos; at = text.find(kBegin, at)) {
        const size_t end = text.find(kEnd, at);
        if (end == std::string_view::npos) break;
        out += text.substr(at, end + kEnd.size() - at);
        at = end;
    }
    return out;
}

Outcome<ProxyFile> read_proxy_file(const std::string& path) {
    auto text = read_private_file(path);
    if (!text) return std::unexpected(text.error());
    const BioPtr in(BIO_new_mem_buf(text->data(), static_cast<int>(text->size())));
    ProxyFile read{
        certificates_in(*text),
        PkeyPtr(in ? PEM_read_bio_PrivateKey(in.get(), nullptr, no_passphrase, nullptr) : nullptr)};
    OPENSSL_cleanse(text->data(), text->size());
    if (!read.key)
        return openssl_failure(Errc::invalid, compose("{} holds no private key without passphrase", path));
    return read;
}

Outcome<CredentialView> check_proxy_file(const ProxyFile& file, const std::string& path) {
    const auto chain = read_proxy_chain(file.chain);
    if (!chain) return failure(chain.error().code, "{}: {}", path, chain.error().message);
    if (EVP_PKEY_eq(X509_get0_pubkey(chain->leaf()), file.key.get()) != 1) {
        ERR_clear_error();
        return failure(Errc::denied, "the key in {} is not the proxy's", path);
    }
    auto view = read_grid_credential(file.chain);
    if (view && current_time() >= view->not_after)
        return failure(Errc::denied, "the proxy in {} ended at {}: make a new one with voms-proxy-init", path,
                       local_time(view->not_after));
    return view;
}

Outcome<std::string> wrap_proxy(const ProxyFile& file, const CredentialView& view, const std::string& login) {
    const auto key = read_public_key(file.key.get());
    if (!key) return std::unexpected(key.error());
    const SshCert cert{.public_key = std::string(as_text(key->bytes)),
                       .serial = 0,
                       .key_id = login,
                       .principals = {login},
                       .valid_after = static_cast<uint64_t>(view.not_before.time_since_epoch().count()),
                       .valid_before = static_cast<uint64_t>(view.not_after.time_since_epoch().count()),
                       .chain_pem = file.chain,
                       .key_type = key->type};
    return encode_ssh_cert(
        cert, SshSign{[&](std::string_view body) { return sign_for_ssh(file.key.get(), body); }});
}

// The new one first: a failure in between leaves the user with a working login.
Outcome<void> load_agent(const std::string& blob, const ProxyFile& file, const std::string& login,
                         const CredentialView& view) {
    auto agent = SshAgent::connect();
    if (!agent) return std::unexpected(agent.error());
    auto added = agent->add_key(blob, file.key.get(), login, view.not_after - current_time());
    if (!added) return added;
    const auto removed = remove_credentials(*agent, login, blob);
    if (!removed) return std::unexpected(removed.error());
    return {};
}

}  // namespace

Outcome<int> log_in_by_proxy(const std::string& login, const std::string& file) {
    const auto name = require_login_name(login);
    if (!name) return std::unexpected(name.error());
    const auto read = read_proxy_file(file);
    if (!read) return std::unexpected(read.error());
    const auto view = check_proxy_file(*read, file);
    if (!view) return std::unexpected(view.error());
    const auto blob = wrap_proxy(*read, *view, login);
    if (!blob) return std::unexpected(blob.error());
    if (auto loaded = load_agent(*blob, *read, login, *view); !loaded) return std::unexpected(loaded.error());
    const auto folder = UserFolder::open(name->vo);
    if (!folder) return std::unexpected(folder.error());
    const std::string line = ssh_cert_line(*blob, login);
    if (auto kept = folder->write(std::string(name->user) + "-cert.pub", line, 0600); !kept)
        return std::unexpected(kept.error());
    const auto config = update_ssh_config();
    if (!config) return std::unexpected(config.error());
    std::printf("Logged in as %s by the VOMS proxy of %s until %s.\nThe ssh agent holds it: ssh %s@HOST\n",
                login.c_str(), view->grid->subject.c_str(), expiry_text(*view, current_time()).c_str(),
                login.c_str());
    if (const std::string include = missing_include_line(*config); !include.empty())
        std::printf("So that ssh offers it alone, let this be the first line of ~/.ssh/config:\n  %s\n",
                    include.c_str());
    return kExitOk;
}

}  // namespace xos
