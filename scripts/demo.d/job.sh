# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034  # node, log, agent and failed are the story teller's: scripts/demo
# Steps 6 to 8: jobs in containers, checkpoint and restart, the daemon killed meanwhile. Sourced by scripts/demo.

in_session() { must user1@desk "ssh user1@physics@node '$1'"; }
newest_job() { "$node" exec node -- xos jobs --all | awk 'END {print $1}'; }

heading "6. Programs in containers, tracked until the last process"
in_session 'xos run id'
in_session 'xos run sh -c "echo hello from pid \$\$; exit 7"; echo "exit status $?"'
line="ssh user1@physics@node 'xos run bash -c \"(setsid sleep 1000 &); sleep 5; echo the program is through\"'"
show user1@desk "$line &"
"$node" exec desk --user user1 -- bash -c "export SSH_AUTH_SOCK=$agent; $line" &
running=$!
sleep 2
tree=$(newest_job)
in_session "xos ps $tree"
root_pid=$("$node" exec node -- xos ps "$tree" | awk '$2 == 1 {print $1}')
must root@node "ps -u user1@physics -o user:16,pid,ppid,args; pstree -p -u $root_pid"
wait "$running" || { failed=1; echo '!! the program did not end well'; }
in_session "xos wait $tree"
in_session "xos events $tree"
refused root@node "ps -eo user:16,args | grep '^user1@phy.*slee[p] 1000'"

heading "7. A long computation, checkpointed, killed, continued"
program='BEGIN { for (n = 1; n <= 60; n++) { s = 0; for (i = 1; i < 400000; i++) s = (s * 31 + i * n) % 1000003; print n, s; fflush() } }'
printf '%s\n' "$program" | "$node" exec node -- tee /tmp/long.awk
must root@node 'gawk -f /tmp/long.awk > /tmp/uninterrupted; tail -n 1 /tmp/uninterrupted'
in_session 'xos submit -o long.out gawk "$(cat /tmp/long.awk)"'
job=$(newest_job)
sleep 1
in_session "tail -n 1 long.out; xos checkpoint $job; tail -n 1 long.out"
show root@node "kill -9 every process of $job"
"$node" exec node -- bash -c "xos ps $job | awk '\$2 ~ /^[0-9]+\$/ {print \$1}' | xargs kill -9"
in_session "xos wait $job; echo \"exit status \$?\""
in_session "xos restart $job; xos ps $job; xos wait $job"
must root@node 'cmp /home/xos/physics/user1/long.out /tmp/uninterrupted && echo "byte for byte the same: $(wc -l < /tmp/uninterrupted) lines"'

heading "8. xosd killed while a job runs"
in_session 'xos submit bash -c "sleep 6; exit 3"'
job=$(newest_job)
must root@node 'node-service kill xosd; node-service status xosd || echo "xosd is gone"'
must root@node "pgrep -u user1@physics -a sleep"
show root@node "start xosd again"
"$node" service node start xosd >>"$log" 2>&1
in_session "xos ps $job"
in_session "xos wait $job; echo \"exit status \$?\""
