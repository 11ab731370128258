#!/usr/bin/env bash
# Several "hosts" on one machine, made of namespaces: each has its own address on a bridge, its own
# host name, /etc/hosts, /tmp, /dev/shm and process table. The bridge lives in the controller host's
# network namespace, so the machine's own network is never touched and two runs never meet.
#
# Sourced:   . tools/lib/hosts.sh
#            hosts_up DIR hn-01 hn-02 ...  makes the controller host "ctl" (10.77.0.1) and these
#            in_host hn-01 hostname        runs a command inside (KHU_HOSTS is set by hosts_up)
#            hosts_down                    ends every process in them, by pid: nothing else is hit
# Called:    tools/lib/hosts.sh up DIR NAME... | in DIR NAME CMD... | down DIR
#
# KHU_HOSTS_OWNER  pid after whose end the hosts go by themselves (default: the caller; 0: never)
# KHU_HOSTS_KEEP   directories below /tmp, separated by blanks, that hosts go on seeing (DIR always)
#
# Needs root. Everything else of the file system is shared, as /home is on a real cluster.

hosts_say() { printf 'hosts: %s\n' "$*" >&2; }

# Prints why hosts cannot be made here, and fails; silent and true where they can.
hosts_possible() {
    [ "$(id -u)" = 0 ] || { echo "making hosts out of namespaces needs root"; return 1; }
    local tool
    for tool in unshare nsenter ip; do
        command -v "$tool" >/dev/null || { echo "$tool is not installed (tools/deps)"; return 1; }
    done
    unshare -n -u -m -p --fork true 2>/dev/null ||
        { echo "namespaces are not permitted here"; return 1; }
}

# The pid of the process that holds host NAME's namespaces, seen from outside; nothing if gone.
host_pid() {
    local file=$KHU_HOSTS/run/$1.pid pid
    [ -s "$file" ] || return 0
    pid=$(<"$file")
    # Believe the file only if that process still is our holder: pids are used again.
    [ "$(head -zn1 "/proc/$pid/cmdline" 2>/dev/null | tr -d '\0')" != "$(_hosts_label "$1")" ] ||
        echo "$pid"
}

_hosts_label() { echo "khu-$(<"$KHU_HOSTS/run/id")-$1"; }

host_address() { awk -v name="$1" '$2 == name { print $1 }' "$KHU_HOSTS/hosts"; }

# in_host NAME CMD...: runs CMD inside host NAME, in the caller's directory where it can see it.
in_host() {
    local name=$1 pid
    shift
    pid=$(host_pid "$name")
    [ -n "$pid" ] || { hosts_say "host $name is not up"; return 255; }
    nsenter -t "$pid" -n -u -m -p --wdns="$PWD" -- "$@"
}

# What a new host does before it holds still: names, then a fresh /tmp that shows what is kept.
# It is the first process of its process table, and ignoring SIGCHLD makes the kernel reap orphans.
_hosts_init='
    name=$1 dir=$2 label=$3; shift 3
    hostname "$name"
    ip link set lo up
    mount --bind "$dir/hosts" /etc/hosts
    mount -t tmpfs -o mode=1777 tmpfs /dev/shm
    mount -t tmpfs -o mode=1777 tmpfs /mnt
    for kept in "$dir" "$@"; do
        case $kept in /tmp/*) ;; *) continue ;; esac
        mkdir -p "/mnt/${kept#/tmp/}"
        mount --bind "$kept" "/mnt/${kept#/tmp/}"
    done
    mount --move /mnt /tmp
    exec env --ignore-signal=CHLD bash -c "exec -a $label sleep infinity"
'

# Starts host NAME's holder and waits for nothing: several start at once.
_hosts_start() {
    local name=$1
    # shellcheck disable=SC2086
    setsid unshare -n -u -m -p --fork --kill-child --mount-proc \
        bash -ec "$_hosts_init" init "$name" "$KHU_HOSTS" "$(_hosts_label "$name")" \
        ${KHU_HOSTS_KEEP:-} \
        </dev/null >"$KHU_HOSTS/run/$name.log" 2>&1 &
    echo $! >"$KHU_HOSTS/run/$name.outer"
    disown
}

# Waits until host NAME holds still, and writes down its pid.
_hosts_wait() {
    local name=$1 outer child i
    outer=$(<"$KHU_HOSTS/run/$name.outer")
    for ((i = 0; i < 500; i++)); do
        child=
        # read fails at the end of the line that has no newline, but has read it.
        read -r child _ 2>/dev/null <"/proc/$outer/task/$outer/children" || true
        if [ -n "$child" ]; then
            echo "$child" >"$KHU_HOSTS/run/$name.pid"
            [ -z "$(host_pid "$name")" ] || return 0
        elif [ ! -d "/proc/$outer" ]; then
            break
        fi
        sleep 0.01
    done
    hosts_say "host $name did not start: $(cat "$KHU_HOSTS/run/$name.log")"
    return 1
}

# One veth pair for each host, its far end in the bridge of the controller host.
_hosts_connect() {
    local name pid number=0
    {
        echo "link add br0 type bridge"
        echo "addr add 10.77.0.1/24 dev br0"
        echo "link set br0 up"
        for name in "$@"; do
            number=$((number + 1))
            echo "link add v$number type veth peer name eth0 netns $(host_pid "$name")"
            echo "link set v$number master br0 up"
        done
    } | nsenter -t "$(host_pid ctl)" -n ip -batch - || return 1
    for name in "$@"; do
        pid=$(host_pid "$name")
        printf 'addr add %s/24 dev eth0\nlink set eth0 up\n' "$(host_address "$name")" |
            nsenter -t "$pid" -n ip -batch - || return 1
    done
}

# hosts_up DIR NAME...: all up and connected, or an error and nothing left behind.
hosts_up() {
    local name number=10
    KHU_HOSTS=$(realpath -m "$1")
    shift
    export KHU_HOSTS
    hosts_possible || return 1
    mkdir -p "$KHU_HOSTS/run"
    echo "$$-$RANDOM" >"$KHU_HOSTS/run/id"
    printf '127.0.0.1 localhost\n10.77.0.1 ctl\n' >"$KHU_HOSTS/hosts"
    for name in "$@"; do
        number=$((number + 1))
        echo "10.77.0.$number $name" >>"$KHU_HOSTS/hosts"
    done
    for name in ctl "$@"; do _hosts_start "$name"; done
    for name in ctl "$@"; do _hosts_wait "$name" || { hosts_down; return 1; }; done
    _hosts_connect "$@" || { hosts_down; return 1; }
    _hosts_watch "${KHU_HOSTS_OWNER:-$$}"
}

# Ends the hosts when their owner is gone, however it went.
_hosts_watch() {
    [ "$1" != 0 ] || return 0
    setsid bash -c '. "$1"; KHU_HOSTS=$2; tail --pid="$3" -s 0.3 -f /dev/null; hosts_down' \
        watch "${BASH_SOURCE[0]}" "$KHU_HOSTS" "$1" </dev/null >/dev/null 2>&1 &
    echo $! >"$KHU_HOSTS/run/watch.pid"
    disown
}

# Ending the first process of a process table ends all in it; links and mounts go with the last.
hosts_down() {
    local file pid
    for file in "$KHU_HOSTS"/run/*.outer; do
        [ -e "$file" ] || continue
        # The holder dies with its outer process (--kill-child), even if it never got ready.
        pid=$(<"$file")
        ! grep -qs "khu-$(<"$KHU_HOSTS/run/id")-" "/proc/$pid/cmdline" || kill -9 "$pid" 2>/dev/null
        rm -f "$file" "${file%.outer}.pid"
    done
    if [ -s "$KHU_HOSTS/run/watch.pid" ]; then
        pid=$(<"$KHU_HOSTS/run/watch.pid")
        rm -f "$KHU_HOSTS/run/watch.pid"
        # The watcher itself comes here too, and must not end itself half way.
        [ "$pid" = $$ ] || ! grep -qs hosts_down "/proc/$pid/cmdline" ||
            kill -- "-$pid" 2>/dev/null
    fi
    return 0
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
    verb=${1:-}
    [ $# -ge 2 ] || { sed -n '2,16s/^# \{0,1\}//p' "$0"; exit 2; }
    KHU_HOSTS=$(realpath -m "$2")
    shift 2
    case $verb in
        up) KHU_HOSTS_OWNER=${KHU_HOSTS_OWNER:-$PPID} hosts_up "$KHU_HOSTS" "$@" ;;
        in) in_host "$@" ;;
        down) hosts_down ;;
        *) hosts_say "unknown verb $verb: up, in or down"; exit 2 ;;
    esac
fi
