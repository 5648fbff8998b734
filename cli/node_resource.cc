#include "cli/node_resource.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "cli/input_file.h"
#include "cli/output_file.h"
#include "common/credential/node_certificate.h"
#include "common/ssh/host_cert.h"
#include "common/vo/bundle.h"
#include "libxos/login_name.h"

namespace xos {
namespace {

constexpr size_t kHostKeyMax = 16 * 1024;
constexpr const char* kFiles[] = {kHostCertificateFile, kNodeRecordFile, kNodeCertificateFile, kNodeKeyFile};

Outcome<UniqueFd> open_folder(int parent, const char* path) {
    if (mkdirat(parent, path, 0700) < 0 && errno != EEXIST)
        return failure_errno(errno, "cannot make {}", path);
    UniqueFd fd(openat(parent, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    struct stat status{};
    if (!fd || fstat(fd.get(), &status) < 0)
        return failure_errno(errno, "cannot open {} (run this as root)", path);
    if (status.st_uid != geteuid() || (status.st_mode & 022) != 0)
        return failure(Errc::denied, "{} must be root's, and nobody else may write there", path);
    return fd;
}

Outcome<Ed25519Public> read_own_host_key(const std::string& path) {
    const auto text = read_input(path, kHostKeyMax);
    if (!text)
        return failure(text.error().code, "{}; the node needs an Ed25519 host key: ssh-keygen -A makes it",
                       text.error().message);
    const auto key = read_host_key(*text);
    if (!key) return failure(Errc::invalid, "{}: {}", path, key.error().message);
    Ed25519Public bytes;
    std::ranges::copy(*key, bytes.begin());
    return bytes;
}

}  // namespace

Outcome<NodeResource> NodeResource::open(const std::string& vo, const std::string& directory) {
    if (!is_vo_name(vo)) return failure(Errc::invalid, "\"{}\" is no VO name", vo);
    auto parent = open_folder(AT_FDCWD, directory.c_str());
    if (!parent) return std::unexpected(parent.error());
    auto own = open_folder(parent->get(), vo.c_str());
    if (!own) return std::unexpected(own.error());
    // sshd reads the host certificate as root; nobody else needs to look in
    return NodeResource(vo, *std::move(own));
}

Outcome<SigningKey> NodeResource::load_key(bool make) const {
    auto kept = load_signing_key(directory_.get(), kNodeKeyFile);
    if (kept || kept.error().code != Errc::not_found) return kept;
    if (!make)
        return failure(Errc::not_found, "this machine has not asked {} yet: xos resource request {}", vo_,
                       vo_);
    auto made = SigningKey::generate();
    if (!made) return made;
    if (auto stored = store_signing_key(directory_.get(), kNodeKeyFile, *made); !stored)
        return std::unexpected(stored.error());
    return made;
}

Outcome<std::string> NodeResource::make_request(const std::string& name, const NodeAttributes& attributes,
                                                const std::string& host_key_file) const {
    const auto host_key = read_own_host_key(host_key_file);
    if (!host_key) return std::unexpected(host_key.error());
    const auto key = load_key(true);
    if (!key) return std::unexpected(key.error());
    return sign_node_request({vo_, name, attributes, key->public_bytes(), *host_key}, *key);
}

Outcome<std::string> NodeResource::install(std::string_view text, std::string_view pinned_fingerprint,
                                           const std::string& host_key_file, bool show_host_certificate,
                                           std::chrono::sys_seconds now) const {
    const auto answer = read_node_answer(text);
    if (!answer) return std::unexpected(answer.error());
    if (key_fingerprint(answer->vo_key) != pinned_fingerprint)
        return failure(Errc::denied, "the answer is of the VO key {}, and this node has pinned {} for {}",
                       key_fingerprint(answer->vo_key), pinned_fingerprint, vo_);
    const auto vo = open_vo_record(answer->vo_statement, answer->vo_key);
    if (!vo) return std::unexpected(vo.error());
    if (vo->name != vo_ || !vo->host_ca)
        return failure(Errc::denied, "the answer is of {}, not of {}", vo->name, vo_);
    const auto certified = verify_node_certificate(answer->certificate, vo->ca_certificate, vo_, now);
    if (!certified) return std::unexpected(certified.error());
    const auto host = open_host_cert(answer->host_certificate, *vo->host_ca);
    if (!host) return std::unexpected(host.error());
    const auto key = load_key(false);
    if (!key) return std::unexpected(key.error());
    const auto host_key = read_own_host_key(host_key_file);
    if (!host_key) return std::unexpected(host_key.error());
    if (certified->public_key != key->public_bytes() || host->public_key != as_text(*host_key))
        return failure(Errc::denied,
                       "the answer is for another machine's keys: ask again with xos resource request {}",
                       vo_);
    if (certified->node.name != answer->node.name || certified->node.id != answer->node.id ||
        host->principals != std::vector<std::string>{answer->node.name})
        return failure(Errc::invalid, "the answer names different nodes in its parts");
    // the record last: it is what makes xosd take itself for a node
    auto done = replace_file(directory_.get(), kNodeCertificateFile, answer->certificate, 0600);
    if (done && show_host_certificate)
        done = replace_file(directory_.get(), kHostCertificateFile, answer->host_certificate, 0644);
    if (done) done = replace_file(directory_.get(), kNodeRecordFile, write_node(answer->node).format(), 0600);
    if (!done) return std::unexpected(done.error());
    return answer->node.name;
}

Outcome<void> NodeResource::hide_host_certificate() const {
    if (unlinkat(directory_.get(), kHostCertificateFile, 0) < 0 && errno != ENOENT)
        return failure_errno(errno, "cannot remove the host certificate of {}", vo_);
    return {};
}

bool NodeResource::shows_host_certificate() const {
    return faccessat(directory_.get(), kHostCertificateFile, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

Outcome<bool> NodeResource::remove() const {
    bool any = false;
    for (const char* file : kFiles) {
        const bool removed = unlinkat(directory_.get(), file, 0) == 0;
        if (!removed && errno != ENOENT) return failure_errno(errno, "cannot remove {} of {}", file, vo_);
        any = any || removed;
    }
    return any;
}

Outcome<std::string> name_vo_of_answer(std::string_view text) {
    const auto answer = read_node_answer(text);
    if (!answer) return std::unexpected(answer.error());
    return open_vo_record(answer->vo_statement, answer->vo_key).transform([](const VoRecord& vo) {
        return vo.name;
    });
}

std::string find_shown_vo(std::string_view vo, const std::string& directory) {
    std::error_code error;
    for (const auto& folder : std::filesystem::directory_iterator(directory, error)) {
        const std::string name = folder.path().filename();
        if (name != vo && is_vo_name(name) &&
            std::filesystem::exists(folder.path() / kHostCertificateFile, error))
            return name;
    }
    return "";
}

}  // namespace xos
