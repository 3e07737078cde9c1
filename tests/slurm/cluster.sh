#!/usr/bin/env bash
# A Slurm cluster of one node on this machine, for the test: `cluster.sh start FOLDER`, `cluster.sh stop FOLDER`.
# Needs root and Debian's packages slurm-wlm and munge, which it installs if apt-get can. Two GPUs are pretended, so that
# asking for them can be tried.
set -euo pipefail
action=$1 folder=$2
conf=/etc/slurm/slurm.conf
first=errordrops1 second=errordrops2
ours="# made by errordrops' tests/slurm/cluster.sh"

cannot() {
    echo "$1"
    exit 77
}

start() {
    [ "$(id -u)" = 0 ] || cannot "a Slurm cluster of one's own wants root"
    if [ -e $conf ] && ! grep -q "^$ours" $conf; then cannot "$conf is there already: this machine has a Slurm of its own"; fi
    if ! command -v slurmctld slurmd munged sbatch >/dev/null; then
        command -v apt-get >/dev/null || cannot "slurm-wlm and munge are not installed, and there is no apt-get"
        { apt-get update -qq && apt-get install -y -qq --no-install-recommends slurm-wlm munge; } >"$folder/apt.log" 2>&1 \
            || cannot "apt-get could not install slurm-wlm and munge: $(tail -n 1 "$folder/apt.log")"
    fi
    local host hardware
    host=$(hostname)
    hardware=$(slurmd -C | head -n 1 | cut -d ' ' -f 2-)
    echo "127.0.0.1 $first $second $ours" >>/etc/hosts
    mkdir -p "$folder/state" "$folder/spool.$first" "$folder/spool.$second" /run/munge /var/log/munge /etc/slurm
    chown munge: /run/munge /var/log/munge
    cat >$conf <<END
$ours
ClusterName=errordrops
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool.%n
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/%n.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
ReturnToService=2
SchedulerParameters=sched_interval=2,batch_sched_delay=0
GresTypes=gpu
NodeName=$first NodeHostname=$host NodeAddr=127.0.0.1 Port=17001 $hardware Gres=gpu:2
NodeName=$second NodeHostname=$host NodeAddr=127.0.0.1 Port=17002 $hardware Gres=gpu:2
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
END
    printf 'Name=gpu File=%s\n' /dev/null /dev/zero >/etc/slurm/gres.conf
    # none of them must hold the pipe that the caller reads
    runuser -u munge -- munged --force >"$folder/munged.log" 2>&1 || cannot "munged: $(cat "$folder/munged.log")"
    slurmctld >"$folder/start.log" 2>&1
    slurmd -N $first >>"$folder/start.log" 2>&1
    slurmd -N $second >>"$folder/start.log" 2>&1
    for _ in $(seq 60); do
        if [ "$(sinfo -h -t idle -o %D 2>/dev/null)" = 2 ]; then return; fi
        sleep 0.5
    done
    stop
    cannot "no two idle nodes after 30 s: $(grep error "$folder/slurmctld.log" | tail -n 2)"
}

stop() {
    local name
    for name in $first $second slurmctld; do
        if [ -s "$folder/$name.pid" ]; then kill "$(cat "$folder/$name.pid")" 2>/dev/null || true; fi
    done
    if [ -s /run/munge/munged.pid ]; then kill "$(cat /run/munge/munged.pid)" 2>/dev/null || true; fi
    # not sed -i: in a container /etc/hosts can be written, not replaced
    if grep -q "$ours" /etc/hosts; then printf '%s\n' "$(grep -v "$ours" /etc/hosts)" >/etc/hosts; fi
    if [ -e $conf ] && grep -q "^$ours" $conf; then rm -f $conf /etc/slurm/gres.conf; fi
}

$action
