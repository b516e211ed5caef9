# Runs "$@" and ends as it does. When standard input closes first, this whole process group is killed.
exec 3<&0
"$@" </dev/null 3<&- &
program=$!
{
    while read -r _; do :; done
    kill -KILL 0
} <&3 >/dev/null 2>&1 &
watch=$!
exec 3<&-
wait "$program"
status=$?
kill -KILL "$watch"
exit "$status"
