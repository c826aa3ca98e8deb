#!/usr/bin/env bash
# Runs every fuzz target of the module for the given time each, in turn.
set -euo pipefail
time=${1:?usage: tools/fuzz.sh 5s}
cd "$(dirname "$0")/.."
count=0
while IFS=: read -r file name; do
	pkg=./$(dirname "$file")
	echo "== $pkg $name ($time)"
	go test -run='^$' -fuzz="^$name\$" -fuzztime="$time" "$pkg"
	count=$((count + 1))
done < <(git grep -oE '^func Fuzz[A-Za-z0-9_]+' -- '*_test.go' | sed 's/:func /:/')
[ "$count" -gt 0 ] || { echo "no fuzz target found"; exit 1; }
echo "$count fuzz targets ran"
