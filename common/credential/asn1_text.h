// Texts in the ASN.1 values of our certificate extensions.
//
// Owns: the way from and to UTF8String, alone and in a SEQUENCE OF. Process: programs only.
// Trusts: nothing; what a text may say is the caller's to check.
#pragma once

#include <openssl/asn1.h>

#include <string>
#include <string_view>
#include <vector>

namespace xos {

// false: no memory.
bool set_text(ASN1_UTF8STRING* into, std::string_view text);
bool add_texts(STACK_OF(ASN1_UTF8STRING) * into, const std::vector<std::string>& texts);

std::string to_text(const ASN1_UTF8STRING* string);
std::vector<std::string> to_texts(const STACK_OF(ASN1_UTF8STRING) * strings);

}  // namespace xos
