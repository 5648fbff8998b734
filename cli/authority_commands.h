// The table of the commands that xos passes to the authority: their words, and what of them is a file.
//
// Owns: what `xos --help` says of them. Process: the xos command. Trusts: nothing; the authority checks the
// values.
#pragma once

#include <vector>

namespace xos {

enum class OptionKind {
    text,      // may be repeated
    flag,      // takes no value
    input,     // a file, opened for reading; may be repeated
    words,     // the same as words after all others, at least one; the authority gets them under the option's
               // name
    new_file,  // a file that must not exist, made with mode 0600
    passphrase,  // a file with a passphrase; asked at the terminal where it is needed and absent
};

struct AuthorityOption {
    const char* name;
    const char* description;
    OptionKind kind = OptionKind::text;
    const char* passed_as = nullptr;  // the authority's name of it where that is another one
};

struct AuthorityCommand {
    const char* words;
    const char* description;
    std::vector<const char*> arguments = {};  // those that are required, as the help calls them
    const char* optional = nullptr;           // one more that may be absent
    const char* input = nullptr;   // what is read from a file or standard input; nullptr for nothing
    const char* output = nullptr;  // what -o writes; nullptr for nothing
    std::vector<AuthorityOption> options = {};
};

const std::vector<AuthorityCommand>& authority_commands();

}  // namespace xos
