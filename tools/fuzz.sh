#!/usr/bin/env bash
# Runs every fuzz target of the module for the given time each, in turn.
set -euo pipefail
time=${1:?usage: tools/fuzz.sh 5s}
cd "$(dirname "$0")/.."
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Until Go 1.27 the end of a target's time is now and then reported as a failure,
# with the deadline's own error and no failing input (https://go.dev/issue/75804).
# That says nothing, so the target runs again. Whatever names an input fails at once.
fuzz() {
	local try
	for try in 1 2 3; do
		go test -run='^$' -fuzz="^$2\$" -fuzztime="$time" -fuzzminimizetime=10x "$1" 2>&1 | tee "$log" && return
		grep -q '^ *context deadline exceeded$' "$log" || return 1
		if grep -qE 'Failing input|panic:|_test\.go:' "$log"; then return 1; fi
		echo "== $2: only its time was up (try $try)"
	done
	return 1
}

count=0
while IFS=: read -r file name; do
	pkg=./$(dirname "$file")
	echo "== $pkg $name ($time)"
	fuzz "$pkg" "$name"
	count=$((count + 1))
done < <(git grep -oE '^func Fuzz[A-Za-z0-9_]+' -- '*_test.go' | sed 's/:func /:/')
[ "$count" -gt 0 ] || { echo "no fuzz target found"; exit 1; }
echo "$count fuzz targets ran"
