#include "cda/offline_key.h"

#include <openssl/crypto.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cda/commands.h"
#include "cda/whole_stream.h"

namespace xos {
namespace {

constexpr size_t kKeyFileMax = 4096;

// Wiped when it goes.
struct Secret {
    std::string text;
    explicit Secret(std::string t) : text(std::move(t)) {}
    ~Secret() { OPENSSL_cleanse(text.data(), text.size()); }
    Secret(const Secret&) = delete;
    Secret& operator=(const Secret&) = delete;
};

}  // namespace

Outcome<SigningKey> read_offline_key(int fd, std::string_view passphrase) {
    auto read = read_all(fd, kKeyFileMax);
    if (!read) return failure(read.error().code, "the file of the VO key: {}", read.error().message);
    const Secret pem(std::move(*read));
    auto key = SigningKey::from_pem(pem.text, passphrase);
    if (!key)
        return failure(Errc::denied,
                       "the VO key cannot be read: the passphrase is wrong, or the file is not its file");
    return key;
}

Outcome<void> write_offline_key(int fd, const SigningKey& key, std::string_view passphrase) {
    struct stat status{};
    if (fstat(fd, &status) < 0) return failure_errno(errno, "cannot look at the file for the VO key");
    if (!S_ISREG(status.st_mode) || status.st_size != 0)
        return failure(Errc::invalid, "the VO key goes into a new file on a disk, and into nothing else");
    auto made = key.to_pem(passphrase);
    if (!made) return std::unexpected(made.error());
    const Secret pem(std::move(*made));
    if (auto written = write_all(fd, pem.text); !written) return written;
    if (fsync(fd) < 0 || lseek(fd, 0, SEEK_SET) != 0)
        return failure_errno(errno, "cannot sync the file of the VO key");
    const auto again = read_offline_key(fd, passphrase);
    if (!again) return std::unexpected(again.error());
    if (again->public_bytes() != key.public_bytes())
        return failure(Errc::system, "the file of the VO key does not hold what was written to it");
    return {};
}

Outcome<std::string> read_passphrase(int fd, bool is_new) {
    auto text = read_all(fd, kPassphraseMax + 2);
    if (!text) return failure(text.error().code, "the passphrase: {}", text.error().message);
    if (const size_t end = text->find_first_of("\r\n"); end != std::string::npos) text->resize(end);
    const size_t least = is_new ? kPassphraseMin : 1;
    if (text->size() >= least && text->size() <= kPassphraseMax) return text;
    OPENSSL_cleanse(text->data(), text->size());
    return failure(Errc::invalid, "a passphrase of the VO key has {} to {} bytes", least, kPassphraseMax);
}

}  // namespace xos
