# Transport mode (RFC 7296 §1.3.1, §2.23.1): what goes between two hosts, with their own addresses.

# hosts KEY=VALUE...: the agent on runner and the gateway on gw, in transport mode with each other. a:WORD and b:WORD as with
# pair; the gateway lets the agent reach its own address. With strict reverse path filters, as distributions have them.
hosts() {
  local a=(remote=203.0.113.10 lid=runner.lab rid=gw.lab mode=transport)
  local b=(local=203.0.113.10,2001:db8:113::10 lid=gw.lab rid=runner.lab mode=transport lts=203.0.113.10/32,2001:db8:113::10/128) word
  for word in "$@"; do
    case $word in a:*) a+=("${word#a:}");; b:*) b+=("${word#b:}");; from=*) ;; *) a+=("$word") b+=("$word");; esac
  done
  [ -e "/run/netns/$P-gw" ] || net up
  for word in "$@"; do case $word in from=alt) net move alt;; esac; done
  strict runner gw
  peer b culvert gw "${b[@]}"; peer a culvert runner "${a[@]}"
  start b; start a
}
strict() { local r; for r in "$@"; do within "$r" sysctl -qw net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.default.rp_filter=1; done; }
# clear_watch [FILTER]: records what passes gw that is neither ESP nor IKE. all_sealed: there was nothing
clear_watch() {
  ip netns exec "$P-gw" tcpdump -lnni wan 'not (udp port 500 or udp port 4500 or ip proto 50 or ip6 proto 50 or arp)
    and not (icmp6 and ip6[40] >= 133 and ip6[40] <= 137) and (host 203.0.113.10 or host 2001:db8:113::10) '"${1:-}" > "$W/clear.out" 2> "$W/clear.log" &
  clear_watcher=$!
  wait_until 5 grep -q listening "$W/clear.log" || fail "tcpdump did not start"
}
all_sealed() {
  sleep 0.5; kill -TERM "$clear_watcher" 2>/dev/null || true; wait "$clear_watcher" || true
  ! grep -q . "$W/clear.out" || fail "in clear: $(grep . "$W/clear.out" | head -2 | tr '\n' ';')"
  say "ok: nothing passed in clear"
}
# tcp_through ADDRESS: a megabyte by TCP from gw's host to runner's
tcp_through() {
  local target=$1 family=-4; case $target in *:*) family=-6;; esac
  head -c 1000000 /dev/urandom > "$W/blob"
  ip netns exec "$P-gw" timeout 20 socat -u "OPEN:$W/blob" "TCP${family#-}-LISTEN:7700,reuseaddr" &
  wait_until 5 eval "ip netns exec $P-gw ss -Hltn 'sport = :7700' | grep -q 7700" || fail "no listener"
  within runner timeout 20 socat -u "TCP${family#-}:$( [ $family = -6 ] && echo "[$target]" || echo "$target"):7700" "CREATE:$W/blob.got" || fail "no connection by TCP"
  cmp -s "$W/blob" "$W/blob.got" || fail "other bytes came through TCP"
  rm -f "$W/blob.got"
  say "ok: a megabyte by TCP"
}
no_rules() { ! grep -q '^19[78]..:' <<< "$(within "$1" ip rule show; within "$1" ip -6 rule show)"; }

transport_plain() { # no NAT; both families; what becomes of the host's rules
  hosts from=alt a:encap=no
  check "transport mode, ESP as protocol 50"
  clear_watch
  call
  expect "both ends are in transport mode" eval 'fact_is a mode transport && fact_is b mode transport'
  expect "the selectors are the two hosts" eval 'fact_has a lts 192.0.2.2 && fact_has a rts 203.0.113.10'
  ping_through 203.0.113.10
  tcp_through 203.0.113.10
  check "rekeying keeps the mode"
  on a rekey child; on b rekey child; sleep 1
  expect "both ends are in transport mode" eval 'fact_is a mode transport && fact_is b mode transport'
  ping_through 203.0.113.10
  all_sealed
  check "when the SA is gone, nothing goes in clear"
  clear_watch 'and src host 192.0.2.2' # what the gateway says when nobody is at its ports is no secret
  on b stop
  within runner ping -q -c 2 -W 1 203.0.113.10 > "$W/ping.out" 2>&1 && fail "the ping came back"
  expect_soon 30 "the agent notices" fact_is a ike_count 0
  within runner ping -q -c 2 -W 1 203.0.113.10 > "$W/ping.out" 2>&1 && fail "the ping came back"
  all_sealed
  expect "the gateway took its rules back" no_rules gw
  check "rules go with the tunnel, and with a killed agent"
  start b; call; ping_through 203.0.113.10
  expect "there are rules" eval '! no_rules runner && ! no_rules gw'
  on a down
  expect_soon 5 "the agent took its own back" eval '! grep -q "to 203.0.113.10" <<< "$(within runner ip rule show)"'
  call; on a kill; on b kill
  expect_soon 10 "guardians took all back" eval 'no_rules runner && no_rules gw'
  within runner ping -q -c 2 -W 1 203.0.113.10 > "$W/ping.out" 2>&1 || fail "the hosts cannot talk in clear afterwards"
}
transport_v6() {
  hosts from=alt a:remote=2001:db8:113::10
  clear_watch; call
  expect "transport mode" fact_is a mode transport
  ping_through 2001:db8:113::10
  tcp_through 2001:db8:113::10
  all_sealed
}
transport_nat() { # behind a NAT: other addresses at each end, and checksums that must be corrected
  hosts
  clear_watch; call
  expect "both ends are in transport mode" eval 'fact_is a mode transport && fact_is b mode transport'
  expect "the gateway has the NAT's address" fact_has b rts 198.51.100.2
  expect "the agent has its own" fact_has a lts 10.1.0.2
  ping_through 203.0.113.10
  tcp_through 203.0.113.10
  on a rekey child; sleep 1
  tcp_through 203.0.113.10
  all_sealed
}
transport_declined() { # the gateway grants tunnel mode only
  hosts b:mode=tunnel b:rts=10.1.0.2/32,198.51.100.0/24
  call_fails
  expect "the agent says why" eval 'grep -q transport_mode_declined "$W/up.out"'
  on a stop
  peer a culvert runner remote=203.0.113.10 lid=runner.lab rid=gw.lab mode=transport allowtunnel=true
  start a; call
  expect "a tunnel does where that is allowed" eval 'fact_is a mode tunnel && fact_is b mode tunnel'
}
transport_moves() { # RFC 4555 moves tunnels: in transport mode the Child SA is made anew
  hosts from=alt a:dpd=3
  call; ping_through 203.0.113.10
  within runner sysctl -qw net.ipv4.conf.all.promote_secondaries=1 # so that the other address stays
  ip -n "$P-runner" addr add 192.0.2.7/24 dev alt; ip -n "$P-runner" addr del 192.0.2.2/24 dev alt
  ip -n "$P-runner" route replace default via 192.0.2.1
  expect_soon 20 "another Child SA, for the new address" fact_has a lts 192.0.2.7
  expect_soon 5 "the gateway has it, too" fact_has b rts 192.0.2.7
  ping_through 203.0.113.10
}
scenario cc-transport "Culvert in transport mode with Culvert: no NAT, rekeying, fail closed, rules taken back" limit=150 transport_plain
scenario cc-transport-v6 "Culvert in transport mode with Culvert over IPv6" transport_v6
scenario cc-transport-nat "Culvert in transport mode with Culvert behind a NAT: checksums corrected" transport_nat
scenario cc-transport-declined "transport mode declined: refused, or a tunnel where that is allowed" transport_declined
scenario cc-transport-moves "transport mode after a change of address" transport_moves

# --- with the ESP of a kernel at the other end (helpers of 90-kernel-peers.sh)
# transport_words KIND FROM TO: the connection in the words of a foreign peer that is at FROM
transport_words() {
  case $1 in
  strongswan) words=(mode=transport lts=dynamic rts=dynamic);;
  libreswan) words=(extra=type=transport lts= rts=);;
  openiked) words=(tmode=transport lts="$2" rts="$3");;
  esac
}
in_transport_mode() { # SIDE: the guest's kernel has nothing but transport mode
  local state; state=$(in_guest "${place[$1]}" 'ip xfrm state')
  grep -q 'mode transport' <<< "$state" && ! grep -q 'mode tunnel' <<< "$state"
}
old_is_gone() { [ "$(kernel_facts k | sed -n 's/^child_count=//p')" = 1 ]; } # its counters would go with it
# guest_pulls ADDRESS: the guest gets a megabyte by TCP from the side that Culvert is on
guest_pulls() {
  local role=${place[$(ours)]}
  head -c 300000 /dev/urandom > "$W/blob"
  ip netns exec "$P-$role" timeout 40 socat -u "OPEN:$W/blob" TCP4-LISTEN:7700,reuseaddr &
  wait_until 5 eval "ss -N $P-$role -Hltn 'sport = :7700' | grep 7700" || fail "no listener"
  in_guest k "timeout 30 bash -c 'cat < /dev/tcp/$1/7700' > '$W/blob.got'" || fail "no connection by TCP"
  cmp -s "$W/blob" "$W/blob.got" || fail "other bytes came through TCP"
  say "ok: 300000 bytes by TCP"
}
transport_calls() { # KIND: it calls our gateway, without and with a NAT
  local what=$1 words
  foreign "$what" initiator
  net up; guest k; strict gw
  peer b culvert gw local=203.0.113.10 lid=gw.lab rid=runner.lab mode=transport lts=203.0.113.10/32; start b
  check "transport mode: it calls, ESP as protocol 50"
  transport_words "$what" 203.0.113.20 203.0.113.10
  [ "$what" != openiked ] || words+=(mode=active)
  peer a "$what" k local=203.0.113.20 remote=203.0.113.10 lid=runner.lab rid=gw.lab encap=no mobike=no "${words[@]}"
  start a; call
  expect "transport mode at both ends" eval 'in_transport_mode a && fact_is b mode transport'
  ping_through 203.0.113.10 3
  guest_pulls 203.0.113.10
  check "transport mode: Culvert rekeys the Child SA"
  on b rekey child || fail "no rekeying"
  expect_soon 20 "one child is left" old_is_gone
  expect "transport mode at both ends" eval 'in_transport_mode a && fact_is b mode transport'
  ping_through 203.0.113.10 3
}
transport_calls_nat() { # KIND: from behind a NAT
  local what=$1 words
  foreign "$what" initiator
  net up; guest k home; strict gw
  peer b culvert gw local=203.0.113.10 lid=gw.lab rid=runner.lab mode=transport lts=203.0.113.10/32; start b
  check "transport mode: it calls from behind a NAT, checksums corrected"
  transport_words "$what" 10.2.0.2 203.0.113.10
  [ "$what" != openiked ] || words+=(mode=active)
  peer a "$what" k local=10.2.0.2 remote=203.0.113.10 lid=runner.lab rid=gw.lab mobike=no "${words[@]}"
  start a; call
  expect "transport mode at both ends" eval 'in_transport_mode a && fact_is b mode transport'
  expect "the NAT's address" fact_has b rts 198.51.100.2
  ping_through 203.0.113.10 3
  guest_pulls 203.0.113.10
}
transport_answers() { # KIND
  local what=$1 words
  foreign "$what" responder
  net up; guest k; net move alt; strict runner
  check "transport mode: it answers"
  transport_words "$what" 203.0.113.20 192.0.2.2
  peer b "$what" k local=203.0.113.20 remote="$([ "$what" = openiked ] && echo 192.0.2.2 || echo %any)" lid=gw.lab rid=runner.lab encap=no mobike=no "${words[@]}"
  start b
  words=(); case $what in openiked) esp_words culvert cbc512-noesn; words+=(mobike=no);; esac
  peer a culvert runner remote=203.0.113.20 lid=runner.lab rid=gw.lab mode=transport encap=no "${words[@]}"; start a
  call
  expect "transport mode at both ends" eval 'in_transport_mode b && fact_is a mode transport'
  ping_through 203.0.113.20 3
  guest_pulls 192.0.2.2
  check "transport mode: Culvert rekeys the Child SA"
  on a rekey child || fail "no rekeying"
  expect_soon 20 "one child is left" old_is_gone
  expect "transport mode at both ends" eval 'in_transport_mode b && fact_is a mode transport'
  ping_through 203.0.113.20 3
}
for what in strongswan libreswan openiked; do
  case $what in strongswan) tag=k;; libreswan) tag=l;; openiked) tag=o;; esac
  scenario $tag-transport-calls "$what in a guest calls in transport mode" limit=300 transport_calls $what
  # (libreswan 4.10 behind a NAT refuses the addresses that a responder sees, which RFC 7296 §2.23.1 has it answer with.)
  [ $what = libreswan ] || scenario $tag-transport-nat "$what in a guest calls in transport mode from behind a NAT" limit=300 transport_calls_nat $what
  scenario $tag-transport-answers "$what in a guest answers in transport mode" limit=300 transport_answers $what
done
