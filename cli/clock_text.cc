#include "cli/clock_text.h"

#include <ctime>

namespace xos {

std::string clock_text(uint64_t seconds) {
    if (seconds == 0) return "-";
    const auto time = static_cast<time_t>(seconds);
    tm local{};
    localtime_r(&time, &local);
    char buffer[32];
    strftime(buffer, sizeof buffer, "%F %T", &local);
    return buffer;
}

}  // namespace xos
