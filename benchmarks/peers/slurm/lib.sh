# Slurm beside Khu: shared by up and down. Sourced, with DIR (the set-up's folder) already set.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../../../tools/lib/hosts.sh
. "$here/../../../tools/lib/hosts.sh"

packages="slurmctld slurmd slurm-client slurm-wlm-basic-plugins libslurm-dev munge
    openmpi-bin gcc libc6-dev"
nodes="n1 n2 n3 n4"
export KHU_HOSTS=$DIR/hosts
export SLURM_CONF=$DIR/slurm.conf

say() { printf 'slurm: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# Runs a command on a host with our configuration; /etc/slurm is neither read nor written.
on() { local host=$1; shift; in_host "$host" env SLURM_CONF="$SLURM_CONF" "$@"; }

# Waits up to 30 s until the command given succeeds.
wait_until() {
    local i
    for ((i = 0; i < 600; i++)); do
        if "$@"; then return 0; fi
        sleep 0.05
    done
    return 1
}

controller_runs() { in_host ctl pgrep -x slurmctld >/dev/null; }
controller_gone() { ! controller_runs; }
controller_answers() { on ctl scontrol ping 2>/dev/null | grep -q UP; }

nodes_idle() {
    local idle
    idle=$(on ctl sinfo -h -N -t idle,alloc,mix -o %N 2>/dev/null | sort -u | wc -l)
    [ "$idle" = "$(wc -w <<<"$nodes")" ]
}
