#!/bin/sh
# run_example.sh PROGRAM: runs it twice on one store of its own, so that both ways in (a new store,
# one that exists) are tried.
set -eu
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
export XDG_RUNTIME_DIR="$directory" HEARTH_IDLE_EXIT_MS=200
"$1" "$directory/store"
"$1" "$directory/store"
