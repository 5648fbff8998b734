#include "userdb/records.h"

namespace xos {

namespace {

Json reply(JsonObject record) {
    record.set("disposition", Json::string("regular")).set("service", Json::string(kUserdbService));
    return JsonObject().set("record", record.build()).set("incomplete", Json::boolean(false)).build();
}

}  // namespace

Json make_record(const AccountView& account) {
    JsonObject record;
    record.set("userName", Json::string(account.name))
        .set("uid", Json::integer(account.uid))
        .set("gid", Json::integer(account.gid))
        .set("realName", Json::string(account.gecos))
        .set("homeDirectory", Json::string(account.home))
        .set("shell", Json::string(account.shell));
    return reply(std::move(record));
}

Json make_record(const GroupView& group) {
    JsonObject record;
    record.set("groupName", Json::string(group.name)).set("gid", Json::integer(group.gid));
    return reply(std::move(record));
}

Json make_membership(std::string_view user, std::string_view group) {
    return JsonObject().set("userName", Json::string(user)).set("groupName", Json::string(group)).build();
}

}  // namespace xos
