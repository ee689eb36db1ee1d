#!/usr/bin/env bash
# Installs what the tests need, starts the servers, runs every check and test, and ends with a clear result.
#   ./test.sh          everything
#   ./test.sh quick    formatting, lints and unit tests only: no servers
#
# TIDEGATE_KAFKA_BOOTSTRAP=host:port   a broker of your own for the tests that share one (see docker-compose.yml);
#                                      tests that kill their broker start one of theirs all the same
# TIDEGATE_KAFKA_VERSION=4.1.2         the broker to fetch and start
# TIDEGATE_CACHE=~/.cache/tidegate     where fetched servers are kept
set -euo pipefail
cd "$(dirname "$0")"
mode=${1:-all}
started=$SECONDS

step() { printf '\n== %s (%ds)\n' "$*" "$((SECONDS - started))"; }
finish() {
  status=$?
  trap '' INT TERM
  # Everything that was started lives below one directory, what a killed test left behind included.
  if [ -d "${TIDEGATE_SERVICES_DIR:-}" ]; then "$TIDEGATE_KAFKA_SCRIPT" sweep "$TIDEGATE_SERVICES_DIR" || true; fi
  if [ "$status" -eq 0 ]; then printf '\n== all checks passed in %ds\n' "$((SECONDS - started))"
  else printf '\n== FAILED (exit %d) after %ds\n' "$status" "$((SECONDS - started))"; fi
}
unset TIDEGATE_SERVICES_DIR
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

missing=()
want() { command -v "$1" >/dev/null || missing+=("${@:2}"); }
java_will_do() {
  local version
  version=$(java -version 2>&1 | sed -n 's/.* version "\(1\.\)\{0,1\}\([0-9]*\).*/\2/p' | head -n 1)
  [ "${version:-0}" -ge 17 ]
}
install_missing() {
  if [ ${#missing[@]} -eq 0 ]; then return; fi
  echo "missing: ${missing[*]}"
  if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "install these (so they are called in Debian), then come back; the JDK has to be 17 or newer"
    exit 1
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -q
  apt-get install -y -q "${missing[@]}"
}

step "what the tests need"
command -v cargo >/dev/null || { echo "cargo is missing: install a Rust toolchain first (https://rustup.rs)"; exit 1; }
# SQLite, zstd and librdkafka are compiled from source, the last against OpenSSL.
want cc gcc libc6-dev
want c++ g++
want make make
want pkg-config pkg-config
pkg-config --exists openssl 2>/dev/null || missing+=(libssl-dev)
if [ "$mode" != quick ]; then
  # The broker and the other clients that its topics are checked with.
  java_will_do || missing+=(default-jdk-headless)
  want mvn maven
  want openssl openssl
  python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3 python3-venv)
fi
install_missing
for component in rustfmt clippy; do
  cargo "${component/rust/}" --version >/dev/null 2>&1 || rustup component add "$component"
done
cargo --version
if [ "$mode" != quick ]; then
  export TIDEGATE_KAFKA_SCRIPT="$PWD/integration-tests/services/kafka.sh"
  export TIDEGATE_KAFKA_VERSION="${TIDEGATE_KAFKA_VERSION:-4.1.2}"
  "$TIDEGATE_KAFKA_SCRIPT" install
fi

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
  exit
fi

step "servers"
TIDEGATE_SERVICES_DIR=$(mktemp -d "${TMPDIR:-/tmp}/tidegate-services-XXXXXX")
export TIDEGATE_SERVICES_DIR
touch "$TIDEGATE_SERVICES_DIR/.services"
if [ -z "${TIDEGATE_KAFKA_BOOTSTRAP:-}" ]; then
  shared=$(KAFKA_OWNER=$$ KAFKA_HEAP=768m "$TIDEGATE_KAFKA_SCRIPT" start "$TIDEGATE_SERVICES_DIR/shared" auto)
  export TIDEGATE_KAFKA_BOOTSTRAP="127.0.0.1:${shared##* }"
fi
echo "Kafka at $TIDEGATE_KAFKA_BOOTSTRAP"

step "tests"
cargo test --workspace --no-fail-fast
