#!/usr/bin/env bash
# A Kafka broker from before transactions (0.10.2, the spring of 2017) with its ZooKeeper, for what Tidegate says to
# one. Two JVMs on loopback, data in DIR.
#
#   kafka-old.sh install       fetches the jars with Maven into the cache
#   kafka-old.sh start  DIR    starts both and waits until topics can be made; prints "running PID PORT"
#   kafka-old.sh remove DIR    kills both and deletes DIR
#
# Read by `start`: KAFKA_OWNER=PID removes it when this process has ended.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

VERSION=0.10.2.2
HOST=127.0.0.1
HOME_DIR=$CACHE/kafka-$VERSION
LIBS=$HOME_DIR/libs

installed() { [ -f "$LIBS/.complete" ]; }

install_jars() {
  need_java 8
  if ! installed; then locked "$HOME_DIR/lock" install_locked; fi
}

install_locked() {
  if installed; then return; fi
  # It is older than the JDK that left javax.xml.bind out.
  cat >"$HOME_DIR/pom.xml" <<XML
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>tidegate.test</groupId><artifactId>kafka-old</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.11</artifactId><version>$VERSION</version></dependency>
    <dependency><groupId>javax.xml.bind</groupId><artifactId>jaxb-api</artifactId><version>2.3.1</version></dependency>
  </dependencies>
</project>
XML
  maven_copy "$HOME_DIR/pom.xml" "$LIBS"
  [ -f "$LIBS/kafka_2.11-$VERSION.jar" ] || die "kafka_2.11-$VERSION.jar did not arrive in $LIBS"
  touch "$LIBS/.complete"
}

config() { # $1: the broker's port; ZooKeeper's is the next
  cat >"$DIR/log4j.properties" <<P
log4j.rootLogger=WARN, stdout
log4j.appender.stdout=org.apache.log4j.ConsoleAppender
log4j.appender.stdout.layout=org.apache.log4j.PatternLayout
log4j.appender.stdout.layout.ConversionPattern=%d %p %m (%c)%n
P
  cat >"$DIR/zookeeper.properties" <<P
tickTime=2000
dataDir=$DIR/zookeeper
clientPort=$(($1 + 1))
clientPortAddress=$HOST
maxClientCnxns=0
P
  cat >"$DIR/server.properties" <<P
broker.id=1
listeners=PLAINTEXT://$HOST:$1
log.dirs=$DIR/data
zookeeper.connect=$HOST:$(($1 + 1))
# A busy machine must not lose its session.
zookeeper.session.timeout.ms=40000
num.partitions=1
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
auto.create.topics.enable=false
log.cleaner.enable=false
P
}

launch() { # $1: heap, $2: log, $3: pid file, then the class and its arguments
  local heap=$1 log=$2 pid_file=$3
  shift 3
  setsid java -Xmx"$heap" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData -Djava.awt.headless=true \
    -Dlog4j.configuration="file:$DIR/log4j.properties" -cp "$LIBS/*" "$@" >>"$log" 2>&1 </dev/null &
  echo $! >"$pid_file"
}

# Ready: a Metadata v1 request is answered and names this broker as the controller. It listens before it has registered
# itself, and a client that comes in between hears of no controller; librdkafka then does not ask again for minutes.
answers() {
  local hex
  hex=$(answer_of "$HOST" "$1" 37 '\x00\x00\x00\x0e\x00\x03\x00\x01\x00\x00\x00\x01\xff\xff\x00\x00\x00\x00') || return 1
  # size, correlation id, number of brokers; the broker: id, host (2 + 9), port, no rack (2); the controller
  [ "${hex:8:16}" = 0000000100000001 ] && [ "${hex:66:8}" = 00000001 ]
}

listens() { taken "$HOST" "$1"; }

await() { # $1: what it does when it is ready, $2: port, $3: pid file, $4: text of the command line, $5: log
  local i
  for ((i = 0; i < 1200; i++)); do
    if "$1" "$2"; then return; fi
    if [ "$i" -gt 10 ] && ! alive "$3" "$4"; then break; fi
    sleep 0.05
  done
  tail -n 20 "$5" >&2
  die "$HOST:$2 is not ready; its log: $5"
}

start() {
  local port
  need_linux
  install_jars
  port=$(claim_ports "$HOST" 2 "$DIR")
  config "$port"
  launch 128m "$DIR/zookeeper.log" "$DIR/zookeeper.pid" \
    org.apache.zookeeper.server.quorum.QuorumPeerMain "$DIR/zookeeper.properties"
  if [ -n "${KAFKA_OWNER:-}" ]; then when_gone "$KAFKA_OWNER" "$(<"$DIR/zookeeper.pid")" "$SELF" remove "$DIR"; fi
  await listens $((port + 1)) "$DIR/zookeeper.pid" "$DIR/zookeeper.properties" "$DIR/zookeeper.log"
  launch 256m "$DIR/kafka.log" "$DIR/kafka.pid" kafka.Kafka "$DIR/server.properties"
  await answers "$port" "$DIR/kafka.pid" "$DIR/server.properties" "$DIR/kafka.log"
  echo "running $(<"$DIR/kafka.pid") $port"
}

remove() {
  if alive "$DIR/kafka.pid" "$DIR/server.properties"; then halt KILL "$(<"$DIR/kafka.pid")"; fi
  if alive "$DIR/zookeeper.pid" "$DIR/zookeeper.properties"; then halt KILL "$(<"$DIR/zookeeper.pid")"; fi
  # Only what `start` made is deleted.
  if [ -f "$DIR/zookeeper.properties" ]; then rm -rf "$DIR"; fi
}

[ $# -ge 1 ] || usage
COMMAND=$1
SELF=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/${BASH_SOURCE[0]##*/}
shift
if [ "$COMMAND" = install ]; then
  need_linux
  install_jars
  echo "kafka $VERSION is in $LIBS"
  exit
fi
[ $# -ge 1 ] || usage
if [ "$COMMAND" = start ]; then mkdir -p "$1"; fi
DIR=$(cd "$1" 2>/dev/null && pwd) || die "there is no directory $1"
case $COMMAND in
  start) start ;;
  remove) remove ;;
  *) usage ;;
esac
