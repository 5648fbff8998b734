#include "common/credential/signing_key.h"

#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

#include "common/credential/openssl_failure.h"

namespace xos {
namespace {

using Pkcs8Ptr = std::unique_ptr<PKCS8_PRIV_KEY_INFO, OpensslFree<PKCS8_PRIV_KEY_INFO_free>>;
using SealedPtr = std::unique_ptr<X509_SIG, OpensslFree<X509_SIG_free>>;
using DigestPtr = std::unique_ptr<EVP_MD_CTX, OpensslFree<EVP_MD_CTX_free>>;

constexpr size_t kKeyFileMax = 4096;
// scrypt as in RFC 7914, section 2: 16 MB and some 50 ms a try.
constexpr uint64_t kScryptN = 16384, kScryptR = 8, kScryptP = 1;

// PEM_read_bio asks the terminal where it is given no callback.
int give_passphrase(char* buffer, int size, int, void* passphrase) {
    const auto* text = static_cast<const std::string_view*>(passphrase);
    if (text->empty() || text->size() > static_cast<size_t>(size)) return -1;
    text->copy(buffer, text->size());
    return static_cast<int>(text->size());
}

bool write_sealed(BIO* out, EVP_PKEY* key, std::string_view passphrase) {
    const Pkcs8Ptr plain(EVP_PKEY2PKCS8(key));
    std::array<uint8_t, 16> salt;
    if (!plain || RAND_bytes(salt.data(), static_cast<int>(salt.size())) != 1) return false;
    X509_ALGOR* scheme = PKCS5_pbe2_set_scrypt(EVP_aes_256_cbc(), salt.data(), static_cast<int>(salt.size()),
                                               nullptr, kScryptN, kScryptR, kScryptP);
    if (scheme == nullptr) return false;
    const SealedPtr sealed(
        PKCS8_set0_pbe(passphrase.data(), static_cast<int>(passphrase.size()), plain.get(), scheme));
    if (!sealed) {
        X509_ALGOR_free(scheme);
        return false;
    }
    return PEM_write_bio_PKCS8(out, sealed.get()) == 1;
}

Outcome<void> write_all(int fd, std::string_view text, const char* name) {
    while (!text.empty()) {
        const ssize_t count = write(fd, text.data(), text.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return failure_errno(errno, "cannot write the key file {}", name);
        text.remove_prefix(static_cast<size_t>(count));
    }
    return {};
}

}  // namespace

Outcome<SigningKey> SigningKey::adopt(PkeyPtr pkey) {
    SigningKey key(std::move(pkey));
    size_t size = key.public_bytes_.size();
    if (EVP_PKEY_is_a(key.pkey(), "ED25519") != 1 ||
        EVP_PKEY_get_raw_public_key(key.pkey(), key.public_bytes_.data(), &size) != 1 ||
        size != key.public_bytes_.size())
        return openssl_failure(Errc::invalid,
                               "this is no Ed25519 key; make one with `openssl genpkey "
                               "-algorithm ed25519`");
    return key;
}

Outcome<SigningKey> SigningKey::generate() {
    PkeyPtr pkey(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
    if (!pkey) return openssl_failure(Errc::system, "cannot make an Ed25519 key");
    return adopt(std::move(pkey));
}

Outcome<SigningKey> SigningKey::from_pem(std::string_view pem, std::string_view passphrase) {
    if (pem.size() > kKeyFileMax)
        return failure(Errc::invalid, "a key of {} bytes is longer than the {} allowed", pem.size(),
                       kKeyFileMax);
    const BioPtr in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    PkeyPtr pkey(in ? PEM_read_bio_PrivateKey(in.get(), nullptr, give_passphrase, &passphrase) : nullptr);
    if (!pkey) return openssl_failure(Errc::invalid, "the private key cannot be read");
    return adopt(std::move(pkey));
}

Outcome<std::string> SigningKey::to_pem(std::string_view passphrase) const {
    const BioPtr out(BIO_new(BIO_s_secmem()));
    const bool written =
        out && (passphrase.empty() ? PEM_write_bio_PKCS8PrivateKey(out.get(), pkey(), nullptr, nullptr, 0,
                                                                   nullptr, nullptr) == 1
                                   : write_sealed(out.get(), pkey(), passphrase));
    if (!written) return openssl_failure(Errc::system, "cannot write a private key");
    char* text = nullptr;
    const long size = BIO_get_mem_data(out.get(), &text);
    return std::string(text, static_cast<size_t>(size));
}

Outcome<Ed25519Signature> SigningKey::sign(std::span<const uint8_t> message) const {
    const DigestPtr context(EVP_MD_CTX_new());
    Ed25519Signature signature;
    size_t size = signature.size();
    if (!context || EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, pkey()) != 1 ||
        EVP_DigestSign(context.get(), signature.data(), &size, message.data(), message.size()) != 1)
        return openssl_failure(Errc::system, "cannot sign with an Ed25519 key");
    return signature;
}

bool verify_ed25519(std::span<const uint8_t, 32> public_key, std::span<const uint8_t> message,
                    std::span<const uint8_t> signature) {
    const PkeyPtr pkey(
        EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, public_key.data(), public_key.size()));
    const DigestPtr context(EVP_MD_CTX_new());
    const bool good = pkey && context && signature.size() == 64 &&
                      EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, pkey.get()) == 1 &&
                      EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(),
                                       message.size()) == 1;
    if (!good) ERR_clear_error();
    return good;
}

Outcome<std::string> read_key_file(int directory, const char* name) {
    const UniqueFd file(openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!file && errno == ENOENT) return failure(Errc::not_found, "there is no key file {}", name);
    if (!file) return failure_errno(errno, "cannot open the key file {}", name);
    struct stat status;
    if (fstat(file.get(), &status) < 0) return failure_errno(errno, "cannot look at the key file {}", name);
    if (!S_ISREG(status.st_mode) || (status.st_mode & 077) != 0)
        return failure(Errc::denied, "the key file {} must be a file that only its owner may use: chmod 600",
                       name);
    std::string pem(kKeyFileMax + 1, '\0');
    const ssize_t size = pread(file.get(), pem.data(), pem.size(), 0);
    if (size < 0) return failure_errno(errno, "cannot read the key file {}", name);
    pem.resize(static_cast<size_t>(size));
    return pem;
}

Outcome<SigningKey> load_signing_key(int directory, const char* name, std::string_view passphrase) {
    auto pem = read_key_file(directory, name);
    if (!pem) return std::unexpected(pem.error());
    auto key = SigningKey::from_pem(*pem, passphrase);
    OPENSSL_cleanse(pem->data(), pem->size());
    if (!key) return failure(key.error().code, "key file {}: {}", name, key.error().message);
    return key;
}

Outcome<void> store_signing_key(int directory, const char* name, const SigningKey& key,
                                std::string_view passphrase) {
    auto pem = key.to_pem(passphrase);
    if (!pem) return std::unexpected(pem.error());
    const UniqueFd file(openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file) return failure_errno(errno, "cannot make the key file {}", name);
    auto written = write_all(file.get(), *pem, name);
    OPENSSL_cleanse(pem->data(), pem->size());
    if (written && (fsync(file.get()) < 0 || fsync(directory) < 0))
        written = failure_errno(errno, "cannot sync the key file {}", name);
    if (!written) unlinkat(directory, name, 0);
    return written;
}

}  // namespace xos
