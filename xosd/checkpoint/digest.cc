#include "xosd/checkpoint/digest.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>

#include <memory>
#include <vector>

#include "libxos/unique_fd.h"
#include "xosd/container/layer.h"

namespace xos {
namespace {

constexpr size_t kChunk = 1 << 20;

class Sha256 {
  public:
    Sha256() : context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) {
        if (!context_ || EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) != 1)
            throw std::bad_alloc();
    }
    void add(const void* bytes, size_t size) {
        if (EVP_DigestUpdate(context_.get(), bytes, size) != 1) throw std::bad_alloc();
    }
    std::string finish() {
        unsigned char digest[EVP_MAX_MD_SIZE];
        unsigned int size = 0;
        if (EVP_DigestFinal_ex(context_.get(), digest, &size) != 1) throw std::bad_alloc();
        std::string out;
        for (unsigned int i = 0; i < size; i++) out += compose("{:02x}", digest[i]);
        return out;
    }

  private:
    std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

}  // namespace

std::string digest_text(const std::string& text) {
    Sha256 hash;
    hash.add(text.data(), text.size());
    return hash.finish();
}

Outcome<StoredFile> digest_file(int dir, const std::string& path) {
    UniqueFd file = open_beneath(dir, path, O_RDONLY | O_NONBLOCK);
    struct stat st{};
    if (!file || fstat(file.get(), &st) != 0)
        return failure_errno(errno, "cannot open {} of the checkpoint", path);
    if (!S_ISREG(st.st_mode)) return failure(Errc::invalid, "{} of the checkpoint is not a file", path);
    std::vector<char> bytes(kChunk);
    Sha256 hash;
    StoredFile out;
    for (;;) {
        const ssize_t n = read(file.get(), bytes.data(), bytes.size());
        if (n < 0) return failure_errno(errno, "cannot read {} of the checkpoint", path);
        if (n == 0) break;
        hash.add(bytes.data(), static_cast<size_t>(n));
        out.size += static_cast<uint64_t>(n);
    }
    out.digest = hash.finish();
    return out;
}

Outcome<void> sync_path(const std::string& path) {
    UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!fd || fsync(fd.get()) != 0) return failure_errno(errno, "cannot write {} to the disk", path);
    return {};
}

Outcome<void> sync_file_system(const std::string& path) {
    UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECTORY));
    if (!fd || syncfs(fd.get()) != 0) return failure_errno(errno, "cannot write {} to the disk", path);
    return {};
}

}  // namespace xos
