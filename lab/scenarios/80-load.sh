# Many tunnels at once, set up by the load generator over the bench's own pair of namespaces.

load_holds() { # SYSTEM COUNT
  local load_of=${CULVERT%/culvert}/culvert-load
  [ -x "$load_of" ] || skip "no $load_of"
  CULVERT_LOAD=$load_of seconds=2 tunnels=$2
  . "$L/lib/bench.sh"
  trap net_down EXIT
  net_up; responder "$1"
  load --count "$2" --concurrency 8 --hold 60 > "$W/load.json" & local holder=$!
  wait_until 60 test -s "$W/load.json" || fail "no result of the load generator"
  jq -c . "$W/load.json"
  expect "$2 tunnels are up, none failed, none was lost" jq -e ".established == $2 and .failed == 0 and .lost == 0" "$W/load.json"
  if [ "$1" = culvert ]; then
    expect "status shows $2 tunnels" eval "\"$CULVERT\" gateway status --json --control '$W/b/gateway.sock' | jq -e '.tunnels | length == $2'"
  fi
  kill -TERM $(pgrep -P $holder) $holder 2>/dev/null || true
  wait $holder || true
  if [ "$1" = culvert ]; then
    expect_soon 15 "the Deletes leave no tunnel" eval "\"$CULVERT\" gateway status --json --control '$W/b/gateway.sock' | jq -e '.tunnels | length == 0'"
  fi
}
scenario load-culvert "200 tunnels with certificates of their own, from one process, to Culvert and down again" load_holds culvert 200

# A flood of IKE_SA_INIT from 65 536 addresses at a gateway that has work to do. Namespaces: b the gateway, a the internet and
# the NAT of r, r 200 runners, e a runner whose tunnel stands, s strongSwan, x the flood.
flood_net() {
  local side number=0
  net_up
  ip -n "$P-a" addr flush dev wan; ip -n "$P-a" addr add 203.0.113.11/24 dev wan
  for side in r e s x; do
    number=$((number + 1))
    ip netns add "$P-$side"; ip -n "$P-$side" link set lo up
    within $side sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
    ip link add "to-$side" netns "$P-a" type veth peer name uplink netns "$P-$side"
    ip -n "$P-a" addr add 10.$number.0.1/16 dev "to-$side"; ip -n "$P-a" link set "to-$side" up
    ip -n "$P-$side" addr add 10.$number.0.2/16 dev uplink; ip -n "$P-$side" link set uplink up
    ip -n "$P-$side" route add default via 10.$number.0.1
  done
  # The flood's answers come back to be counted: every address of the network is one of x.
  ip -n "$P-x" route add local 10.66.0.0/16 dev lo; ip -n "$P-a" route add 10.66.0.0/16 via 10.4.0.2
  for number in 2 3 66; do ip -n "$P-b" route add 10.$number.0.0/16 via 203.0.113.11; done
  within a sysctl -qw net.ipv4.ip_forward=1
  within a nft add table ip nat
  within a nft add chain ip nat post '{ type nat hook postrouting priority 100; }'
  within a nft add rule ip nat post ip saddr 10.1.0.0/16 oifname wan masquerade
}
flood_down() {
  local side
  for side in r e s x; do
    ip netns pids "$P-$side" 2>/dev/null | xargs -r kill -TERM 2>/dev/null || true
  done
  sleep 1
  for side in r e s x; do
    ip netns pids "$P-$side" 2>/dev/null | xargs -r kill -KILL 2>/dev/null || true
    [ ! -e "/run/netns/$P-$side" ] || ip netns del "$P-$side" || true
  done
  net_down
}
# client NUMBER NAME: the certificate of a client as peers want it; prints its identity
client() {
  local from; from=$W/pki/clients/$(printf %06d "$1").pem
  awk -v crt="$W/pki/$2.crt" -v chain="$W/pki/$2.chain.crt" -v key="$W/pki/$2.key" '
    /BEGIN/ { out = /CERTIFICATE/ ? (n++ ? chain : crt) : key } { print > out }' "$from"
  openssl x509 -in "$W/pki/$2.crt" -noout -ext subjectAltName | grep -o 'DNS:[^,]*' | cut -d: -f2
}
# stream: 10 Mbit/s through the tunnel for five seconds, and pings beside it; sets passed (octets), pings (of 25) and rtt (ms)
stream() {
  within e ping -q -c 25 -i 0.2 -W 3 10.20.0.10 > "$W/stream.ping" & local pinger=$!
  within e timeout 30 iperf3 -J -u -b 10M -l 1200 -c 10.20.0.10 -t 5 > "$W/stream.json"
  wait $pinger || true
  passed=$(jq '.end.sum | (.packets - .lost_packets) * 1200' "$W/stream.json")
  pings=$(sed -n 's/.* \([0-9]*\) received.*/\1/p' "$W/stream.ping"); rtt=$(sed -n 's|^rtt[^=]*= [^/]*/\([^/]*\)/.*|\1|p' "$W/stream.ping")
}
flooded() { # SECONDS RATE: runs the flood in the background
  within x "$CULVERT_LOAD" flood --gateway 203.0.113.10 --sources 10.66.0.0/16 --rate "$2" --seconds "$1" --json > "$W/flood.json" 2> "$W/flood.err" &
  flooder=$!; sleep 1
}
flood_holds() {
  local load_of=${CULVERT%/culvert}/culvert-load number locals=() before_bytes before_rtt first_rss pid
  [ -x "$load_of" ] || skip "no $load_of"
  CULVERT_LOAD=$load_of seconds=2 tunnels=210
  . "$L/lib/bench.sh"
  trap flood_down EXIT
  flood_net; responder culvert
  pid=$responder_pid
  local ours theirs; ours=$(client 200 ours) theirs=$(client 201 theirs)
  peer culvert conf "$W/e" remote=203.0.113.10 "lid=$ours" rid=gw.lab rts=10.20.0.0/24 vips=0.0.0.0 auth=cert pki="$W/pki" cert=ours
  peer culvert start "$W/e" --netns "$P-e" >&2
  peer culvert up "$W/e" >&2
  peer strongswan conf "$W/s" remote=203.0.113.10 "lid=$theirs" rid=gw.lab rts=10.20.0.0/24 vips=0.0.0.0 auth=cert pki="$W/pki" cert=theirs \
    ike=aes256gcm16-prfsha384-curve25519 esp=aes256gcm16
  peer strongswan start "$W/s" --netns "$P-s" >&2
  within b iperf3 -s -B 10.20.0.10 -D -I "$W/iperf.pid" --logfile "$W/iperf.log"; sleep 0.5
  stream; before_bytes=$passed before_rtt=$rtt
  say "before: $passed octets, $pings pings, $rtt ms"
  flooded 40 "${CULVERT_FLOOD_RATE:-5000}"
  stream
  say "in the flood: $passed octets, $pings pings, $rtt ms"
  expect "the tunnel that stands keeps nine tenths of its throughput" test $((passed * 10)) -ge $((before_bytes * 9))
  expect "it loses one ping of 25 at most" test "$pings" -ge 24
  expect "strongSwan gets in by its cookie" peer strongswan up "$W/s"
  expect "its tunnel carries packets" within s ping -q -c 5 -i 0.2 -W 3 10.20.0.10
  for number in $(seq 1 200); do
    ip -n "$P-r" addr add 10.1.1.$number/32 dev uplink; locals+=(--local 10.1.1.$number)
  done
  within r "$CULVERT_LOAD" setup --gateway 203.0.113.10 --pki "$W/pki" --remote-id gw.lab --timeout 90 --json --count 200 --concurrency 200 \
    "${locals[@]}" > "$W/runners.json" || true
  jq -c . "$W/runners.json"
  expect "200 runners behind one NAT get in at once" jq -e '.established == 200 and .failed == 0' "$W/runners.json"
  wait $flooder || fail "the flood ended badly: $(cat "$W/flood.err")"
  jq -c . "$W/flood.json"
  first_rss=$(responder_rss)
  expect "the flood asked more than a hundred times as often as cookies begin" jq -e '.sent > 6400' "$W/flood.json"
  expect "no refusal is longer than its request, nor are all together" jq -e '.longest_refusal <= .request_bytes and .refused_bytes <= .asked_bytes' "$W/flood.json"
  # 64 half-open at a time, each for 30 s, twice that while they change: what nobody returns a cookie for is not kept.
  expect "hardly anything of the flood is remembered" jq -e '.accepted <= 64 * (2 + .seconds / 30) and .malformed == 0' "$W/flood.json"
  jq -r '"\(.sent) requests in \(.seconds | round) s, \(.refusals) refused, \(.accepted) accepted"' "$W/flood.json" > "$W/note"
  flooded 10 "${CULVERT_FLOOD_RATE:-5000}"
  wait $flooder || fail "the second flood ended badly"
  say "resident: $first_rss KiB after the first flood, $(responder_rss) KiB after the second; round trip $before_rtt ms before, $rtt ms in the flood"
  expect "a second flood takes no more memory" test $(($(responder_rss) * 10)) -le $((first_rss * 11))
  expect "the gateway is the process that it was" kill -0 "$pid"
  expect "the tunnels stand" within e ping -q -c 3 -i 0.2 -W 3 10.20.0.10
  expect_soon 60 "nothing half-open is left" eval "\"$CULVERT\" gateway status --json --control '$W/b/gateway.sock' | jq -e '.halfOpen == 0'"
}
scenario flood-culvert "65 536 forged addresses flood the gateway: tunnels go on, 200 runners behind one NAT and strongSwan get in" limit=300 flood_holds
