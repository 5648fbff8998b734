// Filling a record from many Outcomes: the first failure wins, what follows is ignored.
// Process: programs only. Trusts: nothing.
#pragma once

#include <optional>
#include <utility>

#include "common/failure.h"

namespace xos {

class FirstFailure {
  public:
    // Moves the value of outcome into where; a failure leaves where as it was and is remembered if it is the
    // first.
    template <typename To, typename From>
    void take(To& where, Outcome<From> outcome) {
        if (outcome)
            where = static_cast<To>(*std::move(outcome));
        else
            note(std::move(outcome.error()));
    }
    void check(Outcome<void> outcome) {
        if (!outcome) note(std::move(outcome.error()));
    }

    explicit operator bool() const { return failure_.has_value(); }
    // Only where there is one.
    std::unexpected<Failure> get() const { return std::unexpected(failure_.value()); }

  private:
    void note(Failure failure) {
        if (!failure_) failure_ = std::move(failure);
    }

    std::optional<Failure> failure_;
};

}  // namespace xos
