#!/usr/bin/env bash
# A compiler that writes down what each crate costs: its name and CPU seconds (user), a line each, to COMPILE_COST_LOG.
name=-
previous=
for argument in "$@"; do
    [ "$previous" = --crate-name ] && name=$argument
    previous=$argument
done
TIMEFORMAT=%U
exec 3>&1 4>&2
seconds=$({ time "$@" 1>&3 2>&4; } 2>&1)
status=$?
echo "$name $seconds" >> "$COMPILE_COST_LOG"
exit $status
