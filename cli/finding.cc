#include "cli/finding.h"

#include <algorithm>
#include <cstdio>

#include "cli/command.h"

namespace xos {
namespace {

std::string printable(std::string text) {
    for (char& c : text)
        if (c < ' ' || c > '~') c = '?';
    return text;
}

}  // namespace

int report_findings(const Findings& findings) {
    for (const Finding& finding : findings) {
        const char* const kind = finding.kind == Finding::Kind::good   ? "good"
                                 : finding.kind == Finding::Kind::note ? "note"
                                                                       : "WRONG";
        std::printf("%-5s  %s\n", kind, printable(finding.what).c_str());
        if (!finding.advice.empty()) std::printf("       -> %s\n", printable(finding.advice).c_str());
    }
    const auto wrongs = std::ranges::count(findings, Finding::Kind::wrong, &Finding::kind);
    if (wrongs == 0) return kExitOk;
    std::printf("%td of %zu checks found something wrong\n", wrongs, findings.size());
    return kExitFailure;
}

}  // namespace xos
