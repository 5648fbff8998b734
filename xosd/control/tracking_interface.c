#include "xosd/control/interface_fields.h"
#include "xosd/control/interfaces.h"

/* org.xtreemos.Tracking; by itself, since its methods have names that others have, too */
static SD_VARLINK_DEFINE_STRUCT_TYPE(Binding, FIELD(name, STRING), FIELD(cgroup, STRING), FIELD(kind, STRING),
                                     FIELD_OPTIONAL(pattern, STRING), FIELD_OPTIONAL(since, INT),
                                     FIELD_OPTIONAL(processes, INT));
static SD_VARLINK_DEFINE_STRUCT_TYPE(Agent, FIELD(pid, INT), FIELD(filtered, BOOL));
static SD_VARLINK_DEFINE_STRUCT_TYPE(ContainerProcess, PROCESS_FIELDS);
static SD_VARLINK_DEFINE_METHOD(Add, IN_OPTIONAL(cgroup, STRING), IN_OPTIONAL(container, STRING),
                                IN_OPTIONAL(name, STRING), OUT(name, STRING), OUT(cgroup, STRING));
static SD_VARLINK_DEFINE_METHOD(Remove, IN(name, STRING));
static SD_VARLINK_DEFINE_METHOD(List, SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(bindings, Binding, SD_VARLINK_ARRAY),
                                SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(agent, Agent, REQUIRED));
static SD_VARLINK_DEFINE_METHOD(Describe, IN(name, STRING), OUT(name, STRING), OUT(cgroup, STRING),
                                SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(processes, ContainerProcess,
                                                                 SD_VARLINK_ARRAY),
                                OUT(eventsLost, INT), OUT(exitCodesUnknown, INT));

const sd_varlink_interface xos_interface_tracking = {
    .name = "org.xtreemos.Tracking",
    .symbols =
        {SD_VARLINK_INTERFACE_COMMENT(
             "What the connector agent tracks: jobs, login sessions and the containers of others (root)."),
         SD_VARLINK_SYMBOL_COMMENT(
             "kind: job, session or container; pattern: of the configuration, where that found it; since: "
             "seconds since 1970; processes: absent where the cgroup cannot be read."),
         &vl_type_Binding, &vl_type_Agent, &vl_type_ContainerProcess,
         SD_VARLINK_SYMBOL_COMMENT(
             "Track a container from now on, until its cgroup is removed: by the path of its cgroup in the "
             "v2 tree, or by its id. One of both is given. name: made from the path where it is not given."),
         &vl_method_Add, SD_VARLINK_SYMBOL_COMMENT("No longer track a container."), &vl_method_Remove,
         &vl_method_List, SD_VARLINK_SYMBOL_COMMENT("One container and its process tree."),
         &vl_method_Describe, NULL},
};
