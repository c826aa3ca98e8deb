#!/usr/bin/env bash
# Builds the binary again, from a copy of the tree in another place and with an
# empty build cache, and compares it with bin/conclave, which the tests have run.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree="$work/a-second-and-longer-name/tree"
mkdir -p "$tree"
git ls-files -z --cached --others --exclude-standard | tar --null -T - -cf - | tar -xf - -C "$tree"
(cd "$tree" && GOCACHE="$work/cache" make --no-print-directory build >"$work/log" 2>&1) ||
	{ tail -n 30 "$work/log"; exit 1; }
first=$(sha256sum <bin/conclave | cut -d' ' -f1)
second=$(sha256sum <"$tree/bin/conclave" | cut -d' ' -f1)
echo "first  $first"
echo "second $second"
[ "$first" = "$second" ] || { echo "FAIL: two builds differ"; exit 1; }
