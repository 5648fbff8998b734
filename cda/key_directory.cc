#include "cda/key_directory.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cda/sealed_key.h"
#include "common/uuid.h"

namespace xos {
namespace {

constexpr KeyRole kRoles[] = {KeyRole::vo, KeyRole::ca, KeyRole::registrar, KeyRole::host};

const char* file_name(KeyRole role) {
    switch (role) {
        case KeyRole::vo:
            return "vo.pem";
        case KeyRole::ca:
            return "ca.pem";
        case KeyRole::registrar:
            return "registrar.pem";
        case KeyRole::host:
            return "host.pem";
    }
    return "";
}

const SigningKey& key_of(const VoKeys& keys, KeyRole role) {
    switch (role) {
        case KeyRole::vo:
            return keys.vo;
        case KeyRole::ca:
            return keys.ca;
        case KeyRole::registrar:
            return keys.registrar;
        case KeyRole::host:
            break;
    }
    return keys.host;
}

UniqueFd open_directory(int parent, const char* name) {
    return UniqueFd(openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

Outcome<void> check_private(int directory, const std::string& path) {
    struct stat status;
    if (fstat(directory, &status) < 0) return failure_errno(errno, "cannot look at {}", path);
    if (status.st_uid != geteuid() || (status.st_mode & 077) != 0)
        return failure(Errc::denied,
                       "{} must belong to the authority's user and be closed to others: chmod 700", path);
    return {};
}

// Under another name first: whoever reads sees a whole file. Only with replace may there be one of that name:
// of two who make a key at once, one fails.
Outcome<void> write_key_file(int folder, const char* name, std::string_view pem, bool replace) {
    const std::string temporary = compose("{}.{}", name, getpid());
    unlinkat(folder, temporary.c_str(), 0);
    const UniqueFd file(
        openat(folder, temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file) return failure_errno(errno, "cannot make the key file {}", name);
    const auto put = [&] {
        return replace ? renameat(folder, temporary.c_str(), folder, name)
                       : linkat(folder, temporary.c_str(), folder, name, 0);
    };
    const bool written = write(file.get(), pem.data(), pem.size()) == static_cast<ssize_t>(pem.size()) &&
                         fsync(file.get()) == 0 && put() == 0;
    const int error = errno;
    unlinkat(folder, temporary.c_str(), 0);
    if (!written) return failure_errno(error, "cannot write the key file {}", name);
    if (fsync(folder) < 0) return failure_errno(errno, "cannot sync the folder of the key file {}", name);
    return {};
}

}  // namespace

Outcome<KeyDirectory> KeyDirectory::open(const std::string& state, std::string secret) {
    const UniqueFd parent = open_directory(AT_FDCWD, state.c_str());
    if (!parent)
        return failure_errno(
            errno, "cannot open the authority's directory {} (run this as root or as its user)", state);
    if (auto good = check_private(parent.get(), state); !good) return std::unexpected(good.error());
    if (mkdirat(parent.get(), "keys", 0700) < 0 && errno != EEXIST)
        return failure_errno(errno, "cannot make {}/keys", state);
    UniqueFd keys = open_directory(parent.get(), "keys");
    if (!keys) return failure_errno(errno, "cannot open {}/keys", state);
    if (auto good = check_private(keys.get(), state + "/keys"); !good) return std::unexpected(good.error());
    return KeyDirectory(std::move(keys), state, std::move(secret));
}

Outcome<void> KeyDirectory::store(const std::string& vo_id, const VoKeys& keys, bool keep_vo_key) const {
    if (mkdirat(directory_.get(), vo_id.c_str(), 0700) < 0)
        return failure_errno(errno, "cannot make a directory for the keys of the VO {}", vo_id);
    const UniqueFd folder = open_directory(directory_.get(), vo_id.c_str());
    if (!folder) return failure_errno(errno, "cannot open the directory of the keys of the VO {}", vo_id);
    for (const KeyRole role : kRoles) {
        if (role == KeyRole::vo && !keep_vo_key) continue;
        if (auto stored = store_key(folder.get(), file_name(role), key_of(keys, role)); !stored)
            return stored;
    }
    if (fsync(directory_.get()) < 0) return failure_errno(errno, "cannot sync the key directory");
    return {};
}

Outcome<VoKeys> KeyDirectory::create(const std::string& vo_id, bool keep_vo_key) const {
    auto vo = SigningKey::generate(), ca = SigningKey::generate(), registrar = SigningKey::generate();
    auto host = SigningKey::generate();
    for (const auto* key : {&vo, &ca, &registrar, &host})
        if (!*key) return std::unexpected(key->error());
    VoKeys keys{std::move(*vo), std::move(*ca), std::move(*registrar), std::move(*host)};
    if (auto stored = store(vo_id, keys, keep_vo_key); !stored) {
        discard(vo_id);
        return std::unexpected(stored.error());
    }
    return keys;
}

Outcome<UniqueFd> KeyDirectory::open_folder(const std::string& vo_id) const {
    // the id comes from the registry; it is a path here, so it is looked at again
    if (!is_uuid(vo_id)) return failure(Errc::invalid, "the id of the VO is no UUID");
    UniqueFd folder = open_directory(directory_.get(), vo_id.c_str());
    if (!folder) return failure_errno(errno, "cannot open the directory of the keys of the VO {}", vo_id);
    return folder;
}

Outcome<SigningKey> KeyDirectory::load(const std::string& vo_id, KeyRole role) const {
    const auto folder = open_folder(vo_id);
    if (!folder) return std::unexpected(folder.error());
    return load_key(folder->get(), file_name(role));
}

Outcome<bool> KeyDirectory::has(const std::string& vo_id, KeyRole role) const {
    if (!is_uuid(vo_id)) return failure(Errc::invalid, "the id of the VO is no UUID");
    const std::string path = vo_id + "/" + file_name(role);
    if (faccessat(directory_.get(), path.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0) return true;
    if (errno == ENOENT) return false;
    return failure_errno(errno, "cannot look for the key file {} of the VO {}", file_name(role), vo_id);
}

Outcome<SigningKey> KeyDirectory::load_or_make(const std::string& vo_id, KeyRole role) const {
    auto kept = load(vo_id, role);
    if (kept || kept.error().code != Errc::not_found) return kept;
    const auto folder = open_folder(vo_id);
    if (!folder) return std::unexpected(folder.error());
    auto made = SigningKey::generate();
    if (!made) return made;
    if (auto stored = store_key(folder->get(), file_name(role), *made); !stored)
        return std::unexpected(stored.error());
    return made;
}

Outcome<void> KeyDirectory::remove(const std::string& vo_id, KeyRole role) const {
    const auto folder = open_folder(vo_id);
    if (!folder) return std::unexpected(folder.error());
    if (unlinkat(folder->get(), file_name(role), 0) < 0 || fsync(folder->get()) < 0)
        return failure_errno(errno, "cannot remove the key file {} of the VO {}", file_name(role), vo_id);
    return {};
}

Outcome<void> KeyDirectory::store_key(int folder, const char* name, const SigningKey& key,
                                      bool replace) const {
    auto pem = key.to_pem();
    if (!pem) return std::unexpected(pem.error());
    const auto sealed = seal_key(*pem, secret_);
    OPENSSL_cleanse(pem->data(), pem->size());
    if (!sealed) return std::unexpected(sealed.error());
    return write_key_file(folder, name, *sealed, replace);
}

Outcome<SigningKey> KeyDirectory::load_key(int folder, const char* name) const {
    auto text = read_key_file(folder, name);
    if (!text) return std::unexpected(text.error());
    auto pem = open_sealed_key(*text, secret_);
    if (!pem) return failure(pem.error().code, "key file {}: {}", name, pem.error().message);
    auto key = SigningKey::from_pem(*pem);
    OPENSSL_cleanse(pem->data(), pem->size());
    if (!key) return failure(key.error().code, "key file {}: {}", name, key.error().message);
    // a key of before there was a secret
    if (!secret_.empty() && !is_sealed_key(*text))
        if (auto stored = store_key(folder, name, *key, true); !stored)
            return std::unexpected(stored.error());
    return key;
}

void KeyDirectory::discard(const std::string& vo_id) const {
    const UniqueFd folder = open_directory(directory_.get(), vo_id.c_str());
    if (!folder) return;
    for (const KeyRole role : kRoles) unlinkat(folder.get(), file_name(role), 0);
    unlinkat(directory_.get(), vo_id.c_str(), AT_REMOVEDIR);
}

}  // namespace xos
