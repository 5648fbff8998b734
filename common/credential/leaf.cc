#include "common/credential/leaf.h"

#include "common/credential/openssl_failure.h"

namespace xos {
namespace {

constexpr int kDepth = 3;
constexpr int kAuthLevel = 2;  // 112 bits: SSL_CTX_set_security_level(3)

}  // namespace

Outcome<IssuingCa> open_issuing_ca(std::span<const uint8_t> ca_certificate, const SigningKey& key,
                                   std::string_view vo, std::chrono::sys_seconds now) {
    auto ca = parse_certificate(ca_certificate, "CA certificate");
    if (!ca) return std::unexpected(ca.error());
    const auto end = read_time(X509_get0_notAfter(ca->get()));
    if (!end || *end <= now)
        return failure(Errc::denied, "the CA of {} has ended: renew the VO before issuing", vo);
    if (X509_check_private_key(ca->get(), key.pkey()) != 1)
        return openssl_failure(Errc::conflict, "the CA key does not belong to the CA certificate");
    return IssuingCa{std::move(*ca), *end};
}

bool fill_leaf(X509* leaf, X509* ca, const LeafFields& fields) {
    return X509_set_version(leaf, X509_VERSION_3) == 1 && set_serial(leaf, make_random_serial().get()) &&
           set_validity(leaf, fields.not_before, fields.not_after) &&
           X509_set_subject_name(leaf, fields.subject) == 1 &&
           X509_set_issuer_name(leaf, X509_get_subject_name(ca)) == 1 &&
           X509_set_pubkey(leaf, fields.key) == 1 &&
           add_extension(leaf, ca, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(leaf, ca, NID_key_usage, "critical,digitalSignature") &&
           add_extension(leaf, ca, NID_ext_key_usage, fields.usages) &&
           add_extension(leaf, ca, NID_subject_key_identifier, "hash") &&
           add_extension(leaf, ca, NID_authority_key_identifier, "keyid:always");
}

Outcome<void> verify_leaf(X509* leaf, STACK_OF(X509) * others, X509* ca, int purpose,
                          std::chrono::sys_seconds now, ExplainFault explain) {
    const StorePtr store(X509_STORE_new());
    const StoreContextPtr context(X509_STORE_CTX_new());
    if (!store || !context || X509_STORE_add_cert(store.get(), ca) != 1 ||
        X509_STORE_CTX_init(context.get(), store.get(), leaf, others) != 1)
        return openssl_failure(Errc::system, "cannot prepare the verification of a certificate");
    X509_VERIFY_PARAM* const parameters = X509_STORE_CTX_get0_param(context.get());
    if (X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_X509_STRICT) != 1 ||
        X509_VERIFY_PARAM_set_purpose(parameters, purpose) != 1)
        return openssl_failure(Errc::system, "cannot prepare the verification of a certificate");
    X509_VERIFY_PARAM_set_depth(parameters, kDepth);
    X509_VERIFY_PARAM_set_auth_level(parameters, kAuthLevel);
    X509_VERIFY_PARAM_set_time(parameters, now.time_since_epoch().count());
    if (X509_verify_cert(context.get()) == 1) return {};
    const X509* at = X509_STORE_CTX_get_current_cert(context.get());
    return explain(X509_STORE_CTX_get_error(context.get()), X509_STORE_CTX_get_error_depth(context.get()),
                   at != nullptr ? at : leaf, now);
}

}  // namespace xos
