# shellcheck shell=bash
# For the scripts that measure things side by side, which source this.

# need_number NAME WORD
need_number() {
    if ! [[ $2 =~ ^[1-9][0-9]*$ ]]; then
        echo "$1 is a number of at least 1, not $2" >&2
        exit 2
    fi
}

# usage SCRIPT: the comment that it begins with.
usage() {
    sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$1"
}

# Sets `network` to what a command is run by to have a network of its own: no TIME-WAIT of the one before. Without the right
# to one it is empty, and the answer is no.
own_network() {
    local way
    for way in -n -rn; do
        # Expanded by the shell inside.
        # shellcheck disable=SC2016
        network=(unshare "$way" sh -euc 'ip link set lo up; exec "$@"' sh)
        if "${network[@]}" true 2>/dev/null; then
            return
        fi
    done
    network=()
    return 1
}

# Says so if two cores are not to be had alone; what is measured then is the others as well.
need_quiet_machine() {
    local load
    if [ "$(nproc)" -lt 2 ]; then
        echo "this needs two cores, one for each side" >&2
        exit 1
    fi
    load=$(cut -d ' ' -f 1 /proc/loadavg)
    if ! awk -v load="$load" 'BEGIN { exit load >= 0.5 }'; then
        echo "the load is $load before anything has begun: others are measured too" >&2
    fi
}

# in_turn ROUND NAME...: the names, in every second round from the last to the first.
in_turn() {
    local round=$1
    shift
    if ((round % 2)); then
        printf '%s\n' "$@"
    else
        printf '%s\n' "$@" | tac
    fi
}

# What it was measured on.
machine() {
    echo "$(date -u +%FT%TZ), Linux $(uname -r), $(nproc) cores, $(sed -n 's/^model name\s*: //p' /proc/cpuinfo | head -n 1); load averages $(cut -d ' ' -f 1-3 /proc/loadavg)"
    echo
}

# For awk: the middle one of values[1] to values[n], which are in order afterwards.
# shellcheck disable=SC2034
awk_median='
    function median(values, n,    i, j, t) {
        for (i = 2; i <= n; i++)
            for (j = i; j > 1 && values[j - 1] > values[j]; j--) {
                t = values[j]; values[j] = values[j - 1]; values[j - 1] = t
            }
        return n % 2 ? values[(n + 1) / 2] : (values[n / 2] + values[n / 2 + 1]) / 2
    }'
