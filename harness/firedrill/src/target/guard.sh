# Runs "$@" and ends as it does, after it: a SIGTERM to the group is for the program. When standard input closes first, this
# whole process group is killed.
exec 3<&0
trap : TERM
"$@" </dev/null 3<&- &
program=$!
{
    trap '' TERM
    while read -r _; do :; done
    kill -KILL 0
} <&3 >/dev/null 2>&1 &
watch=$!
exec 3<&-
wait "$program"
status=$?
# A signal ends the waiting, not the program.
while kill -0 "$program" 2>/dev/null; do
    wait "$program"
    status=$?
done
kill -KILL "$watch"
exit "$status"
