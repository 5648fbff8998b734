// What it takes until a change is published. One member and a whole bundle have their place here.
#include <unistd.h>

#include <chrono>

#include "bench/accounts.h"
#include "libxos/names.h"

namespace xos::bench {

void publish_accounts(const Population& population, Report& report) {
    Contest contest("published whole", population.snapshot.accounts.size());
    contest.add("xos", [&]() -> Outcome<double> {
        const auto start = std::chrono::steady_clock::now();
        auto writer = AccountsWriter::open(kAccountsFile, "");
        if (!writer) return std::unexpected(writer.error());
        if (const Outcome<void> done = writer->replace(population.snapshot); !done)
            return std::unexpected(done.error());
        const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
        return took.count();
    });
    contest.run(1);
    report.state(contest, "xos");
}

}  // namespace xos::bench
