#include "cda/member_import.h"

namespace xos {

void ImportFaults::add(size_t line, std::string_view what) {
    if (++count_ > kImportFaultsMax) return;
    text_ += compose("{}line {}: {}", text_.empty() ? "" : "\n", line, what);
}

std::unexpected<Failure> ImportFaults::get() const {
    if (count_ <= kImportFaultsMax)
        return failure(Errc::invalid, "nothing was done, {} {} not as expected:\n{}", count_,
                       count_ == 1 ? "line is" : "lines are", text_);
    return failure(Errc::invalid, "nothing was done, {} lines are not as expected; the first of them:\n{}",
                   count_, text_);
}

}  // namespace xos
