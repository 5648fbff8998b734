#include "common/tracking/agent_protocol.h"

#include <algorithm>
#include <concepts>
#include <cstring>
#include <type_traits>
#include <utility>

namespace xos {
namespace {

void counters_fields(auto& io, auto& c) {
    io(c.passed, c.received, c.lost, c.forks, c.execs, c.exits, c.exit_codes_unknown, c.adopted, c.resyncs,
       c.peak, c.exact);
}

void process_fields(auto& io, auto& p) {
    io(p.pid, p.container_pid, p.parent_pid, p.uid, p.state, p.main, p.escaped, p.threads, p.start_ticks,
       p.start_time_us, p.cpu_time_us, p.memory, p.identity, p.held, p.exit_status);
    io.text(p.comm, kCommMax);
    io.text(p.command_line, kCommandLineMax);
}

class Writer {
  public:
    template <typename... Values>
    void operator()(const Values&... values) {
        (put(values), ...);
    }
    void text(const std::string& value, size_t limit) {
        const size_t size = std::min(value.size(), limit);
        put(static_cast<uint32_t>(size));
        append(value.data(), size);
    }
    template <typename Enum>
    void limited(Enum value, Enum) {
        put(std::to_underlying(value));
    }
    template <typename Message>
    void nested(const Message& message) {
        Message::fields(*this, message);
    }
    void counters(const TrackingCounters& value) { counters_fields(*this, value); }
    void processes(const std::vector<ProcessInfo>& list, size_t limit) {
        const size_t size = std::min(list.size(), limit);
        put(static_cast<uint32_t>(size));
        for (size_t i = 0; i < size; ++i) process_fields(*this, list[i]);
    }
    std::vector<std::byte> take() { return std::move(bytes_); }

  private:
    template <std::integral T>
    void put(T value) {
        append(&value, sizeof value);
    }
    void put(bool value) { put(static_cast<uint8_t>(value)); }
    void put(const std::optional<int32_t>& value) {
        put(value.has_value());
        put(value.value_or(0));
    }
    void append(const void* data, size_t size) {
        const auto* begin = static_cast<const std::byte*>(data);
        bytes_.insert(bytes_.end(), begin, begin + size);
    }
    std::vector<std::byte> bytes_;
};

class Reader {
  public:
    explicit Reader(std::span<const std::byte> bytes) : rest_(bytes) {}
    template <typename... Values>
    void operator()(Values&... values) {
        (get(values), ...);
    }
    void text(std::string& value, size_t limit) {
        uint32_t size = 0;
        get(size);
        if (size > limit || size > rest_.size()) return fail_all();
        value.assign(reinterpret_cast<const char*>(rest_.data()), size);
        rest_ = rest_.subspan(size);
    }
    template <typename Enum>
    void limited(Enum& value, Enum last) {
        std::underlying_type_t<Enum> number = 0;
        get(number);
        if (number > std::to_underlying(last)) return fail_all();
        value = static_cast<Enum>(number);
    }
    template <typename Message>
    void nested(Message& message) {
        Message::fields(*this, message);
    }
    void counters(TrackingCounters& value) { counters_fields(*this, value); }
    void processes(std::vector<ProcessInfo>& list, size_t limit) {
        uint32_t size = 0;
        get(size);
        if (size > limit) return fail_all();
        for (uint32_t i = 0; i < size && ok_; ++i) process_fields(*this, list.emplace_back());
    }
    bool complete() const { return ok_ && rest_.empty(); }

  private:
    template <std::integral T>
    void get(T& value) {
        if (rest_.size() < sizeof value) return fail_all();
        std::memcpy(&value, rest_.data(), sizeof value);
        rest_ = rest_.subspan(sizeof value);
    }
    void get(bool& value) {
        uint8_t number = 0;
        get(number);
        if (number > 1) return fail_all();
        value = number == 1;
    }
    void get(std::optional<int32_t>& value) {
        bool present = false;
        int32_t number = 0;
        get(present);
        get(number);
        if (!present && number != 0) return fail_all();  // one form for each message
        if (present) value = number;
    }
    void fail_all() {
        ok_ = false;
        rest_ = {};
    }
    std::span<const std::byte> rest_;
    bool ok_ = true;
};

template <size_t Index = 0>
bool read_alternative(Reader& reader, size_t index, AgentMessage& message) {
    if constexpr (Index < std::variant_size_v<AgentMessage>) {
        if (index != Index) return read_alternative<Index + 1>(reader, index, message);
        auto& alternative = message.emplace<Index>();
        std::remove_reference_t<decltype(alternative)>::fields(reader, alternative);
        return true;
    }
    return false;
}

}  // namespace

const char* loss_reason_name(LossReason reason) {
    switch (reason) {
        case LossReason::overflow:
            return "overflow";
        case LossReason::kernel_gap:
            return "kernel-gap";
        case LossReason::silence:
            return "silence";
        case LossReason::agent_restart:
            return "agent-restart";
        case LossReason::journal:
            return "journal";
    }
    return "?";
}

std::vector<std::byte> encode_agent_message(const AgentMessage& message) {
    Writer writer;
    writer(static_cast<uint32_t>(message.index()));
    std::visit([&](const auto& m) { writer.nested(m); }, message);
    return writer.take();
}

Result<AgentMessage> parse_agent_message(std::span<const std::byte> bytes) {
    if (bytes.size() > kAgentMessageMax) return fail(Errc::invalid, "an agent message is too long");
    Reader reader(bytes);
    uint32_t index = 0;
    reader(index);
    AgentMessage message;
    if (!read_alternative(reader, index, message))
        return fail(Errc::invalid, "an agent message of unknown kind");
    if (!reader.complete()) return fail(Errc::invalid, "an agent message breaks its limits");
    return message;
}

}  // namespace xos
