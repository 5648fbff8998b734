#include "xosd/control/interfaces.h"

#include "xosd/control/interface_fields.h"

/* org.xtreemos.Node */
static SD_VARLINK_DEFINE_METHOD(Status, OUT(version, STRING), OUT(vos, INT), OUT(accounts, INT),
                                OUT(sessions, INT));
static SD_VARLINK_DEFINE_METHOD(Explain, IN(login, STRING), IN(action, STRING), IN_OPTIONAL(node, STRING),
                                IN_OPTIONAL(at, INT), OUT(permit, BOOL), OUT(reason, STRING),
                                SD_VARLINK_DEFINE_OUTPUT(rules, SD_VARLINK_STRING, SD_VARLINK_ARRAY),
                                OUT(limits, STRING));
static SD_VARLINK_DEFINE_METHOD(Identify, OUT(name, STRING), OUT(site, STRING),
                                SD_VARLINK_DEFINE_OUTPUT(tags, SD_VARLINK_STRING, SD_VARLINK_ARRAY),
                                OUT(cpus, INT), OUT(memory, INT));
static SD_VARLINK_DEFINE_METHOD(Reload);
static SD_VARLINK_DEFINE_ERROR(Failed, FIELD(code, STRING), FIELD(message, STRING));

const sd_varlink_interface xos_interface_node = {
    .name = "org.xtreemos.Node",
    .symbols = {SD_VARLINK_INTERFACE_COMMENT(
                    "The node itself. Every call of org.xtreemos.* may answer Failed."),
                SD_VARLINK_SYMBOL_COMMENT("Version and counts."), &vl_method_Status,
                SD_VARLINK_SYMBOL_COMMENT(
                    "What both policies say of an action of a VO user, and why: here and now, or on another "
                    "node of the VO, or at another time (seconds since 1970)."),
                &vl_method_Explain,
                SD_VARLINK_SYMBOL_COMMENT(
                    "What policies and members know of the node; memory in MiB, 0 and empty: not told."),
                &vl_method_Identify, SD_VARLINK_SYMBOL_COMMENT("Read the configuration again (root)."),
                &vl_method_Reload,
                SD_VARLINK_SYMBOL_COMMENT(
                    "code: not-found, denied, invalid, unavailable, timeout, exists, conflict, "
                    "system; message: what happened, to what, what to do next."),
                &vl_error_Failed, NULL},
};

/* org.xtreemos.Trust */
static SD_VARLINK_DEFINE_STRUCT_TYPE(TrustedVo, FIELD(vo, STRING), FIELD(fingerprint, STRING),
                                     FIELD(serial, INT), FIELD(members, INT), FIELD(notAfter, INT),
                                     FIELD(bundleIssued, INT), FIELD(bundleNotAfter, INT), FIELD(grace, INT),
                                     FIELD(uidBase, INT), FIELD(uidsLocal, BOOL), FIELD_OPTIONAL(url, STRING),
                                     FIELD_OPTIONAL(source, STRING), FIELD_OPTIONAL(asked, INT),
                                     FIELD_OPTIONAL(failingSince, INT), FIELD_OPTIONAL(failure, STRING));
static SD_VARLINK_DEFINE_METHOD(Apply, IN_OPTIONAL(fingerprint, STRING),
                                SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(vo, TrustedVo, REQUIRED));
static SD_VARLINK_DEFINE_METHOD(Follow, IN(url, STRING), IN_OPTIONAL(fingerprint, STRING),
                                SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(vo, TrustedVo, REQUIRED));
static SD_VARLINK_DEFINE_METHOD(Refresh, IN(vo, STRING),
                                SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(vo, TrustedVo, REQUIRED));
static SD_VARLINK_DEFINE_METHOD(Remove, IN(vo, STRING));
static SD_VARLINK_DEFINE_METHOD(ListVos, SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(vos, TrustedVo, SD_VARLINK_ARRAY));

const sd_varlink_interface xos_interface_trust = {
    .name = "org.xtreemos.Trust",
    .symbols = {SD_VARLINK_INTERFACE_COMMENT("The VOs that this node follows (root)."), &vl_type_TrustedVo,
                SD_VARLINK_SYMBOL_COMMENT(
                    "Take a VO's bundle or delta, passed as a sealed memory file (memfd_create(2)). The "
                    "fingerprint of the VO key is needed the first time."),
                &vl_method_Apply,
                SD_VARLINK_SYMBOL_COMMENT("Fetch a VO's bundle from a web server, now and from now on."),
                &vl_method_Follow, SD_VARLINK_SYMBOL_COMMENT("Ask the server of a followed VO now."),
                &vl_method_Refresh, SD_VARLINK_SYMBOL_COMMENT("No longer follow a VO: its accounts vanish."),
                &vl_method_Remove, &vl_method_ListVos, NULL},
};

/* org.xtreemos.Session */
static SD_VARLINK_DEFINE_STRUCT_TYPE(LoginSession, FIELD(session, INT), FIELD(login, STRING), FIELD(uid, INT),
                                     FIELD(service, STRING), FIELD(remote, STRING), FIELD(pid, INT),
                                     FIELD(opened, INT), FIELD_OPTIONAL(expires, INT),
                                     FIELD_OPTIONAL(serial, STRING), FIELD_OPTIONAL(fingerprint, STRING),
                                     FIELD_OPTIONAL(cgroup, STRING), FIELD_OPTIONAL(ending, STRING));
static SD_VARLINK_DEFINE_STRUCT_TYPE(SessionProcess, PROCESS_FIELDS);
static SD_VARLINK_DEFINE_METHOD(ListSessions,
                                SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(sessions, LoginSession, SD_VARLINK_ARRAY));
static SD_VARLINK_DEFINE_METHOD(ShowSession, IN(session, INT),
                                SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(status, LoginSession, REQUIRED),
                                SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(processes, SessionProcess,
                                                                 SD_VARLINK_ARRAY));
static SD_VARLINK_DEFINE_METHOD(EndSession, IN(session, INT));

const sd_varlink_interface xos_interface_session = {
    .name = "org.xtreemos.Session",
    .symbols = {SD_VARLINK_INTERFACE_COMMENT("Sessions of VO users: root sees all, others their own."),
                &vl_type_LoginSession, &vl_type_SessionProcess, &vl_method_ListSessions,
                SD_VARLINK_SYMBOL_COMMENT(
                    "One session and its processes; none where it runs inside another session of its user."),
                &vl_method_ShowSession,
                SD_VARLINK_SYMBOL_COMMENT(
                    "Revokes its credential and ends its processes: SIGTERM, after five "
                    "seconds SIGKILL. Answers at once."),
                &vl_method_EndSession, NULL},
};

/* org.xtreemos.Credential */
static SD_VARLINK_DEFINE_STRUCT_TYPE(DelegatedCredential, FIELD(login, STRING), FIELD(serial, STRING),
                                     FIELD(parent, STRING), FIELD(expires, INT), FIELD(chain, STRING));
static SD_VARLINK_DEFINE_METHOD(Delegate, IN(certificate, STRING), IN_OPTIONAL(lifetime, INT),
                                OUT(serial, STRING), OUT(toBeSigned, STRING));
static SD_VARLINK_DEFINE_METHOD(Complete, IN(serial, STRING), IN(signature, STRING),
                                SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(delegated, DelegatedCredential, REQUIRED));
static SD_VARLINK_DEFINE_METHOD(ListDelegated,
                                SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(delegated, DelegatedCredential,
                                                                 SD_VARLINK_ARRAY));
static SD_VARLINK_DEFINE_METHOD(DestroyDelegated);

const sd_varlink_interface xos_interface_credential = {
    .name = "org.xtreemos.Credential",
    .symbols =
        {SD_VARLINK_INTERFACE_COMMENT(
             "Credentials that members delegate to this node: a key made here, certified by theirs."),
         &vl_type_DelegatedCredential,
         SD_VARLINK_SYMBOL_COMMENT(
             "Makes a key and drafts its proxy certificate (RFC 3820). certificate: the caller's OpenSSH "
             "certificate as TYPE BASE64; lifetime: seconds, 12 h at most; toBeSigned: base64."),
         &vl_method_Delegate,
         SD_VARLINK_SYMBOL_COMMENT("The signature (base64, Ed25519) over the draft, within a minute."),
         &vl_method_Complete, SD_VARLINK_SYMBOL_COMMENT("Those that hold: root sees all, others their own."),
         &vl_method_ListDelegated, SD_VARLINK_SYMBOL_COMMENT("Ends the caller's own; its key is erased."),
         &vl_method_DestroyDelegated, NULL},
};

/* org.xtreemos.Job */
static SD_VARLINK_DEFINE_STRUCT_TYPE(JobStatus, FIELD(job, STRING), FIELD(login, STRING),
                                     FIELD(state, STRING), FIELD(command, STRING), FIELD(submitted, INT),
                                     FIELD_OPTIONAL(started, INT), FIELD_OPTIONAL(ended, INT),
                                     FIELD_OPTIONAL(waitStatus, INT), FIELD_OPTIONAL(reason, STRING),
                                     FIELD(generation, INT), FIELD_OPTIONAL(output, STRING),
                                     FIELD_OPTIONAL(cpuUsec, INT), FIELD_OPTIONAL(cpuUserUsec, INT),
                                     FIELD_OPTIONAL(cpuSystemUsec, INT), FIELD_OPTIONAL(memoryPeak, INT),
                                     FIELD_OPTIONAL(processesPeak, INT), FIELD_OPTIONAL(processesTotal, INT),
                                     FIELD_OPTIONAL(wallUsec, INT));
static SD_VARLINK_DEFINE_STRUCT_TYPE(ProcessEvent, FIELD(time, INT), FIELD(event, STRING), FIELD(pid, INT),
                                     FIELD_OPTIONAL(parent, INT), FIELD_OPTIONAL(containerPid, INT),
                                     FIELD_OPTIONAL(identity, INT), FIELD_OPTIONAL(waitStatus, INT),
                                     FIELD_OPTIONAL(uid, INT), FIELD_OPTIONAL(effectiveUid, INT),
                                     FIELD_OPTIONAL(gid, INT), FIELD_OPTIONAL(effectiveGid, INT),
                                     FIELD_OPTIONAL(comm, STRING), FIELD_OPTIONAL(number, INT),
                                     FIELD_OPTIONAL(reason, STRING));
static SD_VARLINK_DEFINE_STRUCT_TYPE(JobProcess, PROCESS_FIELDS);
static SD_VARLINK_DEFINE_METHOD(Run, SD_VARLINK_DEFINE_INPUT(argv, SD_VARLINK_STRING, SD_VARLINK_ARRAY),
                                SD_VARLINK_DEFINE_INPUT(environment, SD_VARLINK_STRING, SD_VARLINK_ARRAY),
                                IN(directory, STRING), IN(mode, STRING), IN_OPTIONAL(output, STRING),
                                IN_OPTIONAL(rows, INT), IN_OPTIONAL(columns, INT), OUT(job, STRING));
static SD_VARLINK_DEFINE_METHOD(Attach, IN(job, STRING), OUT(job, STRING));
static SD_VARLINK_DEFINE_METHOD(ListJobs, IN(all, BOOL),
                                SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(jobs, JobStatus, SD_VARLINK_ARRAY));
static SD_VARLINK_DEFINE_METHOD(Describe, IN(job, STRING),
                                SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(status, JobStatus, REQUIRED),
                                SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(processes, JobProcess, SD_VARLINK_ARRAY),
                                OUT(eventsLost, INT), OUT(exitCodesUnknown, INT));
static SD_VARLINK_DEFINE_METHOD_FULL(Subscribe, SD_VARLINK_SUPPORTS_MORE, IN(job, STRING), IN(follow, BOOL),
                                     SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(events, ProcessEvent,
                                                                      SD_VARLINK_ARRAY));
static SD_VARLINK_DEFINE_METHOD(Wait, IN(job, STRING),
                                SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(status, JobStatus, REQUIRED));
static SD_VARLINK_DEFINE_METHOD(Cancel, IN(job, STRING), IN_OPTIONAL(now, BOOL));
static SD_VARLINK_DEFINE_METHOD(Checkpoint, IN(job, STRING), IN(stop, BOOL), OUT(generation, INT),
                                OUT(bytes, INT));
static SD_VARLINK_DEFINE_METHOD(Restart, IN(job, STRING), IN_OPTIONAL(generation, INT),
                                SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(status, JobStatus, REQUIRED));
static SD_VARLINK_DEFINE_METHOD(Forget, IN(job, STRING));

const sd_varlink_interface xos_interface_job = {
    .name = "org.xtreemos.Job",
    .symbols =
        {SD_VARLINK_INTERFACE_COMMENT("Jobs in containers: root sees all, others their own."),
         SD_VARLINK_SYMBOL_COMMENT("state: starting, running, ending (asked to end), restarting, ended; "
                                   "reason: why it was ended, or why "
                                   "there is no waitStatus. Of an ended job, over all its runs: microseconds "
                                   "of processors and of time, "
                                   "bytes, processes; absent: not known."),
         &vl_type_JobStatus,
         &vl_type_JobProcess,
         SD_VARLINK_SYMBOL_COMMENT("mode: terminal, pipes (wait for Attach before they start) or batch."),
         &vl_method_Run,
         SD_VARLINK_SYMBOL_COMMENT("Passes a socket that carries the job's standard streams in frames."),
         &vl_method_Attach,
         SD_VARLINK_SYMBOL_COMMENT("all: ended jobs too."),
         &vl_method_ListJobs,
         SD_VARLINK_SYMBOL_COMMENT("One job and its process tree."),
         &vl_method_Describe,
         SD_VARLINK_SYMBOL_COMMENT(
             "What happened to the job's processes, in order; many replies, the last one "
             "empty. follow: until the job has ended."),
         &vl_type_ProcessEvent,
         &vl_method_Subscribe,
         SD_VARLINK_SYMBOL_COMMENT("Answers when the job has ended."),
         &vl_method_Wait,
         SD_VARLINK_SYMBOL_COMMENT(
             "Ends every process of the job: SIGTERM, after ten seconds SIGKILL; now: at once. "
             "Answers when it has ended."),
         &vl_method_Cancel,
         SD_VARLINK_SYMBOL_COMMENT("Writes a checkpoint; stop: the job ends once it is safe on disk."),
         &vl_method_Checkpoint,
         SD_VARLINK_SYMBOL_COMMENT("Continues an ended job from a checkpoint."),
         &vl_method_Restart,
         SD_VARLINK_SYMBOL_COMMENT("Removes an ended job and its checkpoints."),
         &vl_method_Forget,
         NULL},
};

/* org.xtreemos.Account */
static SD_VARLINK_DEFINE_STRUCT_TYPE(
    Account, FIELD(login, STRING), FIELD(uid, INT), FIELD(vo, STRING), FIELD_OPTIONAL(state, STRING),
    FIELD_OPTIONAL(memberId, STRING), FIELD_OPTIONAL(firstUsed, INT), FIELD_OPTIONAL(lastLogin, INT),
    FIELD_OPTIONAL(purged, INT), FIELD_OPTIONAL(sessions, INT), FIELD_OPTIONAL(jobs, INT),
    FIELD_OPTIONAL(endedJobs, INT), FIELD_OPTIONAL(delegatedUntil, INT),
    SD_VARLINK_DEFINE_FIELD(homes, SD_VARLINK_STRING, SD_VARLINK_ARRAY | SD_VARLINK_NULLABLE));
static SD_VARLINK_DEFINE_METHOD(List, IN_OPTIONAL(vo, STRING), IN(all, BOOL), IN_OPTIONAL(after, INT),
                                SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(accounts, Account, SD_VARLINK_ARRAY),
                                OUT_OPTIONAL(next, INT));
static SD_VARLINK_DEFINE_METHOD(Show, IN_OPTIONAL(login, STRING), IN_OPTIONAL(uid, INT),
                                SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(account, Account, REQUIRED));
static SD_VARLINK_DEFINE_METHOD(Purge, IN_OPTIONAL(login, STRING), IN_OPTIONAL(uid, INT), IN(dryRun, BOOL),
                                OUT(login, STRING), OUT(uid, INT),
                                SD_VARLINK_DEFINE_OUTPUT(homes, SD_VARLINK_STRING, SD_VARLINK_ARRAY),
                                OUT(jobs, INT), OUT(delegated, BOOL));

const sd_varlink_interface xos_interface_account = {
    .name = "org.xtreemos.Account",
    .symbols =
        {SD_VARLINK_INTERFACE_COMMENT(
             "Accounts of VO users on this node. Everybody may ask who is a member; what somebody has here "
             "is "
             "told to root and to that member: without it the optional fields are absent."),
         SD_VARLINK_SYMBOL_COMMENT(
             "state: member, suspended, gone, or unknown where the VO's bundle does not open. Times are "
             "seconds since 1970."),
         &vl_type_Account,
         SD_VARLINK_SYMBOL_COMMENT("Accounts by uid, a page at a time: where next is answered, call again "
                                   "with it as after. all: also "
                                   "those that have nothing here."),
         &vl_method_List, SD_VARLINK_SYMBOL_COMMENT("One account, by login name or uid."), &vl_method_Show,
         SD_VARLINK_SYMBOL_COMMENT(
             "Removes what somebody who is gone left here: home, delegated credential, ended jobs (root). "
             "dryRun: tells what there is."),
         &vl_method_Purge, NULL},
};
