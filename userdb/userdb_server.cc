#include "userdb/userdb_server.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <systemd/sd-varlink.h>

#include <map>
#include <optional>

#include "common/log.h"
#include "libxos/accounts_source.h"
#include "libxos/names.h"
#include "userdb/enumeration.h"
#include "userdb/interface.h"
#include "userdb/records.h"

namespace xos {
namespace {

constexpr unsigned kConnectionsMax = 1024;
constexpr unsigned kConnectionsPerUserMax = 128;
constexpr int kBatch = 64;  // answers between two looks at whether they are read

constexpr char kNoRecord[] = "io.systemd.UserDatabase.NoRecordFound";
constexpr char kBadService[] = "io.systemd.UserDatabase.BadService";
constexpr char kNotAvailable[] = "io.systemd.UserDatabase.ServiceNotAvailable";
constexpr char kConflicting[] = "io.systemd.UserDatabase.ConflictingRecordFound";

struct ServerUnref {
    void operator()(sd_varlink_server* server) const { sd_varlink_server_unref(server); }
};
struct LinkUnref {
    void operator()(sd_varlink* link) const { sd_varlink_unref(link); }
};

// What a request asks for; of memberships, name is the user's.
struct Request {
    std::optional<uint32_t> id;
    std::optional<std::string> name, group;

    bool names_nothing() const { return !id && !name && !group; }
};

bool may_be_ours(const std::string& name) {
    return name.size() <= kLoginNameMax && name.contains('@');
}
bool may_be_ours(uint32_t id) {
    return id >= kUidMin && id <= kUidMax;
}

sd_json_variant* find_value(sd_json_variant* parameters, const char* key) {
    sd_json_variant* const value = sd_json_variant_by_key(parameters, key);
    return value == nullptr || sd_json_variant_is_null(value) != 0 ? nullptr : value;
}

// The key at fault, as varlink has it told; empty: none.
std::string_view read_text(sd_json_variant* parameters, const char* key, std::optional<std::string>& into) {
    sd_json_variant* const value = find_value(parameters, key);
    if (value == nullptr) return "";
    if (sd_json_variant_is_string(value) == 0) return key;
    into = sd_json_variant_string(value);
    return "";
}
std::string_view read_id(sd_json_variant* parameters, const char* key, std::optional<uint32_t>& into) {
    sd_json_variant* const value = find_value(parameters, key);
    if (value == nullptr) return "";
    if (sd_json_variant_is_unsigned(value) == 0 || sd_json_variant_unsigned(value) > UINT32_MAX) return key;
    into = static_cast<uint32_t>(sd_json_variant_unsigned(value));
    return "";
}

// Of one kind of record: what differs between users and groups.
struct UserKind {
    static constexpr const char* kId = "uid";
    static constexpr const char* kName = "userName";
    static constexpr const char* kFilters[] = {"fuzzyNames", "dispositionMask", "uidMin", "uidMax", "uuid"};
    static auto find(const AccountsFile& file, const auto& key) { return file.find_user(key); }
    static uint32_t id_of(const AccountView& account) { return account.uid; }
    static Enumeration walk(PinnedAccounts accounts) { return Enumeration::users(std::move(accounts)); }
};
struct GroupKind {
    static constexpr const char* kId = "gid";
    static constexpr const char* kName = "groupName";
    static constexpr const char* kFilters[] = {"fuzzyNames", "dispositionMask", "gidMin", "gidMax", "uuid"};
    static auto find(const AccountsFile& file, const auto& key) { return file.find_group(key); }
    static uint32_t id_of(const GroupView& group) { return group.gid; }
    static Enumeration walk(PinnedAccounts accounts) { return Enumeration::groups(std::move(accounts)); }
};

// The record, or the error's name.
using Answer = std::expected<Json, const char*>;

template <typename Kind>
Answer look_up(const AccountsFile& file, const Request& request) {
    using Found = decltype(Kind::find(file, uint32_t{0}));
    Found by_id = std::unexpected(Error{Errc::not_found, 0, ""}), by_name = by_id;
    if (request.id && may_be_ours(*request.id)) by_id = Kind::find(file, *request.id);
    if (request.name && may_be_ours(*request.name))
        by_name = Kind::find(file, std::string_view(*request.name));
    for (const Found* found : {&by_id, &by_name})
        if (!*found && found->error().code == Errc::unavailable) return std::unexpected(kNotAvailable);
    if (!by_id && !by_name) return std::unexpected(kNoRecord);
    if (request.id && request.name && (!by_id || !by_name || Kind::id_of(*by_id) != Kind::id_of(*by_name)))
        return std::unexpected(kConflicting);
    return make_record(by_id ? *by_id : *by_name);
}

}  // namespace

struct UserdbServer::Impl {
    // Answers under way to one caller.
    struct Stream {
        std::unique_ptr<sd_varlink, LinkUnref> link;
        Enumeration enumeration;
        Json pending;  // the next one; the last one of all ends the call
        UniqueFd fd;   // the link's, once more: epoll(7) takes each number once
        EventSource on_writable;
    };

    EventLoop& loop;
    Places places;
    AccountsSource source;
    std::map<sd_varlink*, Stream> streams;
    uint64_t calls = 0;
    std::unique_ptr<sd_varlink_server, ServerUnref>
        server;  // last: it ends first, and tells of each link's end

    Impl(EventLoop& l, Places p) : loop(l), places(p), source(p.accounts, p.boot) {}

    std::optional<PinnedAccounts> map_own() const;
    int begin_stream(sd_varlink* link, sd_varlink_method_flags_t flags,
                     std::optional<Enumeration> enumeration);
    void pump(sd_varlink* link);
    template <typename Kind>
    int get_record(sd_varlink* link, sd_json_variant* parameters, sd_varlink_method_flags_t flags);
    int get_memberships(sd_varlink* link, sd_json_variant* parameters, sd_varlink_method_flags_t flags);
};

namespace {

bool names_us(sd_json_variant* parameters) {
    std::optional<std::string> service;
    return read_text(parameters, "service", service).empty() && service == kUserdbService;
}

using Impl = UserdbServer::Impl;

template <typename Kind>
int on_get_record(sd_varlink* link, sd_json_variant* parameters, sd_varlink_method_flags_t flags,
                  void* impl) {
    ++static_cast<Impl*>(impl)->calls;
    return static_cast<Impl*>(impl)->get_record<Kind>(link, parameters, flags);
}
int on_get_memberships(sd_varlink* link, sd_json_variant* parameters, sd_varlink_method_flags_t flags,
                       void* impl) {
    ++static_cast<Impl*>(impl)->calls;
    return static_cast<Impl*>(impl)->get_memberships(link, parameters, flags);
}
void on_disconnect(sd_varlink_server*, sd_varlink* link, void* impl) {
    static_cast<Impl*>(impl)->streams.erase(link);
}

}  // namespace

std::optional<PinnedAccounts> UserdbServer::Impl::map_own() const {
    for (const char* path : {places.accounts, places.boot})
        if (auto accounts = map_accounts(path)) return std::optional<PinnedAccounts>(std::move(*accounts));
    return std::nullopt;
}

template <typename Kind>
int UserdbServer::Impl::get_record(sd_varlink* link, sd_json_variant* parameters,
                                   sd_varlink_method_flags_t flags) {
    if (!names_us(parameters)) return sd_varlink_error(link, kBadService, nullptr);
    Request request;
    std::string_view fault = read_id(parameters, Kind::kId, request.id);
    if (fault.empty()) fault = read_text(parameters, Kind::kName, request.name);
    for (const char* filter : Kind::kFilters)
        if (fault.empty() && find_value(parameters, filter) != nullptr) fault = filter;
    if (!fault.empty()) return sd_varlink_error_invalid_parameter_name(link, std::string(fault).c_str());
    if (request.names_nothing()) {
        auto own = map_own();
        if (!own) return sd_varlink_error(link, kNotAvailable, nullptr);
        return begin_stream(link, flags, Kind::walk(std::move(*own)));
    }
    if (!(request.id && may_be_ours(*request.id)) && !(request.name && may_be_ours(*request.name)))
        return sd_varlink_error(link, kNoRecord, nullptr);
    Answer answer = std::unexpected(kNotAvailable);
    if (const auto accounts = source.pin()) answer = look_up<Kind>(*accounts, request);
    return answer ? sd_varlink_reply(link, answer->variant())
                  : sd_varlink_error(link, answer.error(), nullptr);
}

int UserdbServer::Impl::get_memberships(sd_varlink* link, sd_json_variant* parameters,
                                        sd_varlink_method_flags_t flags) {
    if (!names_us(parameters)) return sd_varlink_error(link, kBadService, nullptr);
    Request request;
    std::string_view fault = read_text(parameters, "userName", request.name);
    if (fault.empty()) fault = read_text(parameters, "groupName", request.group);
    if (!fault.empty()) return sd_varlink_error_invalid_parameter_name(link, std::string(fault).c_str());
    for (const auto& name : {request.name, request.group})
        if (name && !may_be_ours(*name)) return sd_varlink_error(link, kNoRecord, nullptr);
    auto own = map_own();
    if (!own) return sd_varlink_error(link, kNotAvailable, nullptr);
    Enumeration enumeration =
        Enumeration::memberships(std::move(*own), request.name.value_or(""), request.group.value_or(""));
    if (!request.name || !request.group) return begin_stream(link, flags, std::move(enumeration));
    const auto one = enumeration.next();
    return one ? sd_varlink_reply(link, one->variant()) : sd_varlink_error(link, kNoRecord, nullptr);
}

int UserdbServer::Impl::begin_stream(sd_varlink* link, sd_varlink_method_flags_t flags,
                                     std::optional<Enumeration> enumeration) {
    if ((flags & SD_VARLINK_METHOD_MORE) == 0)
        return sd_varlink_error(link, SD_VARLINK_ERROR_EXPECTED_MORE, nullptr);
    auto first = enumeration->next();
    if (!first) return sd_varlink_error(link, kNoRecord, nullptr);
    UniqueFd fd(fcntl(sd_varlink_get_fd(link), F_DUPFD_CLOEXEC, 3));
    if (!fd) return sd_varlink_error(link, kNotAvailable, nullptr);
    auto watched = loop.watch_fd(fd.get(), EPOLLOUT, [this, link](uint32_t) { pump(link); });
    if (!watched) return sd_varlink_error(link, kNotAvailable, nullptr);
    streams.insert_or_assign(
        link, Stream{std::unique_ptr<sd_varlink, LinkUnref>(sd_varlink_ref(link)), std::move(*enumeration),
                     *std::move(first), std::move(fd), *std::move(watched)});
    return 0;
}

// Some more answers, where those before are on their way: a caller that does not read costs one batch.
void UserdbServer::Impl::pump(sd_varlink* link) {
    const auto found = streams.find(link);
    if (found == streams.end()) return;
    Stream& stream = found->second;
    const int waiting_for = sd_varlink_get_events(link);
    if (waiting_for >= 0 && (waiting_for & EPOLLOUT) != 0) return;
    for (int i = 0; waiting_for >= 0 && i < kBatch; ++i) {
        auto next = stream.enumeration.next();
        if (!next) {
            sd_varlink_reply(link, stream.pending.variant());
            break;
        }
        if (sd_varlink_notify(link, stream.pending.variant()) < 0) break;
        stream.pending = *std::move(next);
        if (i + 1 == kBatch) return;
    }
    streams.erase(link);
}

UserdbServer::UserdbServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
UserdbServer::~UserdbServer() = default;

Outcome<std::unique_ptr<UserdbServer>> UserdbServer::start(EventLoop& loop, Places places) {
    auto impl = std::make_unique<Impl>(loop, places);
    sd_varlink_server* server = nullptr;
    constexpr auto kFlags = static_cast<sd_varlink_server_flags_t>(SD_VARLINK_SERVER_ACCOUNT_UID |
                                                                   SD_VARLINK_SERVER_INHERIT_USERDATA);
    if (const int r = sd_varlink_server_new(&server, kFlags); r < 0)
        return failure_errno(-r, "cannot make the server");
    impl->server.reset(server);
    sd_varlink_server_set_userdata(server, impl.get());
    sd_varlink_server_set_info(server, "XtreemOS", "XtreemOS accounts", kVersion, "");
    sd_varlink_server_set_connections_max(server, kConnectionsMax);
    sd_varlink_server_set_connections_per_uid_max(server, kConnectionsPerUserMax);
    int r = sd_varlink_server_add_interface(server, &xos_interface_user_database);
    if (r >= 0)
        r = sd_varlink_server_bind_method(server, "io.systemd.UserDatabase.GetUserRecord",
                                          on_get_record<UserKind>);
    if (r >= 0)
        r = sd_varlink_server_bind_method(server, "io.systemd.UserDatabase.GetGroupRecord",
                                          on_get_record<GroupKind>);
    if (r >= 0)
        r = sd_varlink_server_bind_method(server, "io.systemd.UserDatabase.GetMemberships",
                                          on_get_memberships);
    if (r >= 0) r = sd_varlink_server_bind_disconnect(server, on_disconnect);
    if (r >= 0) r = sd_varlink_server_attach_event(server, loop.get(), SD_EVENT_PRIORITY_NORMAL);
    if (r < 0) return failure_errno(-r, "cannot set the server up");
    return std::unique_ptr<UserdbServer>(new UserdbServer(std::move(impl)));
}

Outcome<void> UserdbServer::listen(UniqueFd socket) {
    if (const int r = sd_varlink_server_listen_fd(impl_->server.get(), socket.get()); r < 0)
        return failure_errno(-r, "cannot listen on the socket that was passed");
    (void)socket.release();  // the server owns it now
    return {};
}

uint64_t UserdbServer::count_calls() const {
    return impl_->calls;
}

bool UserdbServer::is_idle() const {
    return sd_varlink_server_current_connections(impl_->server.get()) == 0;
}

}  // namespace xos
