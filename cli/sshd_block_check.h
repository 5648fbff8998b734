// Does sshd ask us about the members of the trusted VOs?
//
// Owns: the checks of our block (kSshdConfig), of where sshd reads it, and of what it comes to. Process: the
// xos command. Trusts: nothing in the texts. Formats: sshd_config(5); sshd(8), -T.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "cli/finding.h"
#include "cli/sshd_settings.h"

namespace xos {

// The text of our block: it names the VOs and no others.
void check_sshd_block(std::string_view text, const std::vector<std::string>& vos, Findings& findings);

// The text of sshd_config: it includes our block, outside of every Match.
void check_sshd_include(std::string_view text, Findings& findings);

// What sshd -T says for a member of vo. False where our block is not in force for him.
bool check_sshd_settings(const std::string& vo, const SshdSettings& settings, Findings& findings);

// Whether sshd uses PAM, which is the same for everybody.
void check_sshd_pam(const SshdSettings& settings, Findings& findings);

// Which configuration the running sshd has. Times as the file system counts them.
using FileTime = std::chrono::sys_time<std::chrono::nanoseconds>;
struct SshdReading {
    bool running = false;                         // by its pid file
    bool untold = false;                          // kSshdUntold is there
    std::optional<FileTime> read_at, written_at;  // its configuration; our block
    std::optional<FileTime> others_at;            // the newest of the other files of its configuration
};
void check_sshd_reading(const SshdReading& reading, Findings& findings);

}  // namespace xos
