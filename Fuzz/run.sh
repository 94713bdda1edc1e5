#!/bin/sh
# Fuzz/run.sh TARGET [SECONDS]: runs one fuzz target on a copy of its corpus.
# Exit 0: nothing found. Otherwise the failing input is in Fuzz/crashes/TARGET; commit it with the fix.
# FUZZ_JOBS processes run side by side (default 1). FUZZ_MERGE=1 adds what was new to Fuzz/corpus/TARGET, minimised.
set -eu
target=${1:?usage: run.sh TARGET [SECONDS]}
seconds=${2:-60}
cd "$(dirname "$0")"
[ -d "Targets/$target" ] || { echo "no such target: $target; there are: $(ls Targets | tr '\n' ' ')" >&2; exit 2; }
swift build -c release --product "$target"
work=.build/corpus/$target
mkdir -p "$work" "corpus/$target" "crashes/$target"
dictionary=dictionaries/${target%%-*}.dict
set -- -max_len=4096 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 "-artifact_prefix=crashes/$target/"
[ -f "$dictionary" ] && set -- "$@" "-dict=$dictionary"
jobs=${FUZZ_JOBS:-1}
# The fuzzer's own signal handlers must see the trap: they write the input down.
export SWIFT_BACKTRACE=enable=no
if [ "$jobs" -gt 1 ]; then
    ".build/release/$target" "$@" "-max_total_time=$seconds" "-fork=$jobs" "$work" "corpus/$target"
else
    ".build/release/$target" "$@" "-max_total_time=$seconds" "$work" "corpus/$target"
fi
if [ "${FUZZ_MERGE:-0}" = 1 ]; then
    mkdir -p "$work.merged"
    rm -f "$work.merged"/*
    ".build/release/$target" -merge=1 -max_len=1024 "$work.merged" "corpus/$target" "$work"
    rm -f "corpus/$target"/*
    cp "$work.merged"/* "corpus/$target/"
fi
