#!/usr/bin/env bash
# Breaks the machine and the driver on purpose, one breakage of tools/mutants.txt at a time, in a copy of the tree, and
# sees to it that a test of finwait catches each. Takes some minutes.
#
# tools/mutants.sh [--check] [WORD...]: only those whose name contains one of the words; --check only looks whether each
# still has its place in the source. Exits with 1 if one survives, with 2 if one cannot be applied or built.
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "$0")/.."
# A mutation may well ask for all memory there is.
ulimit -v 8000000

list=tools/mutants.txt
sources=crates/finwait/src
home=${CARGO_TARGET_DIR:-$PWD/target}/mutants
# The quick ones first: the first that fails is enough.
suites=('--test machine_table' --lib '--test endings' '--test machine_walk' '--test model')
# Seconds: of anything, and of each suite once it is known how long it takes.
longest=600
declare -A bounds=()

stop() {
    echo "tools/mutants.sh: $*" >&2
    exit 2
}

# ---- the list

names=() files=() olds=() news=()
read_list() {
    local line number=0 newline=$'\n'
    while IFS= read -r line; do
        number=$((number + 1))
        case $line in
        '' | '#'*) ;;
        '== '*) names+=("${line#== }") files+=('') olds+=('') news+=('') ;;
        -*) olds[-1]+=${olds[-1]:+$newline}${line#-} ;;
        +*) news[-1]+=${news[-1]:+$newline}${line#+} ;;
        *)
            [ -z "${files[-1]}" ] || stop "$list:$number: what is this line?"
            files[-1]=$sources/$line
            ;;
        esac
    done <"$list"
}

# mutated I: the source of mutation I with the mutation in it. Its place must be there, and only once: then it can neither
# be lost unseen nor land somewhere else when the source changes.
mutated() {
    local file=${files[$1]} old=${olds[$1]} text before after
    [ -f "$file" ] || stop "no file $file, of: ${names[$1]}"
    [ -n "$old" ] || stop "nothing to replace, of: ${names[$1]}"
    text=$(<"$file")
    before=${text%%"$old"*} after=${text#*"$old"}
    [ "$before" != "$text" ] || stop "no longer in $file, of: ${names[$1]}"
    [ "${after#*"$old"}" = "$after" ] || stop "more than once in $file, of: ${names[$1]}"
    printf '%s\n' "$before${news[$1]}$after"
}

wanted() {
    local word
    [ ${#words[@]} -gt 0 ] || return 0
    for word in "${words[@]}"; do
        [[ $1 != *"$word"* ]] || return 0
    done
    return 1
}

# ---- the tests

# Runs the suites until one fails. `caught` is by which test, or empty.
run_suites() {
    local suite
    caught=
    for suite in "${suites[@]}"; do
        # What does not build is no mutation, and would pass for one that is caught.
        cargo_in_copy "$longest" "$suite" --no-run || {
            tail -n 30 "$home/log" >&2
            stop "does not build"
        }
        run_suite "$suite"
        [ -z "$caught" ] || return 0
    done
}

# What ran out of time has shown nothing yet: the machine may have been busy. Only a suite that does so twice is caught.
run_suite() {
    local suite=$1 attempt code start=$SECONDS
    for attempt in once twice; do
        code=0
        cargo_in_copy "${bounds[$suite]:-$longest}" "$suite" || code=$?
        if [ "$code" -eq 0 ]; then
            caught=
            # The first run of all is one without a mutation.
            : "${bounds[$suite]:=$(bound_of $((SECONDS - start)))}"
            return
        fi
        # A test that has failed counts, even where another one never ends.
        caught=$(sed -n 's/^test \(.*\) \.\.\. FAILED$/\1/p' "$home/log" | head -n 1)
        if [ -z "$caught" ]; then
            case $code in
            124 | 137) caught="no end in time, $attempt" && continue ;;
            *) caught='the process died' ;;
            esac
        fi
        break
    done
    suite=${suite#--}
    caught="${suite#test } $caught"
}

# bound_of SECONDS: how long a suite may take that took so many seconds without a mutation. A multiple, for other programs
# may want the processors; a small one, for a mutation whose effect is a loop without end costs it twice.
bound_of() {
    local bound=$(($1 * 5))
    echo $((bound < 60 ? 60 : bound))
}

# cargo_in_copy SECONDS SUITE [OPTION]
cargo_in_copy() {
    local seconds=$1 suite=$2
    shift 2
    # shellcheck disable=SC2086
    CARGO_TARGET_DIR=$home timeout --kill-after=10 "$seconds" \
        cargo test --manifest-path "$home/tree/Cargo.toml" -p finwait $suite "$@" >"$home/log" 2>&1
}

# ---- the run

words=() check=
for argument; do
    case $argument in
    --check) check=1 ;;
    -*) stop "usage: tools/mutants.sh [--check] [WORD...]" ;;
    *) words+=("$argument") ;;
    esac
done

read_list
chosen=()
for i in "${!names[@]}"; do
    mutated "$i" >/dev/null
    if wanted "${names[$i]}"; then chosen+=("$i"); fi
done
[ ${#chosen[@]} -gt 0 ] || stop "no mutation is called so: ${words[*]}"
if [ -n "$check" ]; then
    echo "${#names[@]} mutations have their place"
    exit
fi

rm -rf "$home/tree"
mkdir -p "$home/tree"
# With what is not committed yet.
git ls-files -z --cached --others --exclude-standard -- Cargo.toml Cargo.lock crates tools benches |
    tar --create --null --files-from=- --ignore-failed-read | tar --extract --touch --directory "$home/tree"

run_suites
[ -z "$caught" ] || stop "fails without any mutation: $caught"

survived=0
for i in "${chosen[@]}"; do
    start=$SECONDS
    mutated "$i" >"$home/tree/${files[$i]}"
    run_suites
    cat "${files[$i]}" >"$home/tree/${files[$i]}"
    if [ -z "$caught" ]; then
        caught='SURVIVED'
        survived=$((survived + 1))
    fi
    printf '%4d s  %-75s  %s\n' $((SECONDS - start)) "${names[$i]}" "$caught"
done
echo "${#chosen[@]} mutations, $survived survived, $SECONDS s"
[ "$survived" -eq 0 ]
