#!/usr/bin/env bash
# Runs every fuzz target of the module for the given time each, in turn. Each
# package's tests are built once, with the instrumentation that fuzzing needs.
set -euo pipefail
time=${1:?usage: tools/fuzz.sh 5s}
cd "$(dirname "$0")/.."
root=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
corpus=$(go env GOCACHE)/fuzz/$(go list -m)

targets() { git grep -oE '^func Fuzz[A-Za-z0-9_]+' -- '*_test.go' | sed 's/:func /:/'; }
binary() { echo "$work/${1//\//-}.test"; }

# Linking keeps one core busy, so two at a time.
build() { go test -c -fuzz=. -vet=off -o "$(binary "$1")" "./$1"; }
export -f build binary
export work
targets | sed 's|/[^/]*:.*||' | sort -u | xargs -P 2 -I{} bash -c 'build {} || exit 255'

# Until Go 1.27 the end of a target's time is now and then reported as a failure,
# with the deadline's own error and no failing input (https://go.dev/issue/75804).
# That says nothing, so the target runs again. Whatever names an input fails at once.
fuzz() {
	local try
	for try in 1 2 3; do
		(cd "$root/$1" && "$(binary "$1")" -test.run='^$' -test.fuzz="^$2\$" -test.fuzztime="$time" \
			-test.fuzzminimizetime=10x -test.fuzzcachedir="$corpus/$1" -test.paniconexit0) 2>&1 | tee "$work/log" && return
		grep -q '^ *context deadline exceeded$' "$work/log" || return 1
		if grep -qE 'Failing input|panic:|_test\.go:' "$work/log"; then return 1; fi
		echo "== $2: only its time was up (try $try)"
	done
	return 1
}

count=0
while IFS=: read -r file name; do
	pkg=$(dirname "$file")
	echo "== ./$pkg $name ($time)"
	fuzz "$pkg" "$name"
	count=$((count + 1))
done < <(targets)
[ "$count" -gt 0 ] || { echo "no fuzz target found"; exit 1; }
echo "$count fuzz targets ran"
