#!/usr/bin/env bash
# What compiling costs, in CPU seconds (user) of the one crate, dependencies prebuilt, release: ottla-protocol with
# everything, with what a producer or consumer needs, and kafka-protocol with its enums of all messages. All take
# turns, ROUNDS times (3); the medians and their ratios close the run. Wants a quiet machine.
set -euo pipefail
cd "$(dirname "$0")/.."

rounds=${1:-3}
target=${CARGO_TARGET_DIR:-target}/compile-cost
mkdir -p "$target"
log=$(realpath "$target")/log
export CARGO_INCREMENTAL=0 CARGO_TARGET_DIR=$target COMPILE_COST_LOG=$log
RUSTC_WRAPPER=$(realpath benches/timed-rustc.sh)
export RUSTC_WRAPPER
: > "$log"

cases=(everything clients kafka-protocol)
build() {
    case $1 in
    everything) cargo build --quiet --release -p ottla-protocol --features json,any ;;
    clients)
        cargo build --quiet --release -p ottla-protocol --no-default-features --features gzip,snappy,lz4,zstd
        ;;
    kafka-protocol) cargo build --quiet --release -p ottla-benches --features kafka-protocol-everything ;;
    esac
}
crate_of() {
    case $1 in kafka-protocol) echo kafka-protocol ;; *) echo ottla-protocol ;; esac
}
seconds_of() {
    awk -v name="$(crate_of "$1" | tr - _)" '$1 == name { seconds = $2 } END { print seconds }' "$log"
}
median() {
    sort -n | awk '{ x[NR] = $1 } END { print x[int((NR + 1) / 2)] }'
}

declare -A seconds
for case in "${cases[@]}"; do build "$case"; done
for ((round = 1; round <= rounds; round++)); do
    for case in "${cases[@]}"; do
        cargo clean --quiet --release -p "$(crate_of "$case")"
        build "$case"
        seconds[$case]+="$(seconds_of "$case") "
    done
done

peer=$(tr ' ' '\n' <<< "${seconds[kafka-protocol]% }" | median)
printf '%-16s %8s %6s  %s\n' "user CPU s" median ratio all
for case in "${cases[@]}"; do
    middle=$(tr ' ' '\n' <<< "${seconds[$case]% }" | median)
    ratio=$(awk "BEGIN { printf \"%.2f\", $middle / $peer }")
    printf '%-16s %8s %6s  %s\n' "$case" "$middle" "$ratio" "${seconds[$case]}"
done
