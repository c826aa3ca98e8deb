#!/usr/bin/env bash
# Builds the binary twice, from two copies of the tree in two places and with
# empty build caches, and compares the hashes.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
build() {
	mkdir -p "$work/$1/tree" "$work/$1/cache"
	git ls-files -z --cached --others --exclude-standard | tar --null -T - -cf - | tar -xf - -C "$work/$1/tree"
	(cd "$work/$1/tree" && GOCACHE="$work/$1/cache" make --no-print-directory build >"$work/$1/log" 2>&1) ||
		{ tail -n 30 "$work/$1/log"; exit 1; }
	sha256sum <"$work/$1/tree/bin/conclave" | cut -d' ' -f1
}
first=$(build a)
second=$(build a-second-and-longer-name)
echo "first  $first"
echo "second $second"
[ "$first" = "$second" ] || { echo "FAIL: two builds differ"; exit 1; }
