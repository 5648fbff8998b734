#include "common/ssh/ssh_cert.h"

#include <openssl/pem.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "common/encoding.h"
#include "common/ssh/ssh_key.h"
#include "common/ssh/ssh_wire.h"
#include "libxos/names.h"
#include "tests/unit/ssh/command.h"
#include "tests/unit/ssh/test_key.h"

using namespace xos;
using namespace xos::test;
using Catch::Matchers::ContainsSubstring;

namespace {

std::string reason(const std::string& blob) {
    const auto cert = decode_ssh_cert(blob);
    return cert ? "accepted" : cert.error().message;
}

// A certificate built field by field, so that each can be wrong, and signed like a right one.
struct RawCert {
    explicit RawCert(const TestKey& with) : key(with), signer(&with), certified(with.public_key()) {
        extensions = pair(kXosExtension, packed("chain"));
    }
    static std::string packed(std::string_view value) {
        std::string out;
        put_string(out, value);
        return out;
    }
    static std::string pair(std::string_view name, std::string_view data) {
        return packed(name) + packed(data);
    }

    std::string blob() const {
        std::string body;
        put_string(body, kSshCertType);
        put_string(body, std::string(32, 'n'));
        put_string(body, certified);
        put_u64(body, 1);
        put_u32(body, type);
        put_string(body, "id");
        put_string(body, packed("user1@physics"));
        put_u64(body, 0);
        put_u64(body, UINT64_MAX);
        put_string(body, critical);
        put_string(body, extensions);
        put_string(body, reserved);
        put_string(body, pair(kSshKeyType, signer->public_key()));
        const std::string signature = *signer->signer()(body);
        put_string(body, pair(kSshKeyType, signature));
        return body;
    }

    const TestKey& key;
    const TestKey* signer;
    std::string certified, critical, extensions, reserved;
    uint32_t type = 1;
};

PkeyPtr read_private_key(const std::string& path) {
    const BioPtr file(BIO_new_file(path.c_str(), "r"));
    return PkeyPtr(file ? PEM_read_bio_PrivateKey(file.get(), nullptr, nullptr, nullptr) : nullptr);
}

}  // namespace

TEST_CASE("a certificate goes there and back") {
    const TestKey key;
    const auto blob = encode_ssh_cert(test_cert(key, "the chain"), key.signer());
    REQUIRE(blob);
    const auto cert = decode_ssh_cert(*blob);
    REQUIRE(cert);
    CHECK(cert->public_key == key.public_key());
    CHECK(cert->serial == 7);
    CHECK(cert->key_id == "user1@physics");
    CHECK(cert->principals == std::vector<std::string>{"user1@physics"});
    CHECK(cert->valid_after == 1000);
    CHECK(cert->valid_before == 4000000000);
    CHECK(cert->chain_pem == "the chain");
}

TEST_CASE("ssh-keygen reads our certificate and believes its signature") {
    const TestKey key;
    const TempDir dir;
    write_file(dir.path / "id-cert.pub",
               ssh_cert_line(*encode_ssh_cert(test_cert(key), key.signer()), "user1@physics"));
    const auto shown = run_command({"ssh-keygen", "-L", "-f", dir.path / "id-cert.pub"}, {"TZ=UTC"});
    REQUIRE(shown.status == 0);
    CHECK_THAT(shown.output, ContainsSubstring("Type: ssh-ed25519-cert-v01@openssh.com user certificate"));
    CHECK_THAT(shown.output, ContainsSubstring("Signing CA: ED25519 " + ssh_fingerprint(key.public_key())));
    CHECK_THAT(shown.output, ContainsSubstring("Key ID: \"user1@physics\""));
    CHECK_THAT(shown.output, ContainsSubstring("Serial: 7"));
    CHECK_THAT(shown.output, ContainsSubstring("Valid: from 1970-01-01T00:16:40 to 2096-10-02T07:06:40"));
    CHECK_THAT(shown.output, ContainsSubstring("xos-cert@xtreemos.org UNKNOWN OPTION"));
    CHECK_THAT(shown.output, ContainsSubstring("permit-pty"));
}

TEST_CASE("we read what ssh-keygen makes of a chain") {
    const TempDir dir;
    const std::string key = dir.path / "id";
    const std::string chain = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    REQUIRE(run_command({"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key}).status == 0);
    const auto made =
        run_command({"ssh-keygen", "-q", "-s", key, "-I", "user1@physics", "-n", "user1@physics", "-O",
                     std::string("extension:") + kXosExtension + "=" + chain, key + ".pub"});
    INFO(made.errors);
    REQUIRE(made.status == 0);
    const std::string line = read_file(key + "-cert.pub");
    const auto blob = ssh_blob_from_text(line.substr(0, line.rfind(' ')));
    REQUIRE(blob);
    const auto cert = decode_ssh_cert(*blob);
    REQUIRE(cert);
    CHECK(cert->chain_pem == chain);

    REQUIRE(run_command({"ssh-keygen", "-q", "-s", key, "-h", "-I", "node", key + ".pub"}).status == 0);
    const std::string host = read_file(key + "-cert.pub");
    CHECK_THAT(reason(*ssh_blob_from_text(host.substr(0, host.rfind(' ')))),
               ContainsSubstring("not a user's"));
}

TEST_CASE("a certificate that is not exactly right is refused with its reason") {
    const TestKey key, thief;
    RawCert raw(key);
    REQUIRE(reason(raw.blob()) == "accepted");
    SECTION("another key signed it") {
        raw.signer = &thief;
        CHECK_THAT(reason(raw.blob()), ContainsSubstring("signed by another key"));
    }
    SECTION("it certifies another key than its signer") {
        raw.certified = thief.public_key();
        CHECK_THAT(reason(raw.blob()), ContainsSubstring("signed by another key"));
    }
    SECTION("a host certificate") {
        raw.type = 2;
        CHECK_THAT(reason(raw.blob()), ContainsSubstring("not a user's"));
    }
    SECTION("a critical option") {
        raw.critical = RawCert::pair("force-command", RawCert::packed("true"));
        CHECK_THAT(reason(raw.blob()), ContainsSubstring("critical options"));
    }
    SECTION("something in the reserved field") {
        raw.reserved = "x";
        CHECK(reason(raw.blob()) != "accepted");
    }
    SECTION("no chain") {
        raw.extensions = RawCert::pair("permit-pty", "");
        CHECK_THAT(reason(raw.blob()), ContainsSubstring("no XOS credential"));
    }
    SECTION("two chains") {
        raw.extensions += RawCert::pair(kXosExtension, RawCert::packed("another"));
        CHECK_THAT(reason(raw.blob()), ContainsSubstring("repeated"));
    }
    SECTION("extensions out of order") {
        raw.extensions += RawCert::pair("permit-pty", "");
        CHECK_THAT(reason(raw.blob()), ContainsSubstring("out of order"));
    }
    SECTION("junk behind the chain") {
        raw.extensions = RawCert::pair(kXosExtension, RawCert::packed("chain") + "x");
        CHECK_THAT(reason(raw.blob()), ContainsSubstring("chain is malformed"));
    }
    SECTION("extensions without end") {
        raw.extensions.clear();
        for (int i = 0; i < 1000; ++i) raw.extensions += RawCert::pair(std::format("a{:04}", i), "");
        CHECK(reason(raw.blob()) != "accepted");
    }
    SECTION("oversized") {
        raw.extensions = RawCert::pair(kXosExtension, RawCert::packed(std::string(kCredentialMax, 'c')));
        CHECK_THAT(reason(raw.blob()), ContainsSubstring("at most 65536 are read"));
    }
}

TEST_CASE("no cut and no changed bit is accepted") {
    const TestKey key;
    const std::string blob = *encode_ssh_cert(test_cert(key), key.signer());
    size_t accepted = 0;
    for (size_t length = 0; length < blob.size(); ++length)
        accepted += decode_ssh_cert(blob.substr(0, length)).has_value();
    accepted += decode_ssh_cert(blob + '\0').has_value();
    for (size_t bit = 0; bit < blob.size() * 8; ++bit) {
        std::string changed = blob;
        changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ 1 << bit % 8);
        accepted += decode_ssh_cert(changed).has_value();
    }
    CHECK(accepted == 0);
}

TEST_CASE("a chain that does not fit is refused when it is made") {
    const TestKey key;
    CHECK_FALSE(encode_ssh_cert(test_cert(key, std::string(kCredentialMax, 'x')), key.signer()));
}

TEST_CASE("the texts in which sshd hands a certificate over") {
    const TestKey key;
    const std::string blob = *encode_ssh_cert(test_cert(key), key.signer());
    const std::string text = encode_base64(as_bytes(blob));
    const std::string type = kSshCertType;
    CHECK(ssh_blob_from_text(text) == blob);
    CHECK(ssh_blob_from_text(type + " " + text) == blob);
    CHECK(ssh_blob_from_text("publickey " + type + " " + text + "\n") == blob);
    CHECK_FALSE(ssh_blob_from_text("publickey ssh-ed25519 " + text));
    CHECK_FALSE(ssh_blob_from_text(type + " " + text + " comment"));
    CHECK_FALSE(ssh_blob_from_text(type + " " + text + "\npublickey " + type + " " + text));
    CHECK_FALSE(ssh_blob_from_text(std::string(kCredentialMax * 2, 'A')));
    CHECK(ssh_blob_from_text("") == "");
}

TEST_CASE("what ssh-keygen makes for RSA and P-256 keys is read, and what we make it reads") {
    const TempDir dir;
    const std::string path = dir.path / "id";
    const auto [type, bits] = GENERATE(std::pair{"rsa", "2048"}, std::pair{"ecdsa", "256"});
    REQUIRE(
        run_command({"ssh-keygen", "-q", "-t", type, "-b", bits, "-m", "PEM", "-N", "", "-f", path}).status ==
        0);
    const std::string option = std::string("extension:") + kXosExtension + "=chain";
    REQUIRE(run_command({"ssh-keygen", "-q", "-s", path, "-I", "id", "-n", "user1@physics", "-O", option,
                         path + ".pub"})
                .status == 0);
    const std::string line = read_file(path + "-cert.pub");
    const auto theirs = decode_ssh_cert(*ssh_blob_from_text(line.substr(0, line.rfind(' '))));
    REQUIRE(theirs);
    CHECK(theirs->chain_pem == "chain");

    const PkeyPtr key = read_private_key(path);
    REQUIRE(key);
    const PublicKey own = *read_public_key(key.get());
    CHECK(theirs->key_type == own.type);
    CHECK(theirs->public_key == as_text(own.bytes));
    SshCert cert = *theirs;
    cert.serial = 9;
    const SshSign sign{[&](std::string_view body) { return sign_for_ssh(key.get(), body); }};
    const auto blob = encode_ssh_cert(cert, sign);
    REQUIRE(blob);
    REQUIRE(decode_ssh_cert(*blob));
    write_file(path + "-cert.pub", ssh_cert_line(*blob, "ours"));
    const auto shown = run_command({"ssh-keygen", "-L", "-f", path + "-cert.pub"}, {"TZ=UTC"});
    CHECK(shown.status == 0);
    CHECK_THAT(shown.output, ContainsSubstring("Serial: 9"));

    size_t accepted = 0;
    for (size_t i = 0; i < blob->size(); ++i) {
        std::string changed = *blob;
        changed[i] = static_cast<char>(changed[i] ^ 1);
        accepted += decode_ssh_cert(changed).has_value();
        accepted += decode_ssh_cert(blob->substr(0, i)).has_value();
    }
    CHECK(accepted == 0);
}

TEST_CASE("an RSA key that is too short or too long, or a signature with SHA-1, is refused") {
    const TempDir dir;
    const auto certificate = [&](const char* bits, const char* algorithm) {
        const std::string path = dir.path / (std::string("id") + bits + algorithm);
        REQUIRE(run_command({"openssl", "genrsa", "-traditional", "-out", path, bits}).status == 0);
        std::filesystem::permissions(path, std::filesystem::perms::owner_read);
        write_file(path + ".pub", run_command({"ssh-keygen", "-y", "-f", path}).output);
        run_command({"ssh-keygen", "-q", "-s", path, "-t", algorithm, "-I", "id", "-O",
                     std::string("extension:") + kXosExtension + "=chain", path + ".pub"});
        const std::string line = read_file(path + "-cert.pub");
        return *ssh_blob_from_text(line.substr(0, line.find(' ', line.find(' ') + 1)));
    };
    CHECK(reason(certificate("2048", "rsa-sha2-256")) == "accepted");
    CHECK_THAT(reason(certificate("1024", "rsa-sha2-512")), ContainsSubstring("2048 to 8192 bits"));
    CHECK_THAT(reason(certificate("2048", "ssh-rsa")), ContainsSubstring("signature"));
    std::string huge;
    put_string(huge, "\x01\x01");
    put_string(huge, std::string(16384 / 8, '\x7f'));
    SshReader fields(huge);
    CHECK_FALSE(read_ssh_fields(fields, KeyType::rsa));
}
