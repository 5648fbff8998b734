#include "common/credential/node_certificate.h"

#include <openssl/x509_vfy.h>

#include "common/credential/certificate.h"
#include "common/credential/node_extension.h"
#include "common/credential/openssl_failure.h"
#include "common/time_text.h"

namespace xos {
namespace {

using OctetsPtr = std::unique_ptr<ASN1_OCTET_STRING, OpensslFree<ASN1_OCTET_STRING_free>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, OpensslFree<X509_EXTENSION_free>>;
using StorePtr = std::unique_ptr<X509_STORE, OpensslFree<X509_STORE_free>>;
using StoreContextPtr = std::unique_ptr<X509_STORE_CTX, OpensslFree<X509_STORE_CTX_free>>;

constexpr uint32_t kUsages = XKU_SSL_SERVER | XKU_SSL_CLIENT;

bool add_node(X509* certificate, const Bytes& der) {
    const Asn1ObjectPtr object(OBJ_txt2obj(kNodeOid, 1));
    const OctetsPtr octets(ASN1_OCTET_STRING_new());
    if (!object || !octets ||
        ASN1_OCTET_STRING_set(octets.get(), der.data(), static_cast<int>(der.size())) != 1)
        return false;
    const ExtensionPtr extension(X509_EXTENSION_create_by_OBJ(nullptr, object.get(), 0, octets.get()));
    return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

std::unexpected<Failure> refused(std::string_view why) {
    ERR_clear_error();
    return failure(Errc::invalid, "the certificate is not a node's: {}", why);
}

Outcome<void> verify_signature(X509* leaf, X509* ca, std::chrono::sys_seconds now) {
    const StorePtr store(X509_STORE_new());
    const StoreContextPtr context(X509_STORE_CTX_new());
    if (!store || !context || X509_STORE_add_cert(store.get(), ca) != 1 ||
        X509_STORE_CTX_init(context.get(), store.get(), leaf, nullptr) != 1)
        return openssl_failure(Errc::system, "cannot prepare the verification of a certificate");
    X509_VERIFY_PARAM* const parameters = X509_STORE_CTX_get0_param(context.get());
    X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_X509_STRICT);
    X509_VERIFY_PARAM_set_purpose(parameters, X509_PURPOSE_SSL_SERVER);
    X509_VERIFY_PARAM_set_time(parameters, now.time_since_epoch().count());
    if (X509_verify_cert(context.get()) == 1) return {};
    const int error = X509_STORE_CTX_get_error(context.get());
    ERR_clear_error();
    return failure(Errc::denied, "the node's certificate does not verify against the VO's CA at {}: {}",
                   format_time(now), X509_verify_cert_error_string(error));
}

Outcome<CertifiedNode> read_node(const X509* leaf) {
    const Asn1ObjectPtr object(OBJ_txt2obj(kNodeOid, 1));
    const int at = object ? X509_get_ext_by_OBJ(leaf, object.get(), -1) : -1;
    if (at < 0 || X509_get_ext_by_OBJ(leaf, object.get(), at) >= 0)
        return refused("it must say once which node it is");
    const ASN1_OCTET_STRING* value = X509_EXTENSION_get_data(X509_get_ext(leaf, at));
    return decode_node_extension(
        {ASN1_STRING_get0_data(value), static_cast<size_t>(ASN1_STRING_length(value))});
}

}  // namespace

Outcome<std::string> issue_node_certificate(std::span<const uint8_t, 32> public_key,
                                            const CertifiedNode& node,
                                            std::span<const uint8_t> ca_certificate, const SigningKey& ca_key,
                                            std::chrono::sys_seconds now) {
    const auto ca = parse_certificate(ca_certificate, "CA certificate");
    if (!ca) return std::unexpected(ca.error());
    const auto ca_end = read_time(X509_get0_notAfter(ca->get()));
    if (!ca_end || *ca_end <= now)
        return failure(Errc::denied, "the CA of {} has ended: renew the VO first", node.vo);
    if (X509_check_private_key(ca->get(), ca_key.pkey()) != 1)
        return openssl_failure(Errc::conflict, "the CA key does not belong to the CA certificate");
    const auto extension = encode_node_extension(node);
    if (!extension) return std::unexpected(extension.error());
    const PkeyPtr key(
        EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, public_key.data(), public_key.size()));
    const X509Ptr certificate(X509_new());
    X509* const leaf = certificate.get();
    const NamePtr name = make_name(node.vo, node.id);
    const std::string dns = "DNS:" + node.name;
    const bool made = leaf && name && key && X509_set_version(leaf, X509_VERSION_3) == 1 &&
                      set_random_serial(leaf) &&
                      set_validity(leaf, now - kCredentialBackdate,
                                   std::min<std::chrono::sys_seconds>(now + kNodeLifetime, *ca_end)) &&
                      X509_set_subject_name(leaf, name.get()) == 1 &&
                      X509_set_issuer_name(leaf, X509_get_subject_name(ca->get())) == 1 &&
                      X509_set_pubkey(leaf, key.get()) == 1 &&
                      add_extension(leaf, ca->get(), NID_basic_constraints, "critical,CA:FALSE") &&
                      add_extension(leaf, ca->get(), NID_key_usage, "critical,digitalSignature") &&
                      add_extension(leaf, ca->get(), NID_ext_key_usage, "serverAuth,clientAuth") &&
                      add_extension(leaf, ca->get(), NID_subject_alt_name, dns.c_str()) &&
                      add_extension(leaf, ca->get(), NID_subject_key_identifier, "hash") &&
                      add_extension(leaf, ca->get(), NID_authority_key_identifier, "keyid:always") &&
                      add_node(leaf, *extension) && X509_sign(leaf, ca_key.pkey(), nullptr) > 0;
    if (!made) return openssl_failure(Errc::system, compose("cannot certify the node {}", node.name));
    return certificate_pem(certificate_der(leaf));
}

Outcome<VerifiedNode> verify_node_certificate(std::string_view pem, std::span<const uint8_t> ca_certificate,
                                              std::string_view expected_vo, std::chrono::sys_seconds now) {
    prepare_openssl();
    const auto ca = parse_certificate(ca_certificate, "CA certificate of the VO");
    if (!ca) return std::unexpected(ca.error());
    const auto blocks = split_pem(pem, "CERTIFICATE", 1);
    if (!blocks) return std::unexpected(blocks.error());
    const auto certificate = parse_certificate(blocks->front(), "the node's certificate");
    if (!certificate) return std::unexpected(certificate.error());
    X509* const leaf = certificate->get();
    if (auto good = verify_signature(leaf, ca->get(), now); !good) return std::unexpected(good.error());
    const uint32_t flags = X509_get_extension_flags(leaf);
    if ((flags & EXFLAG_INVALID) != 0 || (flags & EXFLAG_BCONS) == 0 || (flags & EXFLAG_CA) != 0 ||
        X509_get_key_usage(leaf) != KU_DIGITAL_SIGNATURE || (flags & EXFLAG_XKUSAGE) == 0 ||
        X509_get_extended_key_usage(leaf) != kUsages)
        return refused("its usages are not those of one");
    auto node = read_node(leaf);
    if (!node) return std::unexpected(node.error());
    if (node->vo != expected_vo)
        return failure(Errc::denied, "the node's certificate is of the VO {}, not of {}", node->vo,
                       expected_vo);
    const NamePtr name = make_name(node->vo, node->id);
    if (!name || !is_same_name(name.get(), X509_get_subject_name(leaf)))
        return refused("its subject and its attributes name different nodes");
    VerifiedNode verified;
    verified.node = std::move(*node);
    EVP_PKEY* const key = X509_get0_pubkey(leaf);
    size_t size = verified.public_key.size();
    const auto serial = read_serial(leaf);
    const auto begin = read_time(X509_get0_notBefore(leaf)), end = read_time(X509_get0_notAfter(leaf));
    if (key == nullptr || EVP_PKEY_is_a(key, "ED25519") != 1 ||
        EVP_PKEY_get_raw_public_key(key, verified.public_key.data(), &size) != 1 || size != 32 || !serial ||
        !begin || !end)
        return refused("its key is not Ed25519, or its serial or validity cannot be read");
    verified.serial = *serial;
    verified.not_before = *begin;
    verified.not_after = *end;
    return verified;
}

}  // namespace xos
