#!/usr/bin/env bash
# Installs what the tests need, runs every check and test, and ends with a clear result.
#   ./test.sh          everything
#   ./test.sh quick    formatting, lints and unit tests only
set -euo pipefail
cd "$(dirname "$0")"
mode=${1:-all}
started=$SECONDS

step() { printf '\n== %s (%ds)\n' "$*" "$((SECONDS - started))"; }
finish() {
  status=$?
  if [ "$status" -eq 0 ]; then printf '\n== all checks passed in %ds\n' "$((SECONDS - started))"
  else printf '\n== FAILED (exit %d) after %ds\n' "$status" "$((SECONDS - started))"; fi
}
trap finish EXIT

step "what the tests need"
command -v cargo >/dev/null || { echo "cargo is missing: install a Rust toolchain first (https://rustup.rs)"; exit 1; }
if ! command -v cc >/dev/null; then
  if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then apt-get update -q && apt-get install -y -q gcc libc6-dev
  else echo "a C compiler is missing (SQLite is compiled from source): install gcc"; exit 1; fi
fi
for component in rustfmt clippy; do
  cargo "${component/rust/}" --version >/dev/null 2>&1 || rustup component add "$component"
done
cargo --version

step "formatting"
cargo fmt --all --check

step "lints"
cargo clippy --workspace --all-targets -- -D warnings

step "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --quiet

step "the tidegate binary for the tests"
cargo build -p tidegate
export TIDEGATE_BIN="$PWD/${CARGO_TARGET_DIR:-target}/debug/tidegate"
[ -x "$TIDEGATE_BIN" ] || export TIDEGATE_BIN="${CARGO_TARGET_DIR}/debug/tidegate"

if [ "$mode" = quick ]; then
  step "unit tests"
  cargo test --workspace --exclude tidegate-integration-tests --no-fail-fast
else
  step "tests"
  cargo test --workspace --no-fail-fast
fi
