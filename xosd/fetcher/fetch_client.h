// The daemon's way to the web: one sandboxed process a fetch, with a deadline; what it fetched is a sealed
// memory file.
//
// Owns: the processes, their sockets and memory files. Process: xosd, in its loop. Trusts: the program at the
// path that it is given; of its answers the grammar, of what it fetched nothing.
#pragma once

#include <sys/types.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "common/event_loop.h"
#include "common/failure.h"
#include "libxos/unique_fd.h"
#include "xosd/fetcher/fetch_protocol.h"

namespace xos {

inline constexpr char kFetchUser[] = "_xos-fetch";  // made by the package

struct FetcherOptions {
    std::string program;  // xos-fetch
    uid_t uid = 0;        // that it takes; 0 is refused by it
    gid_t gid = 0;
    size_t running_max = 4;  // processes at a time; others wait
};

// The installed program and its user; not_found where the package's user is missing.
Outcome<FetcherOptions> installed_fetcher();

struct Fetched {
    FetchAnswer answer;
    UniqueFd body;  // sealed: nothing can change it; empty where unchanged
};

class FetchClient {
  public:
    using Done = std::function<void(Outcome<Fetched>)>;

    FetchClient(EventLoop& loop, FetcherOptions options);
    ~FetchClient();  // kills what still runs; no done is called
    FetchClient(const FetchClient&) = delete;
    FetchClient& operator=(const FetchClient&) = delete;

    // done is called once, from the loop, never before this returns.
    void fetch(FetchRequest request, Done done);

  private:
    struct Child;
    struct Waiting {
        FetchRequest request;
        Done done;
    };
    Outcome<void> start(const FetchRequest& request, Child& child);
    void pump();
    void end(uint64_t id);

    EventLoop& loop_;
    FetcherOptions options_;
    std::deque<Waiting> waiting_;
    std::map<uint64_t, std::unique_ptr<Child>> running_;
    uint64_t next_ = 1;
    EventSource pump_;
};

// All of a sealed memory file: a read-only view of it, unmapped with the owner.
class MappedBytes {
  public:
    // Errc::invalid: it is not sealed, or larger than max.
    static Outcome<MappedBytes> map(int fd, uint64_t max);
    MappedBytes(MappedBytes&& other) noexcept : text_(std::exchange(other.text_, {})) {}
    MappedBytes& operator=(MappedBytes&&) = delete;
    ~MappedBytes();
    std::string_view text() const { return text_; }

  private:
    explicit MappedBytes(std::string_view text) : text_(text) {}
    std::string_view text_;
};

}  // namespace xos
