// Running the VO's authority, xos-cda, for a command of xos.
//
// Owns: the child and its standard input and output. Process: the xos command, with the caller's rights.
// Trusts: the installed program at its fixed path. It is run without a shell, without the caller's
// environment and descriptors; files are opened here, with the caller's rights, so that the authority cannot
// be made to touch others.
#pragma once

#include <string>
#include <vector>

#include "common/failure.h"
#include "libxos/unique_fd.h"

namespace xos {

inline constexpr char kAuthorityProgram[] = "/usr/sbin/xos-cda";

// A file of the caller's, opened; the authority gets OPTION=NUMBER, the number of its descriptor there.
struct AuthorityFile {
    std::string option;
    UniqueFd fd;
};

struct AuthorityCall {
    std::vector<std::string> words;  // without the name of the program
    std::string input;               // file to be its standard input; empty: the caller's own
    std::string output;  // file for its standard output, written only if it succeeds; empty: the caller's
    std::vector<AuthorityFile> files = {};
    std::vector<std::string> made = {};  // paths of files that were made for the call
};

// The authority's exit status. not_found where this machine is no authority.
Outcome<int> run_authority(const AuthorityCall& call, const std::string& program = kAuthorityProgram);

// Removes what was made for the call and is empty. What holds bytes stays, even after a failure: it may be
// the only copy of a key.
void remove_unused(const AuthorityCall& call);

}  // namespace xos
