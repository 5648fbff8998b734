// What a check of xos doctor has found, and what to do about it.
//
// Process: the xos command. Trusts: nothing; text is made printable where it is printed.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "common/failure.h"

namespace xos {

struct Finding {
    enum class Kind : uint8_t {
        good,
        note,  // worth knowing; nothing is wrong
        wrong
    };
    Kind kind = Kind::good;
    std::string what;
    std::string advice;  // what to do; empty where it is good
};

using Findings = std::vector<Finding>;

inline void good(Findings& findings, std::string what) {
    findings.push_back({Finding::Kind::good, std::move(what), ""});
}
inline void note(Findings& findings, std::string what, std::string advice) {
    findings.push_back({Finding::Kind::note, std::move(what), std::move(advice)});
}
inline void wrong(Findings& findings, std::string what, std::string advice) {
    findings.push_back({Finding::Kind::wrong, std::move(what), std::move(advice)});
}

// Prints them, each with what to do; the exit status: a failure where anything is wrong.
int report_findings(const Findings& findings);

}  // namespace xos
