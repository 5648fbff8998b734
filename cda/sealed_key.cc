#include "cda/sealed_key.h"

#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <sys/stat.h>

#include <array>
#include <cstdlib>

#include "common/credential/openssl_failure.h"
#include "common/credential/openssl_ptr.h"
#include "common/encoding.h"
#include "libxos/unique_fd.h"

namespace xos {
namespace {

constexpr size_t kKeyMax = 8192;
constexpr size_t kSecretBytes = 32;
constexpr std::string_view kSealedLabel = "-----BEGIN ENCRYPTED PRIVATE KEY-----";

// PEM_read_bio asks the terminal where it is given no callback.
int give_secret(char* buffer, int size, int, void* secret) {
    const auto* text = static_cast<const std::string_view*>(secret);
    if (text->empty() || text->size() > static_cast<size_t>(size)) return -1;
    text->copy(buffer, text->size());
    return static_cast<int>(text->size());
}

PkeyPtr read_key(std::string_view pem, std::string_view secret) {
    if (pem.size() > kKeyMax) return nullptr;
    const BioPtr in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    return PkeyPtr(in ? PEM_read_bio_PrivateKey(in.get(), nullptr, give_secret, &secret) : nullptr);
}

Outcome<std::string> write_key(EVP_PKEY* key, std::string_view secret) {
    const BioPtr out(BIO_new(BIO_s_secmem()));
    const EVP_CIPHER* const cipher = secret.empty() ? nullptr : EVP_aes_256_cbc();
    if (!out ||
        PEM_write_bio_PKCS8PrivateKey(out.get(), key, cipher, secret.empty() ? nullptr : secret.data(),
                                      static_cast<int>(secret.size()), nullptr, nullptr) != 1)
        return openssl_failure(Errc::system, "cannot write a private key");
    char* text = nullptr;
    const long size = BIO_get_mem_data(out.get(), &text);
    return std::string(text, static_cast<size_t>(size));
}

Outcome<std::string> read_secret_fd(int fd, const std::string& path) {
    std::array<char, 256> text{};
    const ssize_t size = pread(fd, text.data(), text.size(), 0);
    if (size < 0) return failure_errno(errno, "cannot read the secret {}", path);
    std::string_view secret(text.data(), static_cast<size_t>(size));
    if (secret.ends_with('\n')) secret.remove_suffix(1);
    const auto bytes = decode_base64(secret);
    if (!bytes || bytes->size() != kSecretBytes)
        return failure(Errc::invalid, "{} is no secret of the authority: expected {} bytes in base64", path,
                       kSecretBytes);
    return std::string(secret);
}

}  // namespace

bool is_sealed_key(std::string_view pem) {
    return pem.starts_with(kSealedLabel);
}

Outcome<std::string> seal_key(std::string_view pem, std::string_view secret) {
    if (secret.empty()) return std::string(pem);
    const PkeyPtr key = read_key(pem, {});
    if (!key) return openssl_failure(Errc::invalid, "the private key cannot be read");
    return write_key(key.get(), secret);
}

Outcome<std::string> open_sealed_key(std::string_view pem, std::string_view secret) {
    if (is_sealed_key(pem) && secret.empty())
        return failure(Errc::denied, "the key is encrypted: name the authority's secret with --secret");
    const PkeyPtr key = read_key(pem, secret);
    if (!key && is_sealed_key(pem))
        return openssl_failure(Errc::denied,
                               "the key does not open with this authority's secret: restore the secret "
                               "with which it was made");
    if (!key) return openssl_failure(Errc::invalid, "the private key cannot be read");
    return write_key(key.get(), {});
}

Outcome<std::string> read_secret_file(const std::string& path) {
    const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!fd && errno == ENOENT)
        return failure(Errc::not_found, "there is no secret {}: reinstall the package xos-cda, or restore it",
                       path);
    struct stat status{};
    if (!fd || fstat(fd.get(), &status) != 0) return failure_errno(errno, "cannot open the secret {}", path);
    if (!S_ISREG(status.st_mode) || (status.st_mode & 037) != 0)
        return failure(Errc::denied, "{} must be a file that its owner and group alone may read: chmod 640",
                       path);
    return read_secret_fd(fd.get(), path);
}

Outcome<std::string> read_secret() {
    if (const char* folder = secure_getenv("CREDENTIALS_DIRECTORY"); folder != nullptr && *folder == '/') {
        const std::string path = std::string(folder) + "/xos-cda.key";
        if (const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC)); fd)
            return read_secret_fd(fd.get(), path);
    }
    return read_secret_file(kSecretFile);
}

Outcome<std::string> make_secret() {
    std::array<uint8_t, kSecretBytes> bytes;
    if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1)
        return openssl_failure(Errc::system, "there are no random bytes");
    return encode_base64(bytes) + "\n";
}

}  // namespace xos
