#!/usr/bin/env bash
# A real Apache Kafka broker for tests: one JVM in KRaft mode, everything on loopback, its data in DIR.
#
#   kafka.sh install              fetches the jars with Maven into the cache that all brokers share
#   kafka.sh start   DIR [PORT]   starts it and waits until it answers; prints "running PID PORT".
#                                 PORT: a number, or "auto" for free ports; default: as last time, or auto
#   kafka.sh stop    DIR          ends it cleanly
#   kafka.sh kill    DIR          SIGKILL; `start` afterwards recovers the data
#   kafka.sh status  DIR          "running PID PORT" | "starting PID PORT" (exit 2) | "stopped" (exit 3)
#   kafka.sh wipe    DIR          deletes its data, log and certificates; it must be stopped
#   kafka.sh remove  DIR          kills it and deletes DIR
#   kafka.sh sweep   DIR          removes every broker below DIR, also one that is just starting, and DIR. Only where DIR
#                                 holds a file .services, so that nobody's brokers are ended by a wrong path
#   kafka.sh run     DIR CLASS …  any of Kafka's own tools by class name
#   kafka.sh topics|produce|consume|groups|configs|txns|offsets|acls DIR …   the usual ones
#
# Read by `start`, at every start anew:
#   KAFKA_VERSION=4.1.2               also 3.9.2, 4.3.1
#   KAFKA_SECURE=1                    further listeners: SASL_PLAINTEXT on PORT+1, SSL on PORT+2, SASL_SSL on PORT+3;
#                                     certificates in DIR/tls
#   KAFKA_TLS_CLIENT_AUTH=requested   or required: clients must show a certificate
#   KAFKA_ACL=1                       an authorizer, and KAFKA_SECURE. Nothing is allowed without an ACL, but to alice,
#                                     to clients without a name and to the one certificate (plain and TLS listener)
#   KAFKA_PROXY_PORT=P                a listener on PORT+4 that tells its clients to come to 127.0.0.1:P, so that
#                                     who bootstraps through a proxy on P stays behind it
#   KAFKA_TXN_MAX_TIMEOUT_MS=900000   the longest transaction a client may ask for
#   KAFKA_TXN_ABORT_SCAN_MS=1000      how often transactions past their time are looked for
#   KAFKA_AUTO_CREATE=false           whether topics appear by being named
#   KAFKA_EXTRA=                      more lines of server.properties; \n between two
#   KAFKA_OWNER=PID                   remove the broker when this process has ended
#   KAFKA_HEAP=512m  KAFKA_JVM=  KAFKA_LOG_LEVEL=warn  KAFKA_WAIT_S=90
# Read by the tools: KAFKA_BOOTSTRAP (default: the broker of DIR), KAFKA_TOOL_LOG=error
# The controller listens on PORT+9. Users by PLAIN and SCRAM: alice/alice-secret, bob/bob-secret.
set -euo pipefail
SELF=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/${BASH_SOURCE[0]##*/}
. "${SELF%/*}/lib.sh"
. "${SELF%/*}/kafka_config.sh"

VERSION=${KAFKA_VERSION:-${TIDEGATE_KAFKA_VERSION:-4.1.2}}
HOST=127.0.0.1
HOME_DIR=$CACHE/kafka-$VERSION
LIBS=$HOME_DIR/libs
# Any 22 characters of url-safe base64 will do. A fixed one lets brokers share a formatted directory.
CLUSTER_ID=VGlkZWdhdGVUZXN0MDAwMQ
USERS=(alice bob)

# --- jars

installed() { [ -f "$LIBS/.complete" ]; }

install_jars() {
  need_java 17
  if ! installed; then locked "$HOME_DIR/lock" install_locked; fi
}

install_locked() {
  if installed; then return; fi
  rm -rf "$LIBS".?????? # of one that was killed
  # Connect comes with kafka-tools and is not needed here; Kafka 3 comes with a logger of its own.
  cat >"$HOME_DIR/pom.xml" <<XML
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>tidegate.test</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>$VERSION</version>
      <exclusions>
        <exclusion><groupId>org.slf4j</groupId><artifactId>slf4j-reload4j</artifactId></exclusion>
      </exclusions></dependency>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>$VERSION</version>
      <exclusions>
        <exclusion><groupId>org.slf4j</groupId><artifactId>slf4j-reload4j</artifactId></exclusion>
        <exclusion><groupId>org.apache.kafka</groupId><artifactId>connect-runtime</artifactId></exclusion>
        <exclusion><groupId>org.apache.kafka</groupId><artifactId>connect-api</artifactId></exclusion>
        <exclusion><groupId>org.apache.kafka</groupId><artifactId>connect-json</artifactId></exclusion>
      </exclusions></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
XML
  maven_copy "$HOME_DIR/pom.xml" "$LIBS"
  [ -f "$LIBS/kafka_2.13-$VERSION.jar" ] || die "kafka_2.13-$VERSION.jar did not arrive in $LIBS"
  touch "$LIBS/.complete"
}

# Lets a broker run once for what makes the next ones start in half the time.
warm_up() {
  local archive work
  archive=$(class_archive "$HOME_DIR/broker")
  if [ -f "$archive" ]; then return; fi
  rm -rf "$HOME_DIR"/warm.?????? # of one that was killed
  work=$(mktemp -d "$HOME_DIR/warm.XXXXXX")
  # An install that is interrupted must not leave this broker, which also holds the lock.
  if KAFKA_OWNER=$$ KAFKA_SECURE=0 KAFKA_ACL=0 KAFKA_EXTRA='' KAFKA_JVM="-XX:ArchiveClassesAtExit=$work/broker.jsa" \
    "$SELF" start "$work/broker" auto >"$work/log" 2>&1 && "$SELF" stop "$work/broker" && [ -s "$work/broker.jsa" ]; then
    mv "$work/broker.jsa" "$archive"
  else
    cat "$work/log" >&2
    echo "kafka.sh: no class archive was made: brokers will start more slowly" >&2
    "$SELF" remove "$work/broker" || true
  fi
  rm -rf "$work"
}

moved() { # some tools moved with Kafka 4; $1: their class's name before, without the package
  case $VERSION in
    3.*) echo "kafka.$1" ;;
    *) echo "org.apache.kafka.tools.${1##*.}" ;;
  esac
}

tool() { # a short-lived JVM: starting fast matters, running fast does not
  java -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData \
    -Dorg.slf4j.simpleLogger.defaultLogLevel="${KAFKA_TOOL_LOG:-error}" -cp "$LIBS/*" "$@"
}

# --- the process

broker_alive() { alive "$PID_FILE" "$DIR/server.properties"; }

# Ready: a Metadata v4 request is answered and names a broker. One that is not yet let in is not named.
answers() {
  local hex
  hex=$(answer_of "$HOST" "$1" 16 '\x00\x00\x00\x0f\x00\x03\x00\x04\x00\x00\x00\x01\xff\xff\x00\x00\x00\x00\x00') || return 1
  # size, correlation id, throttle time, number of brokers: four bytes each
  [ "${hex:8:8}" = 00000001 ] && [ $((16#${hex:24:8})) -ge 1 ] && [ "${hex:24:8}" != ffffffff ]
}

# Formatting costs a JVM, and all brokers' fresh directories are alike: it is done once and copied.
format() {
  if [ -f "$DIR/data/meta.properties" ]; then return; fi
  [ -f "$HOME_DIR/formatted/meta.properties" ] || locked "$HOME_DIR/lock" format_locked
  rm -rf "$DIR/data"
  cp -r "$HOME_DIR/formatted" "$DIR/data"
}

format_locked() {
  local template=$HOME_DIR/formatted user scram=() work
  if [ -f "$template/meta.properties" ]; then return; fi
  for user in "${USERS[@]}"; do
    scram+=(--add-scram "SCRAM-SHA-256=[name=$user,password=$user-secret]")
    scram+=(--add-scram "SCRAM-SHA-512=[name=$user,password=$user-secret]")
  done
  work=$(mktemp -d "$HOME_DIR/format.XXXXXX")
  sed "s|^log.dirs=.*|log.dirs=$work/data|" "$DIR/server.properties" >"$work/server.properties"
  tool kafka.tools.StorageTool format -t "$CLUSTER_ID" -c "$work/server.properties" "${scram[@]}" >"$work/log" 2>&1 ||
    { cat "$work/log" >&2; rm -rf "$work"; die "Kafka could not format its directory"; }
  rm -rf "$template"
  mv "$work/data" "$template"
  rm -rf "$work"
}

listeners() { # the ports that a broker on port $1 binds
  echo "$1" $(($1 + 9))
  if secure; then echo $(($1 + 1)) $(($1 + 2)) $(($1 + 3)); fi
  if [ -n "${KAFKA_PROXY_PORT:-}" ]; then echo $(($1 + 4)); fi
}

choose_port() { # $1: number, "auto" or nothing
  local port=${1:-} p
  if [ -z "$port" ] && [ -s "$PORT_FILE" ]; then port=$(<"$PORT_FILE"); fi
  case ${port:-auto} in
    auto) port=$(claim_ports "$HOST" 10 "$DIR") ;;
    *[!0-9]*) die "$port is no port" ;;
  esac
  for p in $(listeners "$port"); do
    if taken "$HOST" "$p"; then die "port $p is taken by another process"; fi
  done
  echo "$port" >"$PORT_FILE"
}

launch() {
  local archive
  archive=$(class_archive "$HOME_DIR/broker")
  [ ! -f "$archive" ] || set -- -Xlog:disable -XX:SharedArchiveFile="$archive"
  # shellcheck disable=SC2086 # KAFKA_JVM is a list
  setsid java -Xms128m -Xmx"${KAFKA_HEAP:-512m}" -XX:+UseSerialGC -XX:MaxDirectMemorySize=256m \
    -XX:+ExitOnOutOfMemoryError -XX:-UsePerfData -Djava.awt.headless=true \
    -Dorg.slf4j.simpleLogger.showDateTime=true "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss.SSS" \
    -Dorg.slf4j.simpleLogger.defaultLogLevel="${KAFKA_LOG_LEVEL:-warn}" \
    "$@" ${KAFKA_JVM:-} -cp "$LIBS/*" kafka.Kafka "$DIR/server.properties" >>"$DIR/kafka.log" 2>&1 </dev/null &
  echo $! >"$PID_FILE"
}

start() {
  local port i
  need_linux
  if broker_alive; then
    port=$(<"$PORT_FILE")
    case ${1:-auto} in auto | "$port") ;; *) die "the broker of $DIR already runs on port $port" ;; esac
  else
    install_jars
    choose_port "$@"
    port=$(<"$PORT_FILE")
    config "$port"
    format
    launch
    if [ -n "${KAFKA_OWNER:-}" ]; then when_gone "$KAFKA_OWNER" "$(<"$PID_FILE")" "$SELF" remove "$DIR"; fi
  fi
  for ((i = 0; i < ${KAFKA_WAIT_S:-90} * 20; i++)); do
    if answers "$port"; then
      echo "running $(<"$PID_FILE") $port"
      return
    fi
    if [ "$i" -gt 10 ] && ! broker_alive; then
      tail -n 20 "$DIR/kafka.log" >&2
      die "the broker died while starting; its log: $DIR/kafka.log"
    fi
    sleep 0.05
  done
  tail -n 20 "$DIR/kafka.log" >&2
  die "the broker does not answer on $HOST:$port after ${KAFKA_WAIT_S:-90} s; its log: $DIR/kafka.log"
}

end() { # $1: signal
  if broker_alive; then halt "$1" "$(<"$PID_FILE")"; fi
  rm -f "$PID_FILE"
}

status() {
  if ! broker_alive; then
    echo stopped
    exit 3
  fi
  if answers "$(<"$PORT_FILE")"; then
    echo "running $(<"$PID_FILE") $(<"$PORT_FILE")"
  else
    echo "starting $(<"$PID_FILE") $(<"$PORT_FILE")"
    exit 2
  fi
}

wipe() {
  if broker_alive; then die "the broker of $DIR runs: stop it first"; fi
  rm -rf "$DIR/data" "$DIR/tls"
  rm -f "$DIR"/{kafka.log,tls.log,server.properties} "$PORT_FILE" "$PID_FILE"
}

remove() {
  end KILL
  # Only what `start` made is deleted.
  if [ -f "$PORT_FILE" ]; then rm -rf "$DIR"; fi
  case ${DIR%/*} in
    */tidegate-services-*) rmdir "${DIR%/*}" 2>/dev/null || true ;; # the last one there turns off the light
  esac
}

sweep() {
  local proc
  [ -f "$DIR/.services" ] || die "$DIR is no directory of test services: it has no file .services"
  # By command line, not by pid file: one that is just starting has none yet.
  for proc in /proc/[0-9]*; do
    if { tr '\0' ' ' <"$proc/cmdline"; } 2>/dev/null | grep -qF -- " kafka.Kafka $DIR/"; then halt KILL "${proc#/proc/}"; fi
  done
  rm -rf "$DIR"
}

bootstrap() { echo "${KAFKA_BOOTSTRAP:-$HOST:$(<"$PORT_FILE")}"; }

# --- the command line

[ $# -ge 1 ] || usage
COMMAND=$1
shift
if [ "$COMMAND" = install ]; then
  need_linux
  install_jars
  locked "$HOME_DIR/warm.lock" warm_up
  echo "kafka $VERSION is in $LIBS"
  exit
fi
[ $# -ge 1 ] || usage
if [ "$COMMAND" = start ]; then mkdir -p "$1"; fi
DIR=$(cd "$1" 2>/dev/null && pwd) || die "there is no directory $1"
PID_FILE=$DIR/kafka.pid
PORT_FILE=$DIR/kafka.port
shift

case $COMMAND in
  start) start "$@" ;;
  stop) end TERM ;;
  kill) end KILL ;;
  status) status ;;
  wipe) wipe ;;
  remove) remove ;;
  sweep) sweep ;;
  run) tool "$@" ;;
  topics) tool org.apache.kafka.tools.TopicCommand --bootstrap-server "$(bootstrap)" "$@" ;;
  produce) tool "$(moved tools.ConsoleProducer)" --bootstrap-server "$(bootstrap)" "$@" ;;
  consume) tool org.apache.kafka.tools.consumer.ConsoleConsumer --bootstrap-server "$(bootstrap)" "$@" ;;
  groups) tool org.apache.kafka.tools.consumer.group.ConsumerGroupCommand --bootstrap-server "$(bootstrap)" "$@" ;;
  configs) tool kafka.admin.ConfigCommand --bootstrap-server "$(bootstrap)" "$@" ;;
  txns) tool org.apache.kafka.tools.TransactionsCommand --bootstrap-server "$(bootstrap)" "$@" ;;
  offsets) tool org.apache.kafka.tools.GetOffsetShell --bootstrap-server "$(bootstrap)" "$@" ;;
  acls) tool "$(moved admin.AclCommand)" --bootstrap-server "$(bootstrap)" "$@" ;;
  *) usage ;;
esac
