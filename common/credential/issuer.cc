// The VO's CA: its certificate, requests, issuing.
#include <openssl/pem.h>

#include "common/credential/certificate.h"
#include "common/credential/fingerprint.h"
#include "common/credential/leaf.h"
#include "common/credential/openssl_failure.h"
#include "common/credential/request.h"
#include "common/credential/xos_cert.h"
#include "libxos/login_name.h"

namespace xos {
namespace {

using ConstraintsPtr = std::unique_ptr<NAME_CONSTRAINTS, OpensslFree<NAME_CONSTRAINTS_free>>;
using SubtreePtr = std::unique_ptr<GENERAL_SUBTREE, OpensslFree<GENERAL_SUBTREE_free>>;

constexpr char kRequestLabel[] = "CERTIFICATE REQUEST";
constexpr char kCaCommonName[] = "authority";

bool add_name_constraints(X509* certificate, std::string_view vo) {
    const ConstraintsPtr constraints(NAME_CONSTRAINTS_new());
    SubtreePtr subtree(GENERAL_SUBTREE_new());
    NamePtr name = make_name(vo, {});
    if (!constraints || !subtree || !name) return false;
    constraints->permittedSubtrees = sk_GENERAL_SUBTREE_new_null();
    if (constraints->permittedSubtrees == nullptr) return false;
    GENERAL_NAME_set0_value(subtree->base, GEN_DIRNAME, name.release());
    if (sk_GENERAL_SUBTREE_push(constraints->permittedSubtrees, subtree.get()) == 0) return false;
    static_cast<void>(subtree.release());
    return X509_add1_ext_i2d(certificate, NID_name_constraints, constraints.get(), 1, X509V3_ADD_DEFAULT) ==
           1;
}

bool is_accepted_key(EVP_PKEY* key) {
    if (EVP_PKEY_is_a(key, "ED25519") == 1) return true;
    char group[32];
    size_t size = 0;
    return EVP_PKEY_is_a(key, "EC") == 1 && EVP_PKEY_get_group_name(key, group, sizeof group, &size) == 1 &&
           std::string_view(group, size) == "prime256v1";
}

Outcome<X509RequestPtr> read_request(std::string_view pem, std::string_view login) {
    const auto blocks = split_pem(pem, kRequestLabel, 1);
    if (!blocks) return failure(Errc::invalid, "certificate request: {}", blocks.error().message);
    const Bytes& der = blocks->front();
    const unsigned char* at = der.data();
    X509RequestPtr request(d2i_X509_REQ(nullptr, &at, static_cast<long>(der.size())));
    if (!request || at != der.data() + der.size())
        return openssl_failure(Errc::invalid, "certificate request: it is no PKCS#10 request");
    EVP_PKEY* key = X509_REQ_get0_pubkey(request.get());
    if (key == nullptr || !is_accepted_key(key))
        return openssl_failure(Errc::invalid, "certificate request: expected an Ed25519 or P-256 key");
    if (X509_REQ_verify(request.get(), key) != 1)
        return openssl_failure(Errc::denied,
                               "certificate request: it is not signed by the key that it asks for");
    const NamePtr name = make_name({}, login);
    if (!name || !is_same_name(name.get(), X509_REQ_get_subject_name(request.get())))
        return failure(Errc::denied,
                       "certificate request: its subject is not CN={}; ask with the name of the member",
                       login);
    return request;
}

Outcome<IssuedCredential> describe(X509* certificate, std::span<const uint8_t> ca_certificate) {
    const Bytes der = certificate_der(certificate);
    const auto serial = read_serial(certificate);
    const auto not_before = read_time(X509_get0_notBefore(certificate));
    const auto not_after = read_time(X509_get0_notAfter(certificate));
    if (der.empty() || !serial || !not_before || !not_after)
        return failure(Errc::system, "cannot read back the certificate that was just made");
    return IssuedCredential{*serial, sha256_fingerprint(der), *not_before, *not_after,
                            certificate_pem(der) + certificate_pem(ca_certificate)};
}

}  // namespace

Outcome<Bytes> create_ca(std::string_view vo, const SigningKey& ca_key, std::chrono::sys_seconds not_before,
                         std::chrono::sys_seconds not_after) {
    if (!is_vo_name(vo)) return failure(Errc::invalid, "cannot make a CA: \"{}\" is no VO name", vo);
    if (not_after <= not_before)
        return failure(Errc::invalid, "cannot make a CA for {}: it would end first", vo);
    const X509Ptr certificate(X509_new());
    X509* const ca = certificate.get();
    const NamePtr name = make_name(vo, kCaCommonName);
    const bool made = ca && name && X509_set_version(ca, X509_VERSION_3) == 1 &&
                      set_serial(ca, make_random_serial().get()) &&
                      set_validity(ca, not_before - kCredentialBackdate, not_after) &&
                      X509_set_subject_name(ca, name.get()) == 1 &&
                      X509_set_issuer_name(ca, name.get()) == 1 && X509_set_pubkey(ca, ca_key.pkey()) == 1 &&
                      add_extension(ca, ca, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
                      add_extension(ca, ca, NID_key_usage, "critical,keyCertSign,cRLSign") &&
                      add_extension(ca, ca, NID_subject_key_identifier, "hash") &&
                      add_extension(ca, ca, NID_authority_key_identifier, "keyid:always") &&
                      add_name_constraints(ca, vo) && X509_sign(ca, ca_key.pkey(), nullptr) > 0;
    if (!made) return openssl_failure(Errc::system, compose("cannot make the CA certificate of {}", vo));
    return certificate_der(ca);
}

Outcome<std::string> make_request(std::string_view login, const SigningKey& user_key) {
    if (!is_user_name(login))
        return failure(Errc::invalid, "cannot ask for a certificate: \"{}\" is no user name", login);
    const X509RequestPtr request(X509_REQ_new());
    const NamePtr name = make_name({}, login);
    const bool made = request && name && X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) == 1 &&
                      X509_REQ_set_subject_name(request.get(), name.get()) == 1 &&
                      X509_REQ_set_pubkey(request.get(), user_key.pkey()) == 1 &&
                      X509_REQ_sign(request.get(), user_key.pkey(), nullptr) > 0;
    unsigned char* der = nullptr;
    const int size = made ? i2d_X509_REQ(request.get(), &der) : -1;
    if (size < 0) return openssl_failure(Errc::system, "cannot make a certificate request");
    const Bytes bytes(der, der + size);
    OPENSSL_free(der);
    return join_pem(bytes, kRequestLabel);
}

Outcome<std::array<uint8_t, 32>> read_request_key(std::string_view request_pem, std::string_view login) {
    const auto request = read_request(request_pem, login);
    if (!request) return std::unexpected(request.error());
    EVP_PKEY* const key = X509_REQ_get0_pubkey(request->get());
    std::array<uint8_t, 32> bytes;
    size_t size = bytes.size();
    if (EVP_PKEY_is_a(key, "ED25519") != 1 || EVP_PKEY_get_raw_public_key(key, bytes.data(), &size) != 1 ||
        size != bytes.size())
        return openssl_failure(Errc::invalid, "certificate request: expected an Ed25519 key");
    return bytes;
}

Outcome<IssuedCredential> issue_credential(std::string_view request_pem, const XosAttributes& attributes,
                                           std::span<const uint8_t> ca_certificate, const SigningKey& ca_key,
                                           std::chrono::sys_seconds now, std::chrono::seconds lifetime) {
    if (lifetime < std::chrono::seconds(1) || lifetime > kCredentialLifetimeMax)
        return failure(Errc::invalid, "a credential lasts 1 second to {} hours",
                       kCredentialLifetimeMax.count());
    const auto ca = open_issuing_ca(ca_certificate, ca_key, attributes.vo, now);
    if (!ca) return std::unexpected(ca.error());
    const auto extension = encode_attributes(attributes);
    if (!extension) return std::unexpected(extension.error());
    const auto request = read_request(request_pem, attributes.login);
    if (!request) return std::unexpected(request.error());

    const X509Ptr certificate(X509_new());
    X509* const leaf = certificate.get();
    const NamePtr name = make_name(attributes.vo, attributes.login);
    const LeafFields fields{.subject = name.get(),
                            .key = X509_REQ_get0_pubkey(request->get()),
                            .not_before = now - kCredentialBackdate,
                            .not_after = std::min(now + lifetime, ca->not_after),
                            .usages = "clientAuth"};
    const bool made = leaf && name && fill_leaf(leaf, ca->certificate.get(), fields) &&
                      add_extension(leaf, kAttributesOid, *extension) &&
                      X509_sign(leaf, ca_key.pkey(), nullptr) > 0;
    if (!made)
        return openssl_failure(Errc::system,
                               compose("cannot certify {}@{}", attributes.login, attributes.vo));
    return describe(leaf, ca_certificate);
}

}  // namespace xos
