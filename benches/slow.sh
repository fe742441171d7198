#!/usr/bin/env bash
# benches/slow.sh WORK_DIR: what takes too long for `cargo test`. 250,000 tampered archives a property, every change to
# every fixture, 20,000 runs of each function that is fuzzed, and archives of 1.6 GiB in
# every compression, whose rows must be those of the plain one.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$1
PROPTEST_CASES=${PROPTEST_CASES:-250000} cargo test --release --test it -- hostile tars
HOSTILE_ALL=1 cargo test --release --test it -- hostile::mutations hostile::malformed
FUZZ_RUNS=${FUZZ_RUNS:-20000} cargo test --release --test it -- fuzz::
cargo build --release
[ -e "$work/big/big.json" ] || python3 ../shared/lab/big.py "$work/big" >/dev/null
rows() { target/release/cryoscope table "$1" processes threads process_memory_map --format ndjson | sha256sum; }
plain=$(rows "$work/big/big.tar")
for other in "$work/big/big.tar.gz" "$work/big/big.tar.zst"; do
    [ "$(rows "$other")" = "$plain" ] || { echo "$other gives other rows than the plain archive"; exit 1; }
done
[ "$(cat "$work/big/big.tar" | target/release/cryoscope table - processes threads process_memory_map --format ndjson | sha256sum)" = "$plain" ]
echo "all big archives give the same rows"
