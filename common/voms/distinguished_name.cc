#include "common/voms/distinguished_name.h"

#include <openssl/objects.h>

#include <algorithm>

#include "common/credential/openssl_ptr.h"
#include "common/encoding.h"
#include "common/vo/grid_identity.h"

namespace xos {
namespace {

// "host/node1.example.org" is usual in grids; "One/CN=Two" would be two parts.
bool hides_a_part(std::string_view value) {
    const size_t slash = value.find('/');
    return slash != std::string_view::npos && value.find('=', slash) != std::string_view::npos;
}

// Only strings of one byte a character: OpenSSL leaves the zero bytes of the others out.
bool is_plain(const ASN1_STRING* value) {
    const int type = ASN1_STRING_type(value);
    if (type != V_ASN1_UTF8STRING && type != V_ASN1_PRINTABLESTRING && type != V_ASN1_IA5STRING &&
        type != V_ASN1_T61STRING)
        return false;
    const std::string_view text =
        as_text({ASN1_STRING_get0_data(value), static_cast<size_t>(ASN1_STRING_length(value))});
    return !text.empty() && !hides_a_part(text) && std::ranges::none_of(text, [](char c) {
        return (c >= '\0' && c < ' ') || c == '\x7f' || c == '\\';
    });
}

struct FreeText {
    void operator()(char* text) const { OPENSSL_free(text); }
};

}  // namespace

Outcome<std::string> read_distinguished_name(const X509_NAME* name) {
    const int count = X509_NAME_entry_count(name);
    int before = -1;
    for (int i = 0; i < count; ++i) {
        const X509_NAME_ENTRY* entry = X509_NAME_get_entry(name, i);
        const int set = X509_NAME_ENTRY_set(entry);
        if (set == before || !is_plain(X509_NAME_ENTRY_get_data(entry)))
            return failure(Errc::invalid, "part {} of a name in the certificate could be read in two ways",
                           i + 1);
        before = set;
    }
    const std::unique_ptr<char, FreeText> text(X509_NAME_oneline(name, nullptr, 0));
    if (!text || !is_distinguished_name(text.get()))
        return failure(Errc::invalid, "a name in the certificate has no slash form of at most {} bytes",
                       kDnMax);
    return std::string(text.get());
}

}  // namespace xos
