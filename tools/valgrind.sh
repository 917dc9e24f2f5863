#!/usr/bin/env bash
# The tests of finwait-platform, the one crate with `unsafe`, under valgrind: memory that is read before it was written, or
# outside of what was allocated, and memory that is lost. Installs what is missing, on Debian 12.
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "$0")/.."
# shellcheck source=tools/packages.sh
. tools/packages.sh

need valgrind valgrind
# A call with a length that no buffer has makes valgrind note down as much memory.
ulimit -v 6000000

# Only what is lost for certain: the test harness ends while a thread of its own still holds a little.
runner='["valgrind", "--quiet", "--error-exitcode=9", "--leak-check=full", "--show-leak-kinds=definite,indirect",
    "--errors-for-leak-kinds=definite,indirect", "--suppressions='$PWD'/tools/valgrind.supp"]'
# Without those that discard with the highest bound there is: valgrind looks at all of that "buffer", which takes all
# memory. Their calls are those of the other tests.
timeout --kill-after=10 10m cargo test -p finwait-platform --lib --tests \
    --config "target.'cfg(all())'.runner = $runner" -- \
    --skip discard_counts_what_it_drops --skip discard_takes_any_bound --skip discard_of_a_unix_stream
