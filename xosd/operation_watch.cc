#include "xosd/operation_watch.h"

#include <sys/epoll.h>

namespace xos {

Outcome<std::unique_ptr<OperationWatch>> OperationWatch::start(EventLoop& loop, Operation operation,
                                                               std::function<void(Operation)> ready) {
    std::unique_ptr<OperationWatch> watch(new OperationWatch(std::move(operation), std::move(ready)));
    OperationWatch* raw = watch.get();
    auto result = loop.watch_fd(raw->operation_.result.get(), EPOLLIN, [raw](uint32_t) { raw->finish(); });
    if (!result) return std::unexpected(result.error());
    watch->on_result_ = *std::move(result);
    const auto left = raw->operation_.deadline - std::chrono::steady_clock::now();
    auto deadline = loop.after(std::chrono::ceil<std::chrono::microseconds>(left), [raw] { raw->finish(); });
    if (!deadline) return std::unexpected(deadline.error());
    watch->on_deadline_ = *std::move(deadline);
    return watch;
}

void OperationWatch::finish() {
    on_result_ = {};
    on_deadline_ = {};
    const auto ready = std::move(ready_);
    ready(std::move(operation_));
}

Outcome<void> OperationSet::add(Operation operation, std::function<void(Operation)> ready) {
    const uint64_t id = next_++;
    auto watch = OperationWatch::start(
        loop_, std::move(operation), [this, id, ready = std::move(ready)](Operation done) {
            const auto ended = watches_.extract(id);  // lives until ready has returned
            ready(std::move(done));
        });
    if (!watch) return std::unexpected(watch.error());
    watches_[id] = *std::move(watch);
    return {};
}

void OperationSet::run(std::string about, std::chrono::seconds limit,
                       const std::function<Outcome<std::string>()>& work,
                       std::function<void(Outcome<std::string>)> done) {
    auto operation = begin_operation(std::move(about), limit, {}, [&work]() -> Outcome<OperationResult> {
        auto text = work();
        if (!text) return std::unexpected(text.error());
        return OperationResult{*std::move(text), {}};
    });
    if (!operation) return done(std::unexpected(operation.error()));
    auto added = add(*std::move(operation), [done](Operation ended) {
        auto result = finish_operation(std::move(ended));
        if (!result) return done(std::unexpected(result.error()));
        done(std::move(result->text));
    });
    if (!added) done(std::unexpected(added.error()));
}

}  // namespace xos
