# What a test broker is configured to: listeners, small sizes, certificates, users. Sourced by kafka.sh, whose
# manual names the variables; DIR, HOST and USERS are its own.
# shellcheck shell=bash disable=SC2154

certificates() { # a CA, the server's certificate and a client's, as PEM; the client's as PKCS#12 too
  local tls=$DIR/tls who name
  if [ -f "$tls/server.pem" ]; then return; fi
  command -v openssl >/dev/null || die "openssl is missing: install openssl"
  mkdir -p "$tls"
  (
    cd "$tls"
    new_key=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)
    openssl req -x509 "${new_key[@]}" -days 3650 -subj /CN=tidegate-test-ca -keyout ca.key -out ca.pem \
      -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
    for who in server client; do
      name=$([ $who = server ] && echo localhost || echo test-client)
      openssl req "${new_key[@]}" -subj "/CN=$name" -keyout $who.key -out $who.csr
      printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n' >$who.ext
      openssl x509 -req -in $who.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 3650 -extfile $who.ext -out $who.crt
    done
    openssl pkcs12 -export -in client.crt -inkey client.key -certfile ca.pem -passout pass:changeit -out client.p12
    # Java reads the key and then the chain from one file. It is written last: it says that all is there.
    cat server.key server.crt ca.pem >server.part
    mv server.part server.pem
  ) >"$DIR/tls.log" 2>&1 || { cat "$DIR/tls.log" >&2; die "openssl could not make the certificates"; }
}

secure() { [ "${KAFKA_SECURE:-0}" = 1 ] || [ "${KAFKA_ACL:-0}" = 1 ]; }

config() { # $1: port
  local port=$1 controller=$(($1 + 9)) bind advertised map
  bind="PLAINTEXT://$HOST:$port"
  map="CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT"
  if secure; then
    certificates
    bind+=",SASL://$HOST:$((port + 1)),TLS://$HOST:$((port + 2)),SASLTLS://$HOST:$((port + 3))"
    map+=",SASL:SASL_PLAINTEXT,TLS:SSL,SASLTLS:SASL_SSL"
  fi
  advertised=$bind
  if [ -n "${KAFKA_PROXY_PORT:-}" ]; then
    bind+=",PROXY://$HOST:$((port + 4))"
    advertised+=",PROXY://$HOST:$KAFKA_PROXY_PORT"
    map+=",PROXY:PLAINTEXT"
  fi
  {
    cat <<P
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@$HOST:$controller
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listeners=$bind,CONTROLLER://$HOST:$controller
advertised.listeners=$advertised
listener.security.protocol.map=$map
log.dirs=$DIR/data
P
    common
    if secure; then security; fi
    if [ "${KAFKA_ACL:-0}" = 1 ]; then
      cat <<P
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS;User:alice;User:CN=test-client
allow.everyone.if.no.acl.found=false
P
    fi
    if [ -n "${KAFKA_EXTRA:-}" ]; then printf '%b\n' "$KAFKA_EXTRA"; fi
  } >"$DIR/server.properties"
}

common() {
  cat <<P
num.partitions=1
default.replication.factor=1
min.insync.replicas=1
auto.create.topics.enable=${KAFKA_AUTO_CREATE:-false}
# Internal topics: one replica and few partitions, so that their first use is fast.
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
transaction.max.timeout.ms=${KAFKA_TXN_MAX_TIMEOUT_MS:-900000}
transaction.abort.timed.out.transaction.cleanup.interval.ms=${KAFKA_TXN_ABORT_SCAN_MS:-1000}
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
# A killed broker is let back in only when its old session is over.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
controlled.shutdown.enable=false
# A small machine.
num.network.threads=2
num.io.threads=4
background.threads=2
num.recovery.threads.per.data.dir=1
log.cleaner.dedupe.buffer.size=16777216
log.cleaner.threads=1
log.segment.bytes=268435456
log.retention.hours=-1
log.retention.check.interval.ms=60000
P
}

security() {
  local listener mechanism user plain=""
  for user in "${USERS[@]}"; do plain+=" user_$user=\"$user-secret\""; done
  echo "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512"
  for listener in sasl sasltls; do
    echo "listener.name.$listener.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required$plain;"
    for mechanism in 256 512; do
      echo "listener.name.$listener.scram-sha-$mechanism.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;"
    done
  done
  cat <<P
ssl.keystore.type=PEM
ssl.keystore.location=$DIR/tls/server.pem
ssl.truststore.type=PEM
ssl.truststore.location=$DIR/tls/ca.pem
listener.name.tls.ssl.client.auth=${KAFKA_TLS_CLIENT_AUTH:-requested}
P
}
