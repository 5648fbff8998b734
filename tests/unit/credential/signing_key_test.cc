#include "common/credential/signing_key.h"

#include <fcntl.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <filesystem>

#include "common/encoding.h"
#include "tests/unit/vo/sample_vo.h"

using namespace xos;

namespace {

struct TemporaryDirectory {
    std::string path = "/tmp/xos-key-test-XXXXXX";
    UniqueFd fd;
    TemporaryDirectory() {
        REQUIRE(mkdtemp(path.data()) != nullptr);
        fd.reset(open(path.c_str(), O_DIRECTORY | O_CLOEXEC));
        REQUIRE(fd);
    }
    ~TemporaryDirectory() { std::filesystem::remove_all(path); }
};

}  // namespace

TEST_CASE("RFC 8032, section 7.1, test 2") {
    const Bytes key = *decode_base64url("PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw");
    const Bytes signature = *decode_base64url(
        "kqAJqfDUyrhyDoILX2QlQKKye1QWUD-Ps3YiI-vbadoIWsHkPhWZbkWPNhPQ8R2MOHsurrQwKu6wDSkWErsMAA");
    const std::span<const uint8_t, 32> key_bytes(key.data(), 32);
    CHECK(verify_ed25519(key_bytes, Bytes{0x72}, signature));
    CHECK_FALSE(verify_ed25519(key_bytes, Bytes{0x73}, signature));
    CHECK_FALSE(verify_ed25519(key_bytes, Bytes{0x72}, Bytes(64)));
}

TEST_CASE("signatures verify for that key and message only") {
    const SigningKey key = must(SigningKey::generate()), other = must(SigningKey::generate());
    auto signature = must(key.sign(as_bytes("message")));
    CHECK(verify_ed25519(key.public_bytes(), as_bytes("message"), signature));
    CHECK_FALSE(verify_ed25519(key.public_bytes(), as_bytes("massage"), signature));
    CHECK_FALSE(verify_ed25519(other.public_bytes(), as_bytes("message"), signature));
    CHECK_FALSE(verify_ed25519(key.public_bytes(), as_bytes("message"), std::span(signature).first(63)));
    signature[5] ^= 1;
    CHECK_FALSE(verify_ed25519(key.public_bytes(), as_bytes("message"), signature));
}

TEST_CASE("keys are kept as PKCS#8") {
    const SigningKey key = must(SigningKey::generate());
    const std::string plain = must(key.to_pem());
    CHECK(plain.starts_with("-----BEGIN PRIVATE KEY-----\n"));
    CHECK(must(SigningKey::from_pem(plain)).public_bytes() == key.public_bytes());
    const std::string sealed = must(key.to_pem("secret"));
    CHECK(sealed.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
    CHECK(must(SigningKey::from_pem(sealed, "secret")).public_bytes() == key.public_bytes());
    CHECK_FALSE(SigningKey::from_pem(sealed, "wrong"));
    CHECK_FALSE(SigningKey::from_pem(sealed));  // and asks no terminal
    CHECK_FALSE(SigningKey::from_pem("junk"));
    const PkeyPtr ec(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
    const BioPtr out(BIO_new(BIO_s_mem()));
    PEM_write_bio_PKCS8PrivateKey(out.get(), ec.get(), nullptr, nullptr, 0, nullptr, nullptr);
    char* text = nullptr;
    const long size = BIO_get_mem_data(out.get(), &text);
    CHECK(SigningKey::from_pem({text, static_cast<size_t>(size)}).error().message.contains("no Ed25519 key"));
}

TEST_CASE("key files are private and never replaced") {
    const TemporaryDirectory directory;
    const SigningKey key = must(SigningKey::generate());
    REQUIRE(store_signing_key(directory.fd.get(), "key.pem", key));
    struct stat status;
    REQUIRE(fstatat(directory.fd.get(), "key.pem", &status, 0) == 0);
    CHECK((status.st_mode & 07777) == 0600);
    CHECK(must(load_signing_key(directory.fd.get(), "key.pem")).public_bytes() == key.public_bytes());
    CHECK_FALSE(store_signing_key(directory.fd.get(), "key.pem", key));
    CHECK_FALSE(load_signing_key(directory.fd.get(), "absent.pem"));
    REQUIRE(symlinkat("key.pem", directory.fd.get(), "link.pem") == 0);
    CHECK_FALSE(load_signing_key(directory.fd.get(), "link.pem"));
    REQUIRE(fchmodat(directory.fd.get(), "key.pem", 0640, 0) == 0);
    CHECK(load_signing_key(directory.fd.get(), "key.pem").error().message.contains("chmod 600"));
}
