# Sourced by lab/bench: the two namespaces, the systems between them, and one function a measurement.
#
# Namespace $P-a calls, $P-b answers. In $P-b the address 10.20.0.10 stands for what lies behind the gateway.

within() { local side=$1; shift; ip netns exec "$P-$side" "$@"; }
record() { printf '%s %s %s\n' "$1" "$2" "$3" >> "$samples"; printf '  %-20s %-20s %s\n' "$1" "$2" "$3"; }
# An inner MTU of 1400, strongSwan's own, so that a packet of 1400 bytes is one packet everywhere.
suite=(ike=aes256gcm16-prfsha384-curve25519 esp=aes256gcm16 mtu=1400)

net_up() {
  local side address
  for side in a b; do
    ip netns add "$P-$side"; ip -n "$P-$side" link set lo up
    within $side sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 net.ipv6.conf.all.disable_ipv6=1
  done
  ip link add wan netns "$P-a" type veth peer name wan netns "$P-b"
  # The load generator calls from four addresses, so that no responder takes it for one flooding source.
  for address in 11 12 13 14; do ip -n "$P-a" addr add 203.0.113.$address/24 dev wan; done
  ip -n "$P-b" addr add 203.0.113.10/24 dev wan; ip -n "$P-b" addr add 10.20.0.10/32 dev lo
  for side in a b; do ip -n "$P-$side" link set wan up; done
}
# Ends what runs in the two namespaces, and them.
net_down() {
  local side signal pids
  for side in a b; do
    [ -e "/run/netns/$P-$side" ] || continue
    for signal in TERM KILL; do
      pids=$(ip netns pids "$P-$side" 2>/dev/null || true); [ -n "$pids" ] || break
      # shellcheck disable=SC2086
      kill -$signal $pids 2>/dev/null || true
      for _ in $(seq 1 30); do [ -n "$(ip netns pids "$P-$side" 2>/dev/null)" ] || break; sleep 0.1; done
    done
    ip netns del "$P-$side" || true
  done
}
peer() { local kind=$1; shift; "$L/peers/$kind" "$@"; }

# tunnel_up SYSTEM: a tunnel with a pre-shared key; sets target, the address to measure to
tunnel_up() {
  local kind=${1%-libipsec}
  net_up; rm -rf "$W/a" "$W/b"
  case $kind in
  veth) target=203.0.113.10; return;;
  wireguard-go) wireguard_up; return;;
  esac
  peer $kind conf "$W/b" local=203.0.113.10 lid=gw.lab rid=runner.lab lts=10.20.0.0/24 pool=10.99.0.0/24 auth=psk "${suite[@]}"
  peer $kind conf "$W/a" remote=203.0.113.10 lid=runner.lab rid=gw.lab rts=10.20.0.0/24 vips=0.0.0.0 auth=psk "${suite[@]}"
  CHARON_LOG=0 peer $kind start "$W/b" --netns "$P-b" >&2
  CHARON_LOG=0 peer $kind start "$W/a" --netns "$P-a" >&2
  peer $kind up "$W/a" >&2
  target=10.20.0.10
  within a ping -q -c 3 -i 0.2 -W 2 $target >&2
}

# wireguard-go in both namespaces. Its control sockets lie in /run/wireguard, so the interfaces need names of their own.
wireguard_up() {
  local side other
  target=10.20.0.10
  for side in a b; do
    (umask 077; wg genkey > "$W/wg-$side.key"); wg pubkey < "$W/wg-$side.key" > "$W/wg-$side.pub"
    within $side wireguard-go -f "$P$side" > "$W/wg-$side.log" 2>&1 &
  done
  for side in a b; do
    for _ in $(seq 1 50); do [ ! -S "/run/wireguard/$P$side.sock" ] || break; sleep 0.1; done
  done
  for side in a b; do
    other=$([ $side = a ] && echo b || echo a)
    wg set "$P$side" listen-port 51820 private-key "$W/wg-$side.key" peer "$(cat "$W/wg-$other.pub")" \
      allowed-ips "$([ $side = a ] && echo 10.20.0.0/24 || echo 10.99.0.1/32)" \
      endpoint "203.0.113.$([ $side = a ] && echo 10 || echo 11):51820"
    ip -n "$P-$side" link set "$P$side" up mtu 1400
  done
  ip -n "$P-a" addr add 10.99.0.1/32 dev "${P}a"; ip -n "$P-a" route add 10.20.0.0/24 dev "${P}a" src 10.99.0.1
  ip -n "$P-b" route add 10.99.0.1/32 dev "${P}b"
  within a ping -q -c 3 -i 0.2 -W 2 $target >&2
}

# tcp STREAMS -> Gbit/s received
tcp() {
  within a timeout $((seconds + 15)) iperf3 -J -c "$target" -P "$1" -t "$seconds" -O 1 > "$W/iperf.json" ||
    { jq -r '.error // "iperf3 failed"' "$W/iperf.json" >&2; return 1; }
  jq '.end.sum_received.bits_per_second / 1e9 * 1000 | round / 1000' "$W/iperf.json"
}
# packets IP-PACKET-LENGTH -> packets a second received
packets() {
  timeout $((seconds + 15)) "$CULVERT_LOAD" packets --from "$P-a" --to "$P-b" --target "$target" --size "$1" \
    --seconds "$seconds" --json > "$W/packets.json"
  jq .pps "$W/packets.json"
}
# pings COUNT INTERVAL -> round trips in milliseconds, sorted
pings() {
  within a ping -n -c "$1" -i "$2" -W 2 "$target" > "$W/pings" || true
  sed -n 's/.* time=\([0-9.]*\) ms.*/\1/p' "$W/pings" | sort -n > "$W/trips"
  [ "$(wc -l < "$W/trips")" -ge $(($1 * 9 / 10)) ] || { tail -n 2 "$W/pings" >&2; return 1; }
}
# percentile P FACTOR -> of the round trips
percentile() { awk -v p="$1" -v f="$2" '{ v[NR] = $1 } END { i = int(NR * p / 100 + 0.999); printf "%.3f", v[i < 1 ? 1 : i] * f }' "$W/trips"; }
latency() { # SYSTEM
  local streams
  pings $((seconds < 2 ? 300 : 1000)) 0.002
  record ping_us_p50 "$1" "$(percentile 50 1000)"; record ping_us_p99 "$1" "$(percentile 99 1000)"
  within a iperf3 -c "$target" -t $((seconds + 2)) > "$W/load.log" 2>&1 & streams=$!
  sleep 1; pings $((seconds * 100)) 0.01; wait $streams
  record loaded_ping_ms_p50 "$1" "$(percentile 50 1)"; record loaded_ping_ms_p99 "$1" "$(percentile 99 1)"
}
traffic() { # SYSTEM
  local value
  tunnel_up "$1"
  if wants tcp || wants ping; then within b iperf3 -s -D -I "$W/iperf.pid" --logfile "$W/iperf.log"; sleep 0.3; fi
  if wants tcp; then
    value=$(tcp 1); record tcp1_gbps "$1" "$value"
    if [ -z "$quick" ]; then value=$(tcp 4); record tcp4_gbps "$1" "$value"; fi
  fi
  if wants packets; then
    value=$(packets 64); record pps64 "$1" "$value"
    if [ -z "$quick" ]; then value=$(packets 1400); record pps1400 "$1" "$value"; fi
  fi
  ! wants ping || latency "$1"
}

# responder SYSTEM: a gateway that takes everybody of the authority in $W/pki, with a pool of addresses; sets responder_pid
responder() {
  local kind=${1%-libipsec}
  rm -rf "$W/b"; mkdir -p "$W/b"
  [ -e "$W/pki/ca.crt" ] || "$CULVERT_LOAD" pki --dir "$W/pki" --count "$tunnels" --gateway-name gw.lab --trust-domain lab
  if [ $kind = strongswan ]; then
    peer strongswan conf "$W/b" local=203.0.113.10 lid=gw.lab lts=10.20.0.0/24 pool=10.99.0.0/16 auth=cert pki="$W/pki" cert=gw \
      dpd=30 "${suite[@]}"
  else
    echo gateway > "$W/b/role"
    cat "$W/pki/gw.crt" "$W/pki/gw.chain.crt" > "$W/b/gateway.crt"
    cp "$W/pki/gw.key" "$W/b/gateway.key"; cp "$W/pki/ca.crt" "$W/b/ca.crt"
    cat > "$W/b/gateway.yaml" <<Y
name: gateway
trust_domain: lab
listen: {addresses: [203.0.113.10]}
identity: {id: gw.lab, certificate: gateway.crt, key: gateway.key, authorities: ca.crt}
network: {tun: culvert0, pools: [10.99.0.0/16]}
files: {policy: policy.yaml, audit: audit.jsonl, ca: ca, state: state, control: gateway.sock}
Y
    cat > "$W/b/policy.yaml" <<Y
version: 1
resources:
  net: {address: 10.20.0.0/24, ports: [any]}
rules:
  - {name: everybody, when: {tenant: default}, allow: [net]}
Y
    chmod 600 "$W/b"/*
  fi
  CHARON_LOG=0 peer $kind start "$W/b" --netns "$P-b" >&2
  responder_pid=$(cat "$W/b/pid")
}
ticks_of() { sed 's/^.*) //' "/proc/$1/stat" | awk '{ print $12 + $13 }'; }
# ms_each TICKS COUNT: processor time, in milliseconds
ms_each() { awk -v t="$1" -v n="$2" -v hz="$(getconf CLK_TCK)" 'BEGIN { printf "%.2f", t * 1000 / hz / n }'; }
responder_ticks() { ticks_of "$responder_pid"; }
responder_rss() { sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$responder_pid/status"; }
calls() { # ARG...: set-ups from $P-a
  within a "$CULVERT_LOAD" setup --gateway 203.0.113.10 --pki "$W/pki" --remote-id gw.lab --timeout 60 --json "$@"
}
load() { calls --local 203.0.113.11 --local 203.0.113.12 --local 203.0.113.13 --local 203.0.113.14 "$@"; }
setup() { # SYSTEM
  local ticks rss holder few=$((tunnels < 100 ? tunnels : 100))
  rm -f "$W/many.json"; net_up; responder "$1"
  # Code and tables that the first tunnels bring in are not the price of a tunnel.
  load --count $((few < 20 ? few : 20)) > "$W/warm.json"
  sleep 1; rss=$(responder_rss) ticks=$(responder_ticks)
  load --count "$tunnels" --concurrency 8 --hold 120 > "$W/many.json" & holder=$!
  for _ in $(seq 1 700); do [ ! -s "$W/many.json" ] && kill -0 $holder 2>/dev/null || break; sleep 0.1; done
  [ -s "$W/many.json" ] || { echo "no set-ups" >&2; return 1; }
  ticks=$(($(responder_ticks) - ticks)); sleep 1; rss=$(($(responder_rss) - rss))
  kill -TERM $(pgrep -P $holder) 2>/dev/null || kill -TERM $holder 2>/dev/null || true
  wait $holder || { jq -r '"\(.failed) of the set-ups failed: \(.reasons[0])"' "$W/many.json" >&2; return 1; }
  jq -e ".established == $tunnels" "$W/many.json" >/dev/null || { cat "$W/many.json" >&2; return 1; }
  load --count $few --concurrency 1 > "$W/few.json"
  record setup_ms_p50 "$1" "$(jq .p50_ms "$W/few.json")"; record setup_ms_p95 "$1" "$(jq .p95_ms "$W/few.json")"
  record setups_per_s "$1" "$(jq .setups_per_s "$W/many.json")"
  record setup_cpu_ms "$1" "$(ms_each "$ticks" "$tunnels")"
  record rss_per_tunnel_kib "$1" "$(awk -v k=$rss -v n="$tunnels" 'BEGIN { printf "%.1f", k / n }')"
}

# hybrid SYSTEM: the same with ML-KEM-768 behind X25519, beside X25519 alone with the same responder
hybrid() {
  local ticks kind few=$((tunnels < 100 ? tunnels : 100))
  net_up; responder "$1"
  load --count $((few < 20 ? few : 20)) --hybrid > "$W/warm.json"
  for kind in hybrid classical; do
    [ $kind = hybrid ] && set -- "$1" --hybrid || set -- "$1"
    sleep 1; ticks=$(responder_ticks)
    load --count "$tunnels" --concurrency 8 "${@:2}" > "$W/many.json"
    ticks=$(($(responder_ticks) - ticks))
    load --count $few --concurrency 1 "${@:2}" > "$W/few.json"
    record ${kind}_ms_p50 "$1" "$(jq .p50_ms "$W/few.json")"
    record ${kind}_per_s "$1" "$(jq .setups_per_s "$W/many.json")"
    record ${kind}_cpu_ms "$1" "$(ms_each "$ticks" "$tunnels")"
  done
}

# storm SYSTEM: 200 new clients at once, all behind one address
storm() {
  local clients=$((tunnels < 200 ? tunnels : 200))
  net_up; responder "$1"
  # Who is turned away is a figure here, no failure of the measurement.
  calls --local 203.0.113.11 --count $clients --concurrency $clients > "$W/storm.json" || [ -s "$W/storm.json" ]
  record storm_up "$1" "$(jq .established "$W/storm.json")"
  record storm_ms_p50 "$1" "$(jq .p50_ms "$W/storm.json")"; record storm_ms_p95 "$1" "$(jq .p95_ms "$W/storm.json")"
}

# caller SYSTEM: what connecting and disconnecting costs the daemon that calls; a Culvert gateway answers
caller() {
  local kind=${1%-libipsec} pid ticks cycles=200 i
  net_up; responder culvert; rm -rf "$W/a" "$W/caller"; mkdir -p "$W/caller"
  cp "$W/pki/ca.crt" "$W/caller/ca.crt"
  openssl pkey -in "$W/pki/clients/000000.pem" -out "$W/caller/me.key"
  openssl crl2pkcs7 -nocrl -certfile "$W/pki/clients/000000.pem" | openssl pkcs7 -print_certs -outform PEM |
    awk -v leaf="$W/caller/me.crt" -v rest="$W/caller/me.chain.crt" '/BEGIN/ { n++ } n { print > (n == 1 ? leaf : rest) }'
  peer $kind conf "$W/a" remote=203.0.113.10 lid="$(openssl x509 -in "$W/caller/me.crt" -noout -ext subjectAltName | sed -n 's/.*DNS:\([^, ]*\).*/\1/p')" \
    rid=gw.lab rts=10.20.0.0/24 vips=0.0.0.0 auth=cert pki="$W/caller" cert=me "${suite[@]}"
  # The lines that a laboratory wants to read are not part of the price.
  [ $kind != culvert ] || sed -i '/^log_level:/d' "$W/a/agent.yaml"
  CHARON_LOG=0 peer $kind start "$W/a" --netns "$P-a" >&2
  pid=$(cat "$W/a/pid")
  for ((i = -5; i < cycles; i++)); do
    [ $i != 0 ] || ticks=$(ticks_of "$pid")
    peer $kind up "$W/a" >&2; peer $kind down "$W/a" >&2
  done
  record caller_cpu_ms "$1" "$(ms_each $(($(ticks_of "$pid") - ticks)) $cycles)"
}
