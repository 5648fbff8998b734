#include "userdb/interface.h"

#define KEY(name, type) SD_VARLINK_DEFINE_INPUT(name, SD_VARLINK_##type, SD_VARLINK_NULLABLE)
/* optional in the API, and not supported here: a client that gets InvalidParameter filters by itself */
#define FILTERS(min, max)                                                                                    \
    SD_VARLINK_DEFINE_INPUT(fuzzyNames, SD_VARLINK_STRING, SD_VARLINK_ARRAY | SD_VARLINK_NULLABLE),          \
        SD_VARLINK_DEFINE_INPUT(dispositionMask, SD_VARLINK_STRING, SD_VARLINK_ARRAY | SD_VARLINK_NULLABLE), \
        KEY(min, INT), KEY(max, INT), KEY(uuid, STRING)
#define SERVICE KEY(service, STRING)
#define RECORD                                              \
    SD_VARLINK_DEFINE_OUTPUT(record, SD_VARLINK_OBJECT, 0), \
        SD_VARLINK_DEFINE_OUTPUT(incomplete, SD_VARLINK_BOOL, SD_VARLINK_NULLABLE)

static SD_VARLINK_DEFINE_METHOD_FULL(GetUserRecord, SD_VARLINK_SUPPORTS_MORE, KEY(uid, INT),
                                     KEY(userName, STRING), FILTERS(uidMin, uidMax), SERVICE, RECORD);
static SD_VARLINK_DEFINE_METHOD_FULL(GetGroupRecord, SD_VARLINK_SUPPORTS_MORE, KEY(gid, INT),
                                     KEY(groupName, STRING), FILTERS(gidMin, gidMax), SERVICE, RECORD);
static SD_VARLINK_DEFINE_METHOD_FULL(GetMemberships, SD_VARLINK_SUPPORTS_MORE, KEY(userName, STRING),
                                     KEY(groupName, STRING), SERVICE,
                                     SD_VARLINK_DEFINE_OUTPUT(userName, SD_VARLINK_STRING, 0),
                                     SD_VARLINK_DEFINE_OUTPUT(groupName, SD_VARLINK_STRING, 0));
static SD_VARLINK_DEFINE_ERROR(NoRecordFound);
static SD_VARLINK_DEFINE_ERROR(BadService);
static SD_VARLINK_DEFINE_ERROR(ServiceNotAvailable);
static SD_VARLINK_DEFINE_ERROR(ConflictingRecordFound);
static SD_VARLINK_DEFINE_ERROR(NonMatchingRecordFound);
static SD_VARLINK_DEFINE_ERROR(EnumerationNotSupported);

const sd_varlink_interface xos_interface_user_database = {
    .name = "io.systemd.UserDatabase",
    .symbols = {&vl_method_GetUserRecord, &vl_method_GetGroupRecord, &vl_method_GetMemberships,
                &vl_error_NoRecordFound, &vl_error_BadService, &vl_error_ServiceNotAvailable,
                &vl_error_ConflictingRecordFound, &vl_error_NonMatchingRecordFound,
                &vl_error_EnumerationNotSupported, NULL},
};
