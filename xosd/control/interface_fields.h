/* Short words for the fields of varlink interfaces. C: see interfaces.h.
 *
 * Owns: nothing. Process: xosd. Trusts: nothing.
 */
#ifndef XOS_CONTROL_INTERFACE_FIELDS_H
#define XOS_CONTROL_INTERFACE_FIELDS_H

#define REQUIRED 0
#define IN(name, type) SD_VARLINK_DEFINE_INPUT(name, SD_VARLINK_##type, REQUIRED)
#define IN_OPTIONAL(name, type) SD_VARLINK_DEFINE_INPUT(name, SD_VARLINK_##type, SD_VARLINK_NULLABLE)
#define OUT(name, type) SD_VARLINK_DEFINE_OUTPUT(name, SD_VARLINK_##type, REQUIRED)
#define OUT_OPTIONAL(name, type) SD_VARLINK_DEFINE_OUTPUT(name, SD_VARLINK_##type, SD_VARLINK_NULLABLE)
#define FIELD(name, type) SD_VARLINK_DEFINE_FIELD(name, SD_VARLINK_##type, REQUIRED)
#define FIELD_OPTIONAL(name, type) SD_VARLINK_DEFINE_FIELD(name, SD_VARLINK_##type, SD_VARLINK_NULLABLE)

/* What process_json.h says of a process, in whatever interface. */
#define PROCESS_FIELDS                                                                                 \
    FIELD(pid, INT), FIELD(parent, INT), FIELD_OPTIONAL(containerPid, INT), FIELD(uid, INT),           \
        FIELD(state, STRING), FIELD(started, INT), FIELD(cpuUsec, INT), FIELD(memory, INT),            \
        FIELD(threads, INT), FIELD(comm, STRING), FIELD_OPTIONAL(identity, INT), FIELD(escaped, BOOL), \
        FIELD(command, STRING)

#endif
