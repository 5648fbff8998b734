#include "cli/clock_check.h"

#include <algorithm>

namespace xos {
namespace {

// An authority dates a certificate back by that much, for clocks that are behind.
constexpr std::chrono::minutes kDatedBack{5};
constexpr std::chrono::seconds kNoticed{10};
constexpr char kAdvice[] = "timedatectl set-ntp true, or install chrony; timedatectl shows the state";

}  // namespace

void check_clock(bool synchronised, std::chrono::sys_seconds now, const std::vector<TrustedView>& vos,
                 Findings& findings) {
    const auto newest = std::ranges::max_element(vos, {}, &TrustedView::issued);
    const auto behind = newest == vos.end() ? std::chrono::seconds(0) : newest->issued - now;
    if (behind > kNoticed) {
        const std::string what =
            compose("the clock is behind by at least {}: the bundle of VO {} is from then",
                    format_age(behind), newest->vo);
        if (behind > kDatedBack)
            wrong(findings, what + "; certificates of now are not valid here yet", kAdvice);
        else
            note(findings, what, kAdvice);
    }
    if (!synchronised)
        note(findings, "the kernel says that nothing keeps the clock right (adjtimex(2): unsynchronised)",
             kAdvice);
    else if (behind <= kNoticed)
        good(findings, "the clock is synchronised");
}

}  // namespace xos
