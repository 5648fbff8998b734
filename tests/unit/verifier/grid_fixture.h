// A grid: CA, users, VOMS servers, proxies and attribute certificates, right or wrong in one way.
//
// Made with OpenSSL, so that each part can be spoilt; genuine_proxy() is what voms-proxy-fake(1) makes of the
// same users. Process: tests only.
#pragma once

#include <openssl/pem.h>
#include <openssl/x509_acert.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "common/credential/certificate.h"
#include "common/ssh/ssh_cert.h"
#include "common/ssh/ssh_key.h"
#include "common/voms/attribute_certificate.h"
#include "tests/unit/ssh/command.h"
#include "tests/unit/verifier/credential_fixture.h"

namespace xos::test {

inline constexpr char kInheritAll[] = "1.3.6.1.5.5.7.21.1";
inline constexpr char kIndependent[] = "1.3.6.1.5.5.7.21.2";
inline constexpr char kLimited[] = "1.3.6.1.4.1.3536.1.1.1.9";

inline PkeyPtr make_key(const char* kind = "P-256") {
    const std::string name = kind;
    if (name.starts_with("RSA-"))
        return PkeyPtr(
            EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", static_cast<size_t>(std::stoul(name.substr(4)))));
    if (name == "ED25519") return PkeyPtr(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
    return PkeyPtr(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", kind));
}

using Parts = std::vector<std::pair<std::string, std::string>>;  // of a name: {"DC", "org"}, ...

inline NamePtr grid_name(const Parts& parts) {
    NamePtr name(X509_NAME_new());
    for (const auto& [type, value] : parts)
        X509_NAME_add_entry_by_txt(name.get(), type.c_str(), MBSTRING_UTF8,
                                   reinterpret_cast<const unsigned char*>(value.data()),
                                   static_cast<int>(value.size()), -1, 0);
    return name;
}

inline Parts user_name(const std::string& name) {
    return {{"DC", "org"}, {"DC", "example"}, {"O", "Users"}, {"CN", name}};
}

inline Parts host_name(const std::string& name) {
    return {{"DC", "org"}, {"DC", "example"}, {"O", "Hosts"}, {"CN", name}};
}

struct Entity {
    X509Ptr certificate;
    PkeyPtr key;
    X509* x509() const { return certificate.get(); }
    Bytes der() const { return certificate_der(certificate.get()); }
    std::string pem() const { return certificate_pem(der()); }
};

// What a certificate is to say; the rest is right.
struct Wanted {
    NamePtr subject;
    std::vector<std::pair<int, std::string>> extensions;
    long serial = 0;  // 0: a fresh one
    std::chrono::seconds from{-600}, until{12 * 3600};
    const EVP_MD* digest = EVP_sha256();
};

inline long fresh_serial() {
    static long serial = 1000;
    return ++serial;
}

inline void add_extension(X509* to, X509* issuer, int nid, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, to, nullptr, nullptr, 0);
    X509_EXTENSION* made = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
    X509_add_ext(to, made, -1);
    X509_EXTENSION_free(made);
}

inline X509Ptr sign_certificate(Wanted wanted, EVP_PKEY* key, X509* issuer, EVP_PKEY* issuer_key,
                                const std::vector<X509_EXTENSION*>& extra = {}) {
    X509Ptr made(X509_new());
    X509_set_version(made.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(made.get()), wanted.serial != 0 ? wanted.serial : fresh_serial());
    const auto now = test_now().time_since_epoch().count();
    ASN1_TIME_set(X509_getm_notBefore(made.get()), now + wanted.from.count());
    ASN1_TIME_set(X509_getm_notAfter(made.get()), now + wanted.until.count());
    X509_set_subject_name(made.get(), wanted.subject.get());
    X509_set_issuer_name(made.get(), X509_get_subject_name(issuer != nullptr ? issuer : made.get()));
    X509_set_pubkey(made.get(), key);
    for (const auto& [nid, value] : wanted.extensions)
        add_extension(made.get(), issuer != nullptr ? issuer : made.get(), nid, value);
    for (X509_EXTENSION* one : extra)
        if (one != nullptr) X509_add_ext(made.get(), one, -1);
    X509_sign(made.get(), issuer_key, EVP_PKEY_is_a(issuer_key, "ED25519") == 1 ? nullptr : wanted.digest);
    return made;
}

struct GridCa {
    Entity self;

    explicit GridCa(const std::string& name = "Grid CA", const Entity* above = nullptr,
                    const char* kind = "P-256") {
        self.key = make_key(kind);
        Wanted wanted{.subject = grid_name({{"DC", "org"}, {"DC", "example"}, {"CN", name}}),
                      .extensions = {{NID_basic_constraints, "critical,CA:TRUE"},
                                     {NID_key_usage, "critical,keyCertSign,cRLSign"},
                                     {NID_subject_key_identifier, "hash"}}};
        if (above != nullptr) wanted.extensions.emplace_back(NID_authority_key_identifier, "keyid:always");
        self.certificate =
            sign_certificate(std::move(wanted), self.key.get(), above != nullptr ? above->x509() : nullptr,
                             above != nullptr ? above->key.get() : self.key.get());
    }
    Entity issue(const Parts& name, const char* key_kind = "P-256", Wanted wanted = {}) const {
        Entity made{nullptr, make_key(key_kind)};
        wanted.subject = grid_name(name);
        if (wanted.extensions.empty())
            wanted.extensions = {{NID_basic_constraints, "critical,CA:FALSE"},
                                 {NID_key_usage, "critical,digitalSignature"},
                                 {NID_ext_key_usage, "clientAuth,serverAuth"},
                                 {NID_subject_key_identifier, "hash"},
                                 {NID_authority_key_identifier, "keyid:always"}};
        made.certificate = sign_certificate(std::move(wanted), made.key.get(), self.x509(), self.key.get());
        return made;
    }
    // Holds until `until` from now on; names the certificates in revoked.
    Bytes list(const std::vector<const X509*>& revoked = {}, std::chrono::seconds until = 1h) const {
        return sign_list(self, revoked, until);
    }
    static Bytes sign_list(const Entity& issuer, const std::vector<const X509*>& revoked,
                           std::optional<std::chrono::seconds> until) {
        const CrlOwner list(X509_CRL_new());
        const auto now = test_now().time_since_epoch().count();
        X509_CRL_set_version(list.get(), X509_CRL_VERSION_2);
        X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(issuer.x509()));
        const TimeOwner begin(ASN1_TIME_set(nullptr, now - 86400 * 30));
        X509_CRL_set1_lastUpdate(list.get(), begin.get());
        if (until) {
            const TimeOwner end(ASN1_TIME_set(nullptr, now + until->count()));
            X509_CRL_set1_nextUpdate(list.get(), end.get());
        }
        for (const X509* one : revoked) {
            X509_REVOKED* entry = X509_REVOKED_new();
            X509_REVOKED_set_serialNumber(entry, const_cast<ASN1_INTEGER*>(X509_get0_serialNumber(one)));
            X509_REVOKED_set_revocationDate(entry, const_cast<ASN1_TIME*>(begin.get()));
            X509_CRL_add0_revoked(list.get(), entry);
        }
        X509_CRL_sign(list.get(), issuer.key.get(), EVP_sha256());
        unsigned char* der = nullptr;
        const int size = i2d_X509_CRL(list.get(), &der);
        const Bytes bytes(der, der + size);
        OPENSSL_free(der);
        return bytes;
    }
    using CrlOwner = std::unique_ptr<X509_CRL, OpensslFree<X509_CRL_free>>;
    using TimeOwner = std::unique_ptr<ASN1_TIME, OpensslFree<ASN1_TIME_free>>;
};

// What a VOMS server says; each field may be spoilt.
struct Attributes {
    std::string vo = "physics";
    std::vector<std::string> fqans = {"/physics", "/physics/analysis/Role=production"};
    std::chrono::seconds from{-600}, until{12 * 3600};
    const EVP_MD* digest = EVP_sha256();
    bool subject_as_holder = true;  // as VOMS writes it
    std::string critical_oid;       // of an extension that nobody knows
    bool targets = false;
};

inline void add_fqans(X509_ACERT* to, const Attributes& attributes) {
    OSSL_IETF_ATTR_SYNTAX* syntax = OSSL_IETF_ATTR_SYNTAX_new();
    GENERAL_NAMES* authority = GENERAL_NAMES_new();
    GENERAL_NAME* name = GENERAL_NAME_new();
    ASN1_IA5STRING* uri = ASN1_IA5STRING_new();
    const std::string text = attributes.vo + "://voms.example.org:15000";
    ASN1_STRING_set(uri, text.data(), static_cast<int>(text.size()));
    GENERAL_NAME_set0_value(name, GEN_URI, uri);
    sk_GENERAL_NAME_push(authority, name);
    OSSL_IETF_ATTR_SYNTAX_set0_policyAuthority(syntax, authority);
    for (const std::string& fqan : attributes.fqans) {
        ASN1_OCTET_STRING* value = ASN1_OCTET_STRING_new();
        ASN1_OCTET_STRING_set(value, as_bytes(fqan).data(), static_cast<int>(fqan.size()));
        OSSL_IETF_ATTR_SYNTAX_add1_value(syntax, OSSL_IETFAS_OCTETS, value);
    }
    unsigned char* der = nullptr;
    const int size = i2d_OSSL_IETF_ATTR_SYNTAX(syntax, &der);
    const Asn1ObjectPtr object(OBJ_txt2obj(kFqanAttribute, 1));
    X509_ACERT_add1_attr_by_OBJ(to, object.get(), V_ASN1_SEQUENCE, der, size);
    OPENSSL_free(der);
    OSSL_IETF_ATTR_SYNTAX_free(syntax);
}

// DER of the attribute certificate of holder, signed with server's key.
inline Bytes make_attributes(const Entity& holder, const Entity& server, const Attributes& attributes = {}) {
    const AcertPtr acert(X509_ACERT_new());
    X509_ACERT_set_version(acert.get(), X509_ACERT_VERSION_2);
    OSSL_ISSUER_SERIAL* base = OSSL_ISSUER_SERIAL_new();
    OSSL_ISSUER_SERIAL_set1_issuer(base, attributes.subject_as_holder ? X509_get_subject_name(holder.x509())
                                                                      : X509_get_issuer_name(holder.x509()));
    OSSL_ISSUER_SERIAL_set1_serial(base, X509_get0_serialNumber(holder.x509()));
    X509_ACERT_set0_holder_baseCertId(acert.get(), base);
    X509_ACERT_set1_issuerName(acert.get(), X509_get_subject_name(server.x509()));
    ASN1_INTEGER* serial = ASN1_INTEGER_new();
    ASN1_INTEGER_set(serial, 1);
    X509_ACERT_set1_serialNumber(acert.get(), serial);
    ASN1_INTEGER_free(serial);
    const auto now = test_now().time_since_epoch().count();
    ASN1_GENERALIZEDTIME* time = ASN1_GENERALIZEDTIME_set(nullptr, now + attributes.from.count());
    X509_ACERT_set1_notBefore(acert.get(), time);
    ASN1_GENERALIZEDTIME_set(time, now + attributes.until.count());
    X509_ACERT_set1_notAfter(acert.get(), time);
    ASN1_GENERALIZEDTIME_free(time);
    add_fqans(acert.get(), attributes);
    X509_ACERT_add1_ext_i2d(acert.get(), NID_no_rev_avail, ASN1_NULL_new(), 0, X509V3_ADD_DEFAULT);
    if (!attributes.critical_oid.empty()) {
        BASIC_CONSTRAINTS* odd = BASIC_CONSTRAINTS_new();
        X509_ACERT_add1_ext_i2d(acert.get(), NID_basic_constraints, odd, 1, X509V3_ADD_DEFAULT);
        BASIC_CONSTRAINTS_free(odd);
    }
    if (attributes.targets) {
        OSSL_TARGETING_INFORMATION* none = OSSL_TARGETING_INFORMATION_new();
        X509_ACERT_add1_ext_i2d(acert.get(), NID_target_information, none, 1, X509V3_ADD_DEFAULT);
        OSSL_TARGETING_INFORMATION_free(none);
    }
    X509_ACERT_sign(acert.get(), server.key.get(), attributes.digest);
    unsigned char* der = nullptr;
    const int size = i2d_X509_ACERT(acert.get(), &der);
    const Bytes bytes(der, der + size);
    OPENSSL_free(der);
    return bytes;
}

inline Bytes sequence(const Bytes& content) {
    const int size = ASN1_object_size(1, static_cast<int>(content.size()), V_ASN1_SEQUENCE);
    Bytes der(static_cast<size_t>(size));
    unsigned char* at = der.data();
    ASN1_put_object(&at, 1, static_cast<int>(content.size()), V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL);
    std::ranges::copy(content, at);
    return der;
}

inline ExtensionPtr raw_extension(const char* oid, const Bytes& value) {
    const Asn1ObjectPtr object(OBJ_txt2obj(oid, 1));
    ASN1_OCTET_STRING* data = ASN1_OCTET_STRING_new();
    ASN1_OCTET_STRING_set(data, value.data(), static_cast<int>(value.size()));
    ExtensionPtr made(X509_EXTENSION_create_by_OBJ(nullptr, object.get(), 0, data));
    ASN1_OCTET_STRING_free(data);
    return made;
}

// The extension of a proxy that holds these attribute certificates, one after the other.
inline ExtensionPtr voms_extension(const std::vector<Bytes>& acerts) {
    Bytes all;
    for (const Bytes& one : acerts) all.insert(all.end(), one.begin(), one.end());
    return raw_extension(kVomsExtension, sequence(sequence(all)));
}

// RFC 3820: the sort of a proxy and how many may follow it.
inline ExtensionPtr proxy_extension(const std::string& language, std::optional<int> path_length) {
    PROXY_CERT_INFO_EXTENSION* info = PROXY_CERT_INFO_EXTENSION_new();
    ASN1_OBJECT_free(info->proxyPolicy->policyLanguage);
    info->proxyPolicy->policyLanguage = OBJ_txt2obj(language.c_str(), 1);
    if (path_length) {
        info->pcPathLengthConstraint = ASN1_INTEGER_new();
        ASN1_INTEGER_set(info->pcPathLengthConstraint, *path_length);
    }
    ExtensionPtr made(X509V3_EXT_i2d(NID_proxyCertInfo, 1, info));
    PROXY_CERT_INFO_EXTENSION_free(info);
    return made;
}

struct ProxyWish {
    std::string language = kInheritAll;
    std::optional<int> path_length;
    const char* key = "P-256";
    std::string last;  // CN; a number where empty
    Wanted wanted;
    X509_EXTENSION* extra = nullptr;
    X509* pretended = nullptr;  // whose name it takes for its issuer's
};

inline Entity make_proxy(const Entity& issuer, ProxyWish wish = {}) {
    Entity made{nullptr, make_key(wish.key)};
    X509* const above = wish.pretended != nullptr ? wish.pretended : issuer.x509();
    const long serial = wish.wanted.serial != 0 ? wish.wanted.serial : fresh_serial();
    wish.wanted.serial = serial;
    wish.wanted.subject.reset(X509_NAME_dup(X509_get_subject_name(above)));
    const std::string last = wish.last.empty() ? std::to_string(serial) : wish.last;
    X509_NAME_add_entry_by_txt(wish.wanted.subject.get(), "CN", MBSTRING_UTF8, as_bytes(last).data(),
                               static_cast<int>(last.size()), -1, 0);
    wish.wanted.extensions = {{NID_key_usage, "critical,digitalSignature"}};
    const ExtensionPtr info =
        wish.language.empty() ? nullptr : proxy_extension(wish.language, wish.path_length);
    made.certificate = sign_certificate(std::move(wish.wanted), made.key.get(), above, issuer.key.get(),
                                        {info.get(), wish.extra});
    return made;
}

// The SSH certificate around chain, for and by key, whatever the chain says.
inline std::string wrap_grid(const std::string& chain, EVP_PKEY* key) {
    const PublicKey own = *read_public_key(key);
    const SshCert cert{.public_key = std::string(as_text(own.bytes)),
                       .serial = 1,
                       .key_id = "user1@physics",
                       .principals = {"user1@physics"},
                       .valid_after = 0,
                       .valid_before = UINT64_MAX,
                       .chain_pem = chain,
                       .key_type = own.type};
    return *encode_ssh_cert(cert, SshSign{[&](std::string_view body) { return sign_for_ssh(key, body); }});
}

// A VO that trusts this grid, with one user and one server.
struct TestGrid {
    explicit TestGrid(const char* key_kind = "P-256") : kind(key_kind) {}

    const char* kind;
    TestVo vo{"physics"};
    GridCa ca{"Grid CA", nullptr, kind};
    Entity user = ca.issue(user_name("User One"), kind);
    Entity server = ca.issue(host_name("voms.example.org"), kind);
    VomsRequest trust{.trust = {.vo = "physics", .anchors = {ca.self.der()}, .servers = {server.der()}},
                      .crls = {ca.list()},
                      .crl_grace = {}};

    Entity proxy(const Attributes& attributes = {}, ProxyWish wish = {}) const {
        const ExtensionPtr extension = voms_extension({make_attributes(user, server, attributes)});
        wish.extra = extension.get();
        return make_proxy(user, std::move(wish));
    }
    VerifyRequest request(const std::string& chain, EVP_PKEY* key) const {
        VerifyRequest made = make_verify_request(vo, "");
        const std::string_view type = ssh_cert_type(read_public_key(key)->type);
        made.ssh_key =
            "publickey " + std::string(type) + " " + encode_base64(as_bytes(wrap_grid(chain, key)));
        made.voms = trust;
        return made;
    }
    VerifyRequest request(const Entity& proxy) const {
        return request(proxy.pem() + user.pem(), proxy.key.get());
    }
};

inline std::string key_pem(EVP_PKEY* key) {
    const BioPtr out(BIO_new(BIO_s_mem()));
    PEM_write_bio_PrivateKey(out.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
    char* text = nullptr;
    const long size = BIO_get_mem_data(out.get(), &text);
    return {text, static_cast<size_t>(size)};
}

// The file that voms-proxy-fake(1) writes: proxy, key, user's certificate. arguments are added to the usual
// ones.
inline std::string genuine_proxy(const TestGrid& grid, const std::vector<std::string>& arguments = {}) {
    const TempDir dir;
    const auto write = [&](const char* name, const std::string& text) {
        write_file(dir.path / name, text);
        return (dir.path / name).string();
    };
    std::filesystem::create_directory(dir.path / "ca");
    write_file(dir.path / "ca/ca.pem", grid.ca.self.pem());
    std::vector<std::string> command = {"voms-proxy-fake",
                                        "-cert",
                                        write("user.pem", grid.user.pem()),
                                        "-key",
                                        write("user.key", key_pem(grid.user.key.get())),
                                        "-hostcert",
                                        write("host.pem", grid.server.pem()),
                                        "-hostkey",
                                        write("host.key", key_pem(grid.server.key.get())),
                                        "-certdir",
                                        dir.path / "ca",
                                        "-out",
                                        dir.path / "proxy.pem",
                                        "-voms",
                                        "physics",
                                        "-uri",
                                        "voms.example.org:15000",
                                        "-fqan",
                                        "/physics/analysis/Role=production/Capability=NULL",
                                        "-fqan",
                                        "/physics/Role=NULL/Capability=NULL",
                                        "-hours",
                                        "12",
                                        "-bits",
                                        "2048"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    run_command(command);
    return read_file(dir.path / "proxy.pem");
}

// The certificates of such a file, and its key.
inline std::string certificates_of(const std::string& file) {
    std::string out;
    for (size_t at = 0; (at = file.find("-----BEGIN CERT", at)) != std::string::npos;) {
        const std::string end = "-----END CERTIFICATE-----\n";
        const size_t stop = file.find(end, at) + end.size();
        out += file.substr(at, stop - at);
        at = stop;
    }
    return out;
}

inline PkeyPtr key_of(const std::string& file) {
    const BioPtr in(BIO_new_mem_buf(file.data(), static_cast<int>(file.size())));
    return PkeyPtr(PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, nullptr));
}

}  // namespace xos::test
