#include "common/credential/node_certificate.h"

#include "common/credential/certificate.h"
#include "common/credential/leaf.h"
#include "common/credential/node_extension.h"
#include "common/credential/openssl_failure.h"
#include "common/time_text.h"

namespace xos {
namespace {

constexpr uint32_t kUsages = XKU_SSL_SERVER | XKU_SSL_CLIENT;

std::unexpected<Failure> refused(std::string_view why) {
    ERR_clear_error();
    return failure(Errc::invalid, "the certificate is not a node's: {}", why);
}

std::unexpected<Failure> explain(int error, int, const X509*, std::chrono::sys_seconds now) {
    ERR_clear_error();
    return failure(Errc::denied, "the node's certificate does not verify against the VO's CA at {}: {}",
                   format_time(now), X509_verify_cert_error_string(error));
}

Outcome<CertifiedNode> read_node(const X509* leaf) {
    const auto found = find_extensions(leaf, kNodeOid);
    if (found.size() != 1) return refused("it must say once which node it is");
    return decode_node_extension(extension_der(found.front()));
}

}  // namespace

Outcome<std::string> issue_node_certificate(std::span<const uint8_t, 32> public_key,
                                            const CertifiedNode& node,
                                            std::span<const uint8_t> ca_certificate, const SigningKey& ca_key,
                                            std::chrono::sys_seconds now) {
    const auto ca = open_issuing_ca(ca_certificate, ca_key, node.vo, now);
    if (!ca) return std::unexpected(ca.error());
    const auto extension = encode_node_extension(node);
    if (!extension) return std::unexpected(extension.error());
    const PkeyPtr key = make_pkey({KeyType::ed25519, Bytes(public_key.begin(), public_key.end())});
    const X509Ptr certificate(X509_new());
    X509* const leaf = certificate.get();
    const NamePtr name = make_name(node.vo, node.id);
    const std::string dns = "DNS:" + node.name;
    const LeafFields fields{
        .subject = name.get(),
        .key = key.get(),
        .not_before = now - kCredentialBackdate,
        .not_after = std::min<std::chrono::sys_seconds>(now + kNodeLifetime, ca->not_after),
        .usages = "serverAuth,clientAuth"};
    const bool made = leaf && name && key && fill_leaf(leaf, ca->certificate.get(), fields) &&
                      add_extension(leaf, ca->certificate.get(), NID_subject_alt_name, dns.c_str()) &&
                      add_extension(leaf, kNodeOid, *extension) &&
                      X509_sign(leaf, ca_key.pkey(), nullptr) > 0;
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
    if (auto good = verify_leaf(leaf, nullptr, ca->get(), X509_PURPOSE_SSL_SERVER, now, explain); !good)
        return std::unexpected(good.error());
    const uint32_t flags = X509_get_extension_flags(leaf);
    if ((flags & EXFLAG_INVALID) != 0 || (flags & EXFLAG_BCONS) == 0 || (flags & EXFLAG_CA) != 0 ||
        !is_critical(leaf, NID_basic_constraints) || !is_critical(leaf, NID_key_usage) ||
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
    constexpr unsigned kStrict = X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_WILDCARDS;
    if (X509_check_host(leaf, node->name.data(), node->name.size(), kStrict, nullptr) != 1)
        return refused("its host name and its attributes name different nodes");
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
