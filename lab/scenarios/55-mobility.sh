# Hosts that move, NATs that forget, gateways with several addresses (RFC 4555).
#
# strongSwan's userspace plane cannot change the addresses of a Child SA: charon makes a new one instead (a rekeying after
# each move), and after `remap port`, a NAT that forgets its ports, its own detection fails; see docs/operating/mobility.md.

# ESP is counted where strongSwan has made its new Child SA, whose counters begin at zero.
roam_through() { sleep 1.5; ping_through; }
roam_answers() { within "${place[a]}" ping -q -c 1 -W 1 10.20.0.2; }
# roam_moved SIDE PATTERN: a Culvert there says that its peer or itself is at another address now
roam_moved() { ! is_culvert "$1" || logged "$1" "(session|tunnel) moved.*$2"; }
roam_checked() { ! is_culvert "$1" || logged "$1" 'return routability check passed'; }
roam_mobile() { ! is_culvert "$1" || fact_is "$1" mobike true; }

roam_move() { # A B: from behind the NAT to an address without one, and back
  pair "$1" "$2" auth=psk a:dpd=5
  call; ping_through
  expect "MOBIKE is agreed" eval 'roam_mobile a && roam_mobile b'
  net move alt
  expect_soon 10 "traffic flows from the new address" roam_answers
  expect "the new address" eval 'roam_moved a "(192\.0\.2\.2|2001:db8:2::2)" && roam_moved b "to=.*(192\.0\.2\.2|2001:db8:2::2)"'
  expect "ESP waited for the return routability check" roam_checked b
  roam_through
  net move nat
  expect_soon 10 "traffic flows from behind the NAT again" roam_answers
  expect "the NAT's address" roam_moved b 'to=.*(198\.51\.100\.2|2001:db8:1::2)'
  roam_through
  on a rekey ike
  expect_soon 10 "traffic flows after a rekeying of the IKE SA" roam_answers
  net move alt
  expect_soon 10 "traffic flows after the next move" roam_answers
  roam_through
}
roam_renumber() { # A B: another address of the same network, behind the same NAT
  pair "$1" "$2" auth=psk a:dpd=5
  call; ping_through
  net addr 7
  expect_soon 10 "traffic flows from 10.1.0.7" roam_answers
  roam_through
}
roam_families() { # A B: IPv4 goes, IPv6 is there; then the other way round
  pair "$1" "$2" auth=psk a:dpd=3
  call; ping_through
  ip -n "$P-runner" -4 addr flush dev access
  expect_soon 20 "traffic flows over IPv6" roam_answers
  expect "over IPv6" eval 'roam_moved a "to=.*2001:db8:113::10" && roam_moved b "to=.*2001:db8:1::2"'
  roam_through
  ip -n "$P-runner" addr add 10.1.0.2/24 dev access; ip -n "$P-runner" route replace default via 10.1.0.1
  ip -n "$P-runner" -6 addr flush dev access scope global
  expect_soon 20 "traffic flows over IPv4 again" roam_answers
  roam_through
}
roam_remap() { # A B: the NAT gets another address and forgets its mappings; the caller finds out by its liveness checks
  pair "$1" "$2" auth=psk a:dpd=2
  call; ping_through
  net remap addr 9
  expect_soon 15 "traffic flows through the NAT's new address" roam_answers
  expect "the new address" roam_moved b 'to=.*198.51.100.9'
  expect "ESP waited for the return routability check" roam_checked b
  roam_through
}
roam_remap_idle() { # nothing is sent: only the liveness check shows that the mapping changed (RFC 4555 §3.8)
  pair "$1" "$2" auth=psk a:dpd=2
  call; ping_through
  sleep 3  # the first liveness check tells the mapping that later ones are held against
  net remap addr 9
  expect_soon 15 "a liveness check shows the change" logged a 'NAT mapping changed'
  sleep 1
  within registry ping -q -c 2 -W 2 "$(fact a vip)" > "$W/ping.out" || fail "the gateway does not reach the runner"
  say "ok: the gateway reaches the runner at its new mapping"
}
roam_port() { # A B: a NAT that was rebooted: the same address, other ports
  pair "$1" "$2" auth=psk a:dpd=2
  call; ping_through
  net remap port
  expect_soon 20 "traffic flows through the NAT's new ports" roam_answers
  expect "ESP waited for the return routability check" roam_checked b
  roam_through
}
roam_renumbered_gateway() { # A B: the gateway has two addresses; the one in use goes, comes back, and the other goes
  net up
  ip -n "$P-gw" addr add 203.0.113.20/24 dev wan
  pair "$1" "$2" auth=psk a:dpd=3 b:local=203.0.113.10,203.0.113.20
  call; ping_through
  # A NAT lets nothing in from the other address before something goes out to it, and strongSwan tries other ways only when
  # its own kernel tells of a change: it is called from the gateway here, so nothing may stand between.
  [ "$1" != strongswan ] || { net move alt; expect_soon 10 "traffic flows without a NAT" roam_answers; }
  ip -n "$P-gw" addr del 203.0.113.10/24 dev wan
  # Deleting a first address takes the others of its network with it, unless they are promoted.
  ip -n "$P-gw" addr show dev wan | grep -q 203.0.113.20 || ip -n "$P-gw" addr add 203.0.113.20/24 dev wan
  ip -n "$P-gw" route replace default via 203.0.113.1 2>/dev/null || true
  expect_soon 25 "traffic flows by the gateway's other address" roam_answers
  # Its IPv6 address is another one too; the first that answers is taken.
  expect "it moved there" eval 'roam_moved a "to=.*(203.0.113.20|2001:db8:113::10)"'
  ip -n "$P-gw" addr add 203.0.113.10/24 dev wan
  if is_culvert a; then
    expect_soon 10 "the peer hears that the first is back" sh -c "'$CULVERT' status --json --control '$W/a/agent.sock' | jq -e '[.. | .peerAddresses? // empty] | flatten | index(\"203.0.113.10\")'"
  fi
  roam_through
}
roam_black() { # A B: the path to the gateway's first address swallows everything, its other address answers
  net up
  ip -n "$P-gw" addr add 203.0.113.20/24 dev wan
  pair "$1" "$2" auth=psk a:dpd=2 b:local=203.0.113.10,203.0.113.20
  call; ping_through
  net block gw
  expect_soon 20 "traffic flows by the gateway's other address" roam_answers
  expect "the other address" eval 'roam_moved a "to=.*203.0.113.20"'
  roam_through
  net unblock
}
roam_without() { # A B: a peer without MOBIKE behind a NAT that changes its address is followed after it proved to be there
  pair "$1" "$2" auth=psk a:dpd=2 mobike=no
  call; ping_through
  refute "MOBIKE is agreed" eval 'is_culvert b && fact_is b mobike true'
  net remap addr 9
  expect_soon 15 "traffic flows through the NAT's new address" roam_answers
  expect "ESP waited for the return routability check" roam_checked b
  roam_through
}

# roam_gaps NAME: the longest silence of a ping of 100 a second around each of six moves, in milliseconds, sorted
roam_gaps() {
  local i pid
  : > "$W/gaps.$1"
  for i in 1 2 3 4 5 6; do
    within "${place[a]}" ping -D -n -i 0.01 -c 500 -W 1 10.20.0.2 > "$W/gap.out" 2>&1 & pid=$!
    sleep 1; net move "$([ $((i % 2)) = 1 ] && echo alt || echo nat)"
    wait "$pid" || true
    sed -n 's/^\[\([0-9.]*\)\] .*bytes from.*/\1/p' "$W/gap.out" | awk '
      NR > 1 && $1 - last > gap { gap = $1 - last } { last = $1 }
      END { if (NR < 2 || !NR) print 5000; else printf "%d\n", gap * 1000 }' >> "$W/gaps.$1"
  done
  sort -n -o "$W/gaps.$1" "$W/gaps.$1"
}
roam_median() { awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }' "$W/gaps.$1"; }
# The pair's machines are stopped, and the network is as it was.
roam_clear() { on a stop; on b stop; net move nat >/dev/null 2>&1 || true; }

roam_gap() { # the silence that a move costs, ours beside strongSwan's
  pair strongswan strongswan auth=psk a:dpd=5
  call; ping_through
  roam_gaps strongswan
  roam_clear
  mkdir -p "$W/first"; mv "$W/a" "$W/b" "$W/first/"
  pair culvert culvert auth=psk a:dpd=5
  call; expect_soon 5 "traffic flows" roam_answers
  roam_gaps culvert
  say "gaps of six moves in ms: Culvert $(tr '\n' ' ' < "$W/gaps.culvert"), strongSwan $(tr '\n' ' ' < "$W/gaps.strongswan")"
  echo "p50 of six moves: Culvert $(roam_median culvert) ms, strongSwan $(roam_median strongswan) ms" > "$W/note"
  [ "$(roam_median culvert)" -lt 1000 ] || fail "a move costs $(roam_median culvert) ms"
}
roam_download() { # A B: 100 MB over one TCP connection while the runner moves four times
  pair "$1" "$2" auth=psk a:dpd=5
  call; expect_soon 5 "traffic flows" roam_answers
  within registry socat TCP-LISTEN:5001,reuseaddr SYSTEM:'for i in $(seq 100); do head -c 1000000 /dev/zero; sleep 0.08; done' &
  sleep 0.3
  within runner timeout 80 socat -u TCP:10.20.0.2:5001 OPEN:"$W/received.bin",creat,trunc & local pid=$!
  local where
  for where in alt nat alt nat; do sleep 2; net move $where; done
  wait "$pid" || fail "the connection broke"
  [ "$(stat -c %s "$W/received.bin")" = 100000000 ] || fail "$(stat -c %s "$W/received.bin") bytes of 100000000 arrived"
  rm -f "$W/received.bin"
  say "ok: 100 MB arrived over one TCP connection and four moves"
}

for pair in 'sc strongswan culvert' 'cs culvert strongswan' 'cc culvert culvert'; do
  read -r tag a b <<< "$pair"
  scenario $tag-move "another address, without NAT and with, MOBIKE ($a calls)" roam_move "$a" "$b"
  scenario $tag-renumber "another address behind the same NAT ($a calls)" roam_renumber "$a" "$b"
  scenario $tag-families "from IPv4 to IPv6 and back ($a calls)" roam_families "$a" "$b"
  scenario $tag-remap "a NAT with a new address ($a calls)" roam_remap "$a" "$b"
  # strongSwan tries other ways when the kernel tells of a change, not when its liveness checks stay without an answer.
  [ $tag = sc ] || scenario $tag-black "the gateway's other address when the first goes black ($a calls)" roam_black "$a" "$b"
  # After a NAT forgot its ports, the mapping detection of strongSwan's user-space plane fails (see above).
  [ $tag = sc ] || scenario $tag-remap-port "a NAT that forgets its ports ($a calls)" roam_port "$a" "$b"
  scenario $tag-gateway-addresses "a gateway's address goes and comes back ($a calls)" roam_renumbered_gateway "$a" "$b"
  scenario $tag-nomobike "a NAT with a new address, without MOBIKE ($a calls)" roam_without "$a" "$b"
  scenario $tag-download "a download over four moves ($a calls)" limit=120 roam_download "$a" "$b"
done
scenario cs-remap-idle "an idle runner finds the new mapping of its NAT" roam_remap_idle culvert strongswan
scenario cc-remap-idle "an idle runner finds the new mapping of its NAT, Culvert alone" roam_remap_idle culvert culvert
scenario cc-gap "the silence of a move, beside strongSwan's" limit=180 roam_gap
