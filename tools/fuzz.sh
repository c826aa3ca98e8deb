#!/usr/bin/env bash
# Runs every fuzz target of the module for the given time each. Each
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
# What a target says is printed when it is done, so that two do not mix.
fuzz() {
	local file=${1%%:*} name=${1#*:} try log
	local pkg=${file%/*}
	log=$(mktemp -p "$work")
	for try in 1 2 3; do
		if (cd "$root/$pkg" && "$(binary "$pkg")" -test.run='^$' -test.fuzz="^$name\$" -test.fuzztime="$time" -test.parallel=1 \
			-test.fuzzminimizetime=10x -test.fuzzcachedir="$corpus/$pkg" -test.paniconexit0) >"$log" 2>&1; then
			printf '== ./%s %s (%s)\n%s\n' "$pkg" "$name" "$time" "$(cat "$log")"
			touch "$work/ran-$name-${pkg//\//-}"
			return
		fi
		grep -q '^ *context deadline exceeded$' "$log" || break
		if grep -qE 'Failing input|panic:|_test\.go:' "$log"; then break; fi
		echo "== $name: only its time was up (try $try)"
	done
	printf '== ./%s %s failed\n%s\n' "$pkg" "$name" "$(cat "$log")"
	return 255
}
export -f fuzz
export root time corpus

# One worker a target, and as many targets at a time as there are cores: much of
# the short time of each is its beginning and its end.
targets | xargs -P "$(nproc)" -I{} bash -c 'fuzz {}'
ran=$(find "$work" -name 'ran-*' | wc -l)
want=$(targets | wc -l)
[ "$ran" -gt 0 ] && [ "$ran" = "$want" ] || { echo "$ran of $want fuzz targets ran"; exit 1; }
echo "$ran fuzz targets ran"
