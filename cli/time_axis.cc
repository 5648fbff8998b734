#include "cli/time_axis.h"

#include <algorithm>

#include "common/failure.h"

namespace xos {
namespace {

constexpr int64_t kMillisecond = 1000, kSecond = 1000 * kMillisecond, kMinute = 60 * kSecond,
                  kHour = 60 * kMinute, kDay = 24 * kHour;

// The smallest round step that divides span into wanted parts at most.
int64_t step_of(int64_t span, size_t wanted) {
    const auto parts = static_cast<int64_t>(wanted);
    const auto fits = [&](int64_t step) { return span / step <= parts; };
    for (int64_t decade = 1; decade < kSecond; decade *= 10)
        for (const int64_t digit : {1, 2, 5})
            if (fits(digit * decade)) return digit * decade;
    for (const int64_t step : {kSecond, 2 * kSecond, 5 * kSecond, 10 * kSecond, 15 * kSecond, 30 * kSecond,
                               kMinute, 2 * kMinute, 5 * kMinute, 10 * kMinute, 15 * kMinute, 30 * kMinute,
                               kHour, 2 * kHour, 3 * kHour, 6 * kHour, 12 * kHour, kDay})
        if (fits(step)) return step;
    int64_t step = kDay;
    while (!fits(step)) step *= 2;
    return step;
}

// number / unit with as many decimals as step needs.
std::string decimal(int64_t number, int64_t unit, int64_t step) {
    std::string text = std::to_string(number / unit);
    if (step % unit == 0) return text;
    text += '.';
    int64_t rest = number % unit;
    for (int64_t digit = unit / 10; digit > 0 && step % (digit * 10) != 0; digit /= 10) {
        text += static_cast<char>('0' + rest / digit);
        rest %= digit;
    }
    return text;
}

}  // namespace

std::string grouped(uint64_t number) {
    std::string text = std::to_string(number);
    for (size_t place = text.size(); place > 3; place -= 3) text.insert(place - 3, 1, ',');
    return text;
}

std::string span_text(int64_t span) {
    if (span < kMillisecond) return compose("{} µs", span);
    if (span < 100 * kMillisecond) return compose("{:.3g} ms", static_cast<double>(span) / 1e3);
    if (span < kMinute) return compose("{:.3g} s", static_cast<double>(span) / 1e6);
    if (span < kHour) return compose("{} min {} s", span / kMinute, span / kSecond % 60);
    if (span < kDay) return compose("{} h {} min", span / kHour, span / kMinute % 60);
    return compose("{} d {} h", span / kDay, span / kHour % 24);
}

TimeAxis make_axis(int64_t span, size_t wanted) {
    const int64_t step = step_of(std::max<int64_t>(span, 1), wanted);
    TimeAxis axis;
    const auto label = [&](int64_t at) -> std::string {
        if (axis.unit == "µs") return std::to_string(at);
        if (axis.unit == "ms") return decimal(at, kMillisecond, step);
        if (axis.unit == "s") return decimal(at, kSecond, step);
        if (axis.unit == "min:s") return compose("{}:{:02}", at / kMinute, at / kSecond % 60);
        if (axis.unit == "h:min") return compose("{}:{:02}", at / kHour, at / kMinute % 60);
        return decimal(at, kDay, step);
    };
    axis.unit = span < 2 * kMillisecond ? "µs"
                : span < 2 * kSecond    ? "ms"
                : span < 2 * kMinute    ? "s"
                : span < 2 * kHour      ? "min:s"
                : span < 4 * kDay       ? "h:min"
                                        : "d";
    for (int64_t at = 0; at <= span; at += step) axis.ticks.push_back({at, label(at)});
    return axis;
}

}  // namespace xos
