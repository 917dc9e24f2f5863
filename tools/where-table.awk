# Reads what tools/where.awk prints, of several runs; prints them side by side, row by row, in microseconds for each connection.

function row(title, whats,    list, n, i, k, sum) {
    n = split(whats, list, " ")
    printf "%-46s", title
    for (k = 1; k <= runs; k++) {
        sum = 0
        for (i = 1; i <= n; i++) {
            sum += time[name[k], list[i]]
            if (!((name[k], list[i]) in told)) left[k] -= time[name[k], list[i]]
            told[name[k], list[i]] = 1
        }
        printf sum < 0.05 ? " %12s" : " %12.1f", sum < 0.05 ? "" : sum
    }
    printf "\n"
}

{
    if (!($1 in seen)) {
        seen[$1] = 1
        name[++runs] = $1
    }
    time[$1, $2] += $3
    if ($2 == "all") left[runs] = $3
}

END {
    printf "%-46s", ""
    for (k = 1; k <= runs; k++) printf " %12s", name[k]
    printf "\n"
    row("shutdown", "shutdown")
    row("close", "close")
    row("recv", "recvfrom read readv")
    row("SO_ERROR, SO_PROTOCOL, TCP_INFO", "getsockopt")
    row("SIOCOUTQ", "ioctl")
    row("epoll_ctl", "epoll_ctl")
    row("epoll_wait", "epoll_wait epoll_pwait")
    row("connect", "connect")
    row("send", "sendto write sendmsg")
    row("socket, the port, names", "socket setsockopt bind getpeername getsockname fcntl")
    row("user space: the program", "user")
    row("user space: libraries", "library")
    printf "%-46s", "the rest"
    for (k = 1; k <= runs; k++) printf " %12.1f", left[k]
    printf "\n"
    row("in all", "all")
}
