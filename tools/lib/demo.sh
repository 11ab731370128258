#!/usr/bin/env bash
# The steps of tools/demo. Sourced, with root, demo (its folder) and bin set, after hosts.sh.

step=0
say() {
    step=$((step + 1))
    printf '\n%s %s\n' "[$step]" "$*"
}

# Builds the four programs. On a terminal ninja shows where it is; otherwise a line each tenth.
build_programs() {
    export CCACHE_BASEDIR=$root CCACHE_NOHASHDIR=1 CCACHE_SLOPPINESS=time_macros
    export NINJA_STATUS='[%f/%t %es] '
    mkdir -p build
    echo "Building khud, khu-agent, khu and khu-sim (the first time takes some minutes)."
    cmake --preset release >build/configure-release.log 2>&1 ||
        { cat build/configure-release.log; return 1; }
    local build=(cmake --build build/release -j "${KHU_JOBS:-$(nproc)}"
                 --target khud khu-agent khu-shepherd khu-rsh khu khu-sim)
    if [ -t 1 ]; then
        "${build[@]}"
    else
        "${build[@]}" | awk -F'[][/ ]' '
            /^\[[0-9]+\/[0-9]+ / { tenth = int(10 * $2 / $3)
                                   if (tenth > last) { last = tenth; print "built", $2, "of", $3 }
                                   next }
            { print }'
    fi
}

# --- the zone --------------------------------------------------------------------------------

start_controller() {
    mkdir -p "$demo/jobs"
    # Without --keep the hosts go when this script does, however that ends.
    local owner=$$
    [ "$keep" = no ] || owner=0
    KHU_HOSTS_OWNER=$owner KHU_HOSTS_KEEP="$root" hosts_up "$demo/hosts" hn-01 hn-02 hn-03 hn-04
    write_khud_command
    setsid "$demo/khud-start" </dev/null >/dev/null 2>&1 &
    disown
    start_relay
    wait_for "khud to answer" khu whoami
}

# A command that runs khud in its host and leaves its pid behind: for us, and for who kills it.
write_khud_command() {
    cat >"$demo/khud-start" <<COMMAND
#!/bin/sh
# Runs the demo's khud in the foreground, on its host. Its pid is in $demo/khud.pid.
echo \$\$ >'$demo/khud.pid'
exec nsenter -t $(host_pid ctl) -n -u -m --wdns='$demo' -- '$bin/khud' \\
    --zone '$demo/zone' --zone-id dn-cvpm2 --listen 10.77.0.1:7443 >>'$demo/khud.log' 2>&1
COMMAND
    chmod +x "$demo/khud-start"
}

# khud listens inside the hosts' network; the relay lets this machine's own loopback reach it.
start_relay() {
    setsid /usr/bin/python3 tools/lib/relay.py 0 "$(host_pid ctl)" 10.77.0.1 7443 \
        </dev/null >"$demo/relay.port" 2>"$demo/relay.log" &
    echo $! >"$demo/relay.pid"
    disown
    wait_for "the relay" test -s "$demo/relay.port"
    endpoint=https://127.0.0.1:$(<"$demo/relay.port")
}

start_agents() {
    start_agent hn-01 dgx-h100
    start_agent hn-02 dgx-h100
    start_agent hn-03 dgx-a100
    start_agent hn-04 t4x8
    wait_for "four nodes to be up" four_nodes_up
}

start_agent() {
    local name=$1 topology=$root/examples/topologies/$2.xml
    mkdir -p "$demo/agents/$name"
    echo "  $name presents $2"
    (cd "$demo" && in_host "$name" setsid "$bin/khu-agent" --controller 10.77.0.1:7443 \
        --join-token "$demo/zone/join.token" --ca "$demo/zone/ca.pem" --name "$name" \
        --topology "$topology" --state "$demo/agents/$name" \
        --address "$(host_address "$name")") </dev/null >"$demo/$name.log" 2>&1 &
    disown
}

four_nodes_up() {
    [ "$(khu nodes --format json | jq '[.nodes[] | select(.state == "up")] | length')" = 4 ]
}

stop_zone() {
    KHU_HOSTS=$demo/hosts
    end_process "$demo/khud.pid" khud
    end_process "$demo/relay.pid" relay.py
    [ ! -d "$KHU_HOSTS" ] || hosts_down
    rm -rf "$demo"
    echo "The demo's zone is stopped."
}

# Ends the process of a pid file, if it still is the one we think.
end_process() {
    local pid
    [ -s "$1" ] || return 0
    pid=$(<"$1")
    grep -qs "$2" "/proc/$pid/cmdline" || return 0
    kill "$pid" 2>/dev/null || return 0
    local i
    for ((i = 0; i < 100; i++)); do
        [ -d "/proc/$pid" ] || return 0
        sleep 0.05
    done
    kill -9 "$pid" 2>/dev/null || true
}

# --- talking to it ---------------------------------------------------------------------------

# khu as the zone's admin: root on the controller's machine, through the Unix socket.
khu() { KHU_ENDPOINT=unix:$demo/zone/khud.sock "$bin/khu" "$@"; }

# as USER WORDS...: khu as one of the users, over TLS with the user's token.
as() {
    local user=$1
    shift
    KHU_ENDPOINT=$endpoint KHU_CA_FILE=$demo/zone/ca.pem KHU_TOKEN_FILE=$demo/$user.token \
        "$bin/khu" "$@"
}

private_file() { (umask 077; cat >"$1"); }

# make_user NAME ID ENTERPRISE
make_user() {
    khu token create --user "$2" --enterprise "$3" --format json | jq -r .secret |
        private_file "$demo/$1.token"
    mkdir -p "$demo/jobs/$1"
}

# submit USER OPTIONS...: prints the job's number.
submit() {
    local user=$1
    shift
    as "$user" submit --parsable -C "$demo/jobs/$user" "$@"
}

# train USER PROGRAMME PARTITION NODES: four ranks in all, a GPU each.
train() {
    local per_node=$((4 / $4))
    submit "$1" --programme "$2" -p "$3" -n "$4" -g "$per_node" --tasks-per-node "$per_node" \
        -t 5m -J digits --launcher mpi -- \
        /usr/bin/python3 "$root/examples/digits/train.py" --epochs 20
}

wait_running() { wait_for "job $2 to run" is_running "$1" "$2"; }
is_running() {
    local phase
    phase=$(as "$1" show "$2" --format json | jq -r .phase)
    [ "$phase" = running ] || [ "$phase" = "done" ]
}

# A refusal is what is to be seen here: anything else is the demo's failure.
refused() {
    local user=$1 code=0
    shift
    as "$user" submit "$@" || code=$?
    [ $code = 1 ] || { echo "tools/demo: this should have been refused" >&2; return 1; }
}

# finish USER JOB: waits for it, and shows the last lines of its output.
finish() {
    local code=0
    as "$1" wait "$2" || code=$?
    as "$1" logs "$2" | tail -4
    [ $code = 0 ] || { echo "tools/demo: job $2 ended with $code" >&2; return 1; }
}

# The whole report goes into files; of its columns those that say who paid what are shown.
report() {
    local period row='%-4s %-11s %-9s %-11s %-9s %4s %8s %9s %12s %12s %12s %12s\n'
    period=$(date -u -d '7 hours' +%Y-%m)  # the policy's offset
    khu report jobs --period "$period" --format csv -o "$demo/usage.csv"
    khu report jobs --period "$period" --format jsonl -o "$demo/usage.jsonl" >/dev/null
    # shellcheck disable=SC2059
    printf "$row" job enterprise programme tier model gpus seconds "GPU-hours" "list dong" \
        national provincial "its own"
    jq -r '[.job_id, .enterprise_id, .programme, .tier, .gpu_model, .gpus, .elapsed_s,
            .charged_gpuh] +
           [.list_mvnd, .paid_national_mvnd, .paid_provincial_mvnd, .paid_enterprise_mvnd
            | . / 1000] | @tsv' "$demo/usage.jsonl" |
        while IFS=$'\t' read -r -a column; do
            # shellcheck disable=SC2059
            printf "$row" "${column[@]}"
        done
}

# --- when it stays up ------------------------------------------------------------------------

write_zone_env() {
    cat >"$demo/zone.env" <<ENV
KHU_ENDPOINT=$endpoint
KHU_CA_FILE=$demo/zone/ca.pem
KHU_TOKEN_FILE=$demo/zone/admin.token
KHU_DEMO_DIR=$demo
KHUD_PIDFILE=$demo/khud.pid
KHUD_COMMAND=$demo/khud-start
ENV
}

show_how_to_go_on() {
    cat <<TEXT

The zone is still up. In a shell:

    set -a; . $demo/zone.env; set +a
    $bin/khu queue                                # as the zone's admin
    KHU_TOKEN_FILE=$demo/song-han.token $bin/khu balance    # as a user
    kill -9 \$(cat \$KHUD_PIDFILE); setsid \$KHUD_COMMAND &   # nothing acknowledged is lost
    tools/demo --stop

$(sed 's/^/    /' "$demo/zone.env")
TEXT
}

# wait_for WHAT COMMAND...: up to 30 s.
wait_for() {
    local what=$1 i
    shift
    for ((i = 0; i < 50; i++)); do
        if "$@" >/dev/null 2>&1; then return 0; fi
        sleep 0.1
    done
    echo "tools/demo: waited 30 s in vain for $what. The last words:" >&2
    "$@" >&2 || true
    tail -n 5 "$demo"/*.log >&2
    return 1
}
