# Reads `perf script -F time,ip,sym,dso` of a client; prints `name` WHAT MICROSECONDS for each kind of work, for each of `connections`, of samples that are
# `period` microseconds of CPU time. With `from` and `to` only what lies between the first sample in the one system call and the
# last in the other.

function end_sample(    what) {
    if (!depth) return
    what = call ? call : kernel ? "kernel" : "user"
    if (what == "user" && dso !~ /finwait|floor/) what = "library"
    n++
    kind[n] = what
    if (what == from && !first) first = n
    if (what == to) last = n
    depth = 0
    call = ""
}

# A sample's frames, the innermost first, each with its address.
/^[ \t]+[0-9a-f]+ / {
    if (!depth++) {
        kernel = $1 ~ /^ffff/
        dso = $NF
    }
    # Which names the entry of a system call has depends on the kernel; the outermost is what the program has asked for.
    if (match($2, /^__(x64|arm64|se)_sys_/)) {
        call = substr($2, RLENGTH + 1)
        sub(/\+0x.*/, "", call)
    }
    next
}
{ end_sample() }

END {
    end_sample()
    if (!from) { first = 1; last = n }
    if (!first || !last) exit 1
    for (i = first; i <= last; i++) {
        sum[kind[i]]++
        all++
    }
    for (what in sum) printf "%s %s %.3f\n", name, what, sum[what] * period / connections
    printf "%s all %.3f\n", name, all * period / connections
}
