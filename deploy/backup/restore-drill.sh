#!/bin/sh
# Prove that the newest backup can be restored: once a month, from a timer or by hand, beside the running hub.
# usage: restore-drill.sh BACKUP-FILE-OR-FOLDER
#
# It restores the backup into a folder of its own, reads everything in it, starts a hub on it (on a free loopback port,
# with keys that nobody else has), publishes a notification, receives it, and looks whether a client with a cursor from
# before is told of a gap. Then it removes all of that. The real hub, its folder and its settings are not touched.
# The last line says PASSED, with exit code 0, or FAILED and why, with 1. HUB is the command, where it is not in PATH.
# DRILL_MAX_AGE_HOURS (48): the newest backup of a folder must not be older.
set -eu
umask 077

hub=${HUB:-hub}
source=${1:?usage: restore-drill.sh BACKUP-FILE-OR-FOLDER}
max_age_hours=${DRILL_MAX_AGE_HOURS:-48}
work=$(mktemp -d "${TMPDIR:-/tmp}/hub-restore-drill.XXXXXX")
pid=

clean_up() {
    status=$?
    [ -z "$pid" ] || { kill "$pid" && wait "$pid"; } 2>/dev/null || true
    rm -rf "$work"
    exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

fail() {
    echo "restore drill FAILED: $1" >&2
    exit 1
}

# Nothing of the real hub's environment comes along: not its folder, not its keys, not its directory. It takes the place
# of the shell that it runs in, so that a signal to that one reaches the hub.
run() {
    exec env -i PATH="$PATH" HUB_DATA_DIR="$work/data" JWT_SECRET="$secret" HUB_SERVICE_KEYS="$line" HUB_PORT=0 HUB_DRAIN=0 \
        HUB_ON_DAMAGE=refuse HUB_SERVICE_KEY="$key" HUB_TOKEN="${token:-}" HUB_URL="${url:-}" "$hub" "$@"
}

# A value of a JSON object without objects in it.
value() {
    sed -n "s/.*\"$1\": *\"\{0,1\}\([^\",}]*\).*/\1/p"
}

if [ -d "$source" ]; then
    backup=$(find "$source" -maxdepth 1 -name 'hub-[0-9]*Z.sqlite3' | sort | tail -n 1)
    [ -n "$backup" ] || fail "there is no backup in $source"
    [ -n "$(find "$backup" -mmin "-$((max_age_hours * 60))")" ] || fail "$backup is older than $max_age_hours hours"
else
    backup=$source
fi

secret=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
made=$("$hub" key restore-drill --json) || fail "$hub cannot be run"
key=$(echo "$made" | value key)
line=$(echo "$made" | value line)

restored=$(run restore "$backup" --json) || fail "$backup cannot be restored"
records=$(($(echo "$restored" | value head) - $(echo "$restored" | value first) + 1))
(run check --deep) >"$work/check.txt" 2>&1 || fail "$(grep -m 1 '^fail' "$work/check.txt" || tail -n 1 "$work/check.txt")"

run serve 2>"$work/hub.log" &
pid=$!
tries=0
while url=$(sed -n 's/.*listening on \(http:[^" ]*\).*/\1/p' "$work/hub.log" | head -n 1) && [ -z "$url" ]; do
    kill -0 "$pid" 2>/dev/null || fail "the hub did not start: $(tail -n 1 "$work/hub.log")"
    tries=$((tries + 1))
    [ "$tries" -le 600 ] || fail "the hub did not start within a minute"
    sleep 0.1
done

# A made-up user of a made-up account, so that nothing of the backup is shown to anybody.
token=$(run token make --user restore-drill --account restore-drill) || fail "no token could be made"
(run notify --type order_updated --title drill --message drill --user restore-drill --account restore-drill) >/dev/null ||
    fail "the restored hub takes no notification"
: >"$work/frames.txt"
# A cursor of another epoch, as every client had it before: a gap, and then what is published from now on.
run tail --cursor a2b3c4d5e6-1 --json --count 1 --timeout 60 >"$work/frames.txt" 2>/dev/null &
tail=$!
tries=0
until grep -q '"type": *"gap"' "$work/frames.txt"; do
    kill -0 "$tail" 2>/dev/null || fail "a client from before was not told of a gap"
    tries=$((tries + 1))
    [ "$tries" -le 600 ] || fail "a client from before was not told of a gap within a minute"
    sleep 0.1
done
(run notify --type order_updated --title drill --message drill --user restore-drill --account restore-drill) >/dev/null ||
    fail "the restored hub takes no second notification"
wait "$tail" || fail "a notification did not arrive"

kill "$pid"
wait "$pid" || fail "the hub did not end in order"
pid=
echo "restore drill PASSED: $backup, $records records"
