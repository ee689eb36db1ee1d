# What the scripts of real servers share: jars, ports, processes. Sourced, not run; Linux with bash.
# shellcheck shell=bash

CACHE=${TIDEGATE_CACHE:-${XDG_CACHE_HOME:-${HOME:-${TMPDIR:-/tmp}}/.cache}/tidegate}

die() { echo "${0##*/}: $*" >&2; exit 1; }

# The comment at the head of the script is its manual.
usage() { sed -n '2,/^[^#]/p' "$0" | sed -n 's/^# \{0,1\}//p' >&2; exit 64; }

need_linux() {
  [ -r /proc/self/stat ] || die "needs Linux: elsewhere use docker-compose.yml"
}

need_java() { # $1: oldest major version that will do
  command -v java >/dev/null || die "java is missing: install a JDK, $1 or newer (Debian: default-jdk-headless)"
  JAVA_BUILD=$(java -version 2>&1)
  local version
  version=$(sed -n 's/.* version "\(1\.\)\{0,1\}\([0-9]*\).*/\2/p' <<<"$JAVA_BUILD" | head -n 1)
  [ "${version:-0}" -ge "$1" ] || die "java ${version:-of unknown version} is too old: install $1 or newer"
}

# A file of JVM classes loaded before, which halves the time to start; $1: its name, good for this very JVM only.
class_archive() { echo "$1-$(cksum <<<"$JAVA_BUILD" | cut -d' ' -f1).jsa"; }

# Runs the rest of the arguments while holding the lock file $1.
locked() {
  local lock=$1 fd rc=0
  shift
  mkdir -p "${lock%/*}"
  exec {fd}>"$lock"
  flock "$fd"
  "$@" || rc=$?
  exec {fd}>&-
  return "$rc"
}

# Copies a project's dependencies into a new folder $2, at once or not at all. $1: its pom.
maven_copy() {
  local pom=$1 to=$2 work
  command -v mvn >/dev/null || die "mvn is missing: install Maven (Debian: maven)"
  work=$(mktemp -d "$to.XXXXXX")
  # Poms may name repositories that are long gone. As *global* settings this leaves a person's own mirrors in force.
  cat >"$work/settings.xml" <<'XML'
<settings><mirrors><mirror>
  <id>central-only</id><mirrorOf>*,!central</mirrorOf><url>http://0.0.0.0/</url><blocked>true</blocked>
</mirror></mirrors></settings>
XML
  mvn -B -q -gs "$work/settings.xml" -f "$pom" dependency:copy-dependencies -DincludeScope=runtime \
    -DoutputDirectory="$work/libs" >&2 || { rm -rf "$work"; die "Maven could not fetch the jars"; }
  rm -rf "$to"
  mv "$work/libs" "$to"
  rm -rf "$work"
}

taken() { (exec 3<>"/dev/tcp/$1/$2") 2>/dev/null; } # $1 host, $2 port: does somebody listen?

# Prints the first $3 bytes of a server's answer to a request in hex, or fails. $1 host, $2 port, $4 request as printf
# has it.
answer_of() {
  local hex
  # Most polls find nobody listening: that costs no process.
  # shellcheck disable=SC2059 # the request is a format
  hex=$({
    exec 3<>"/dev/tcp/$1/$2" && printf "$4" >&3 && timeout 2 head -c "$3" <&3 | od -An -v -tx1 | tr -d ' \n'
  } 2>/dev/null) || return 1
  [ ${#hex} -eq $((2 * $3)) ] && echo "$hex"
}

# Prints the first of $2 free ports on host $1 and claims them for the directory $3, until that is removed.
# A claim is needed because a server binds seconds after its ports were chosen.
claim_ports() { locked "$CACHE/ports/lock" claim_ports_locked "$@"; }
claim_ports_locked() {
  local host=$1 count=$2 dir=$3 first=$((20000 + RANDOM % 900 * 10)) i k port claim
  for ((i = 0; i < 900; i++)); do
    port=$((20000 + (first - 20000 + i * 10) % 9000))
    claim=$CACHE/ports/$port
    if [ -s "$claim" ] && [ -d "$(<"$claim")" ]; then continue; fi
    for ((k = 0; k < count; k++)); do
      if taken "$host" $((port + k)); then continue 2; fi
    done
    echo "$dir" >"$claim"
    echo "$port"
    return
  done
  die "no free ports from 20000 to 29000"
}

# Is the process of a pid file alive, and still ours? $1: pid file, $2: text of its command line.
alive() {
  local pid
  [ -s "$1" ] || return 1
  pid=$(<"$1")
  [ -r "/proc/$pid/cmdline" ] || return 1
  { tr '\0' ' ' <"/proc/$pid/cmdline"; } 2>/dev/null | grep -qF -- "$2"
}

# The main thread of a killed JVM is a zombie for a while before its other threads end, and with them sockets and files.
gone() {
  local state
  [ -d "/proc/$1" ] || return 0
  state=$(sed 's/.*) //; s/ .*//' "/proc/$1/stat" 2>/dev/null) || return 0
  [ "$state" = Z ] || return 1
  set -- "/proc/$1/task"/*
  [ $# -le 1 ]
}

# Ends a process by signal $1, by SIGKILL where that does not help within $3 seconds (default 30). $2: pid.
halt() {
  local i
  kill -"$1" "$2" 2>/dev/null || return 0
  for ((i = 0; i < ${3:-30} * 50; i++)); do
    gone "$2" && return 0
    sleep 0.02
  done
  echo "${0##*/}: process $2 did not end: SIGKILL" >&2
  kill -KILL "$2" 2>/dev/null || true
  for ((i = 0; i < 500; i++)); do
    gone "$2" && return 0
    sleep 0.02
  done
  die "process $2 survives SIGKILL"
}

# Prints what tells a process from a later one of the same number: when it started.
started() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }

# Waits in the background and runs the rest of the arguments once process $1 has ended; forgets it when $2 has.
when_gone() {
  local owner=$1 server=$2 born
  shift 2
  born=$(started "$owner")
  [ -n "$born" ] || die "there is no process $owner to live as long as"
  # shellcheck disable=SC2016 # the inner shell expands
  setsid bash -c '
    owner=$1 born=$2 server=$3; shift 3
    while [ -d "/proc/$server" ]; do
      now=$(sed "s/.*) //" "/proc/$owner/stat" 2>/dev/null | cut -d" " -f1,20)
      if [ "${now#* }" != "$born" ] || [ "${now%% *}" = Z ]; then exec "$@"; fi
      sleep 1
    done' watch "$owner" "$born" "$server" "$@" >/dev/null 2>&1 </dev/null &
}
