# Why it did not work: the code that the catalogue of errors (docs/reference/errors.md) has for it, in our log and in
# `culvert status`, on whichever side Culvert stands.

told() { # CODE DETAIL [SECONDS]: our log and our status have it, the status in fields that programs read
  expect_soon "${3:-10}" "the log has $1" logged "$(ours)" "code=\"$1\""
  [ -z "$2" ] || expect "and what was compared" logged "$(ours)" "$2"
  expect "the status has $1" fact_has "$(ours)" failures "$1"
  expect "with the lists of what was offered, wanted and compared" jq -e --arg code "$1" '[.. | objects | select(.code? == $code)
    | select((.offered, .wanted, .compared) | type == "array") | select(.message and .next)] | length > 0' "$W/$(ours)/status.json"
}
explained() { # A B CODE DETAIL KEYS
  local a=$1 b=$2 code=$3 detail=$4; shift 4
  pair "$a" "$b" auth=psk "$@"
  call_fails
  told "$code" "$detail"
}
other_psk=Zq8WmXc2VbN7tYpL4sKdJ9fHgR3eUaTo6iBvCxE1nQwS
says_psk() { # A B: whoever answers finds it out; whoever calls is told no more than the wire carries
  pair "$1" "$2" auth=psk a:psk=$other_psk
  call_fails
  if is_culvert b; then told E1109 'reason="psk_mismatch"'; else told E1101 'the wire does not carry it'; fi
}
says_certificate() { # A B CODE DETAIL EXPIRED=.. | EKU=.. | other: strongSwan's certificate is bad in that way
  local a=$1 b=$2 code=$3 detail=$4 how=$5 theirs names=gw.lab
  theirs=$([ "$a" = strongswan ] && echo runner.lab || echo gw.lab)
  pki gw.lab=DNS:gw.lab,IP:203.0.113.10 runner.lab
  [ $theirs = runner.lab ] && names=runner.lab=DNS:runner.lab || names=gw.lab=DNS:gw.lab,IP:203.0.113.10
  if [ "$how" = other ]; then
    "$L/peers/pki" "$W/other" "$names"; cp "$W/other/$theirs".{crt,key} "$W/pki/"
  else env "$how" "$L/peers/pki" "$W/pki" "$names"; fi
  pair "$a" "$b" auth=cert pki="$W/pki" a:cert=runner.lab b:cert=gw.lab
  call_fails
  told "$code" "$detail"
}
says_fragments() { # A B: a path that drops what is longer than 1000 octets, as broken tunnels and firewalls do
  KEYTYPE=rsa3072 pki gw.lab=DNS:gw.lab,IP:203.0.113.10 runner.lab
  # The agent has to come to its end before the command line stops waiting for it.
  pair "$1" "$2" a:giveup=8 auth=cert pki="$W/pki" a:cert=runner.lab b:cert=gw.lab
  net block long:1000
  call_fails
  told E1314 'octets' 45
  expect "and what to try" jq -e '[.. | objects | select(.code? == "E1314") | .next | test("fragment_size")] | any' "$W/$(ours)/status.json"
}
says_timeout() { # the same, told when the time of `culvert up` is over, long before the agent itself gives up
  KEYTYPE=rsa3072 pki gw.lab=DNS:gw.lab,IP:203.0.113.10 runner.lab
  pair culvert strongswan a:giveup=60 auth=cert pki="$W/pki" a:cert=runner.lab b:cert=gw.lab
  net block long:1000
  call_fails
  told E1415 'reason="fragments_lost"' 5
  expect "whoever waited is told what was sent" grep -q 'fragments of up to' "$W/a/up.out"
  expect "and what to try" grep -q fragment_size "$W/a/up.out"
}
scenario cs-says-timeout "the time of culvert up is over: what is known by then is told" says_timeout

says_name() { # strongSwan answers with a certificate of its authority's that has another name
  pki gw.lab=DNS:gw.lab,IP:203.0.113.10 other.lab runner.lab
  pair culvert strongswan auth=cert pki="$W/pki" a:cert=runner.lab b:cert=other.lab b:lid="${4:-gw.lab}" a:rid="$1"
  call_fails
  told "$2" "$3"
}
scenario cs-says-name "a gateway that is somebody else is told with both names" says_name gw.lab E1102 'offered=.*other\.lab.*wanted=.*gw\.lab'

says_revoked() { # a certificate that was good a moment ago
  gateway_by_init
  local dir=$W/gw/etc serial; serial=$(at gw "$CULVERT" ca list --json --dir "$dir" | jq -r '.[] | select(.name == "runner1").serial')
  at gw "$CULVERT" ca revoke runner1 --reason "left the company" --dir "$dir" > /dev/null || fail revoke
  expect_soon 10 "a caller with it is refused" sh -c "! ip netns exec $P-runner $CULVERT up --profile $W/runner1.culvert --timeout 10s > $W/runner/up.out 2>&1"
  expect "and is told no more than the wire carries" grep -q E1101 "$W/runner/up.out"
  expect "the gateway's log says that it is revoked" grep -q 'code="E1107".*reason="cert_revoked"' "$W/gw/gateway.log"
  expect "and since when, and which" grep -qi "E1107.*$serial" "$W/gw/gateway.log"
  expect "the gateway's status says so" eval 'at gw "$CULVERT" gateway status --json -c "$W/gw/etc/gateway.yaml" | grep -q E1107'
  expect "the audit trail says so" eval 'at gw "$CULVERT" audit tail --json -c "$W/gw/etc/gateway.yaml" | grep -q E1107'
}
scenario cc-says-revoked "a revoked certificate is told by log, status and audit trail of the gateway" says_revoked

for pair in 'sc strongswan culvert' 'cs culvert strongswan'; do
  read -r tag a b <<< "$pair"
  scenario $tag-says-proposal "no proposal in common is told with both lists ($a calls)" explained "$a" "$b" E1401 'offered=.*aes' a:ike=aes128gcm16-prfsha256-ecp256 b:ike=aes256gcm16-prfsha384-ecp384
  scenario $tag-says-psk "another pre-shared key is told ($a calls)" says_psk "$a" "$b"
  scenario $tag-says-expired "an expired certificate of strongSwan's is told with both times ($a calls)" says_certificate "$a" "$b" E1103 'valid until .*our clock' EXPIRED=yes
  scenario $tag-says-clock "a certificate that begins tomorrow is told as a clock that is wrong ($a calls)" says_certificate "$a" "$b" E1116 'reason="clock_skew"' EXPIRED=future
  scenario $tag-says-purpose "a certificate that is not for IKE is told with what it is for ($a calls)" says_certificate "$a" "$b" E1106 'wanted=.*ipsecIKE' EKU=emailProtection
  scenario $tag-says-issuer "a certificate of another authority is told with whom we trust ($a calls)" says_certificate "$a" "$b" E1105 'offered=.*wanted=' other
  scenario $tag-says-fragments "long messages that never arrive are told with their lengths ($a calls)" says_fragments "$a" "$b"
  scenario $tag-says-selectors "selectors without anything in common are told with both lists ($a calls)" explained "$a" "$b" E1202 'offered=.*10\.77\.0\.0' a:rts=10.77.0.0/24
done

says_silence() { # A B: the other side falls silent
  local side; side=$([ "$1" = culvert ] && echo a || echo b)
  pair "$1" "$2" auth=psk "$side:dpd=2" "$side:giveup=5"
  call; ping_through
  net block all
  expect_soon 30 "the tunnel is given up" no_sa "$side"
  told E1305 'last heard'
}
scenario sc-says-silence "a peer that falls silent is told as such by the gateway" says_silence strongswan culvert
scenario cs-says-silence "a gateway that falls silent is told as such by the agent" says_silence culvert strongswan

says_pool() { # an agent whom the pool has nothing for
  pair culvert strongswan auth=psk b:pool=
  call_fails
  told E1405 'INTERNAL_ADDRESS_FAILURE|no address'
}
scenario cs-says-pool "no address for us in the peer's pool is told" says_pool

exhausted() { # more callers than addresses: Culvert on both sides
  local role number refused=
  net up; machine gw
  local dir=$W/gw/etc
  at gw "$CULVERT" init --name gw.lab --address 203.0.113.10 --dir "$dir" > "$W/gw/init.out" || fail "init: $(tail -3 "$W/gw/init.out")"
  printf 'version: 1\nresources:\n  lan: {address: 10.20.0.0/28, ports: [icmp]}\nrules:\n' > "$dir/policy.yaml"
  for number in 1 2 3; do printf '  - name: r%s\n    when: {name: runner%s}\n    allow: [lan]\n' $number $number >> "$dir/policy.yaml"; done
  sed -i '/^network:/,/^[a-z]/{/pools:/d}' "$dir/gateway.yaml"
  if grep -q '^network:' "$dir/gateway.yaml"; then sed -i 's|^network:|network:\n  pools: [10.99.0.0/30]|' "$dir/gateway.yaml"
  else printf 'network:\n  pools: [10.99.0.0/30]\n' >> "$dir/gateway.yaml"; fi
  daemon gw gateway "$CULVERT" gateway run -c "$dir/gateway.yaml"
  wait_until 15 at gw "$CULVERT" gateway status -c "$dir/gateway.yaml" || fail "the gateway did not start: $(tail -3 "$W/gw/gateway.log")"
  number=0
  for role in runner gw2 registry; do
    number=$((number + 1)); machine "$role"
    at gw "$CULVERT" ca issue --name "runner$number" --out "$W/runner$number.culvert" --dir "$dir" > /dev/null || fail issue
    at "$role" "$CULVERT" up --profile "$W/runner$number.culvert" --timeout 10s > "$W/$role/up.out" 2>&1 || { refused=$role; break; }
  done
  [ -n "$refused" ] || fail "a pool of four addresses was enough for three"
  say "ok: runner$number found the pool exhausted"
  expect "it is told so" grep -q E1405 "$W/$refused/up.out"
  expect "its status says so" eval 'at $refused "$CULVERT" status --json | grep -q E1405'
  expect "the gateway's log says so" grep -q E1405 "$W/gw/gateway.log"
  expect "the gateway's status says so" eval 'at gw "$CULVERT" gateway status --json -c "$W/gw/etc/gateway.yaml" | grep -q E1405'
}
scenario cc-says-pool "an exhausted pool is told at both ends, in logs and status" exhausted

says_cookies() { # a responder that never has enough of cookies
  net up
  within gw perl -MIO::Socket::INET -e '
    my $s = IO::Socket::INET->new(LocalAddr => "203.0.113.10", LocalPort => 500, Proto => "udp") or die;
    while (1) {
      my $from = $s->recv(my $m, 4096); next if length $m < 28;
      my $cookie = pack("CCnCCn", 0, 0, 16, 0, 0, 16390) . pack("N2", rand(2**32), rand(2**32));
      $s->send(substr($m, 0, 8) . "\0" x 8 . pack("CCCCNN", 41, 0x20, 34, 0x20, 0, 28 + length $cookie) . $cookie, 0, $from);
    }' > "$W/cookies.out" 2>&1 &
  peer a culvert runner lid=runner.lab rid=gw.lab remote=203.0.113.10 rts=10.20.0.0/24 vips=0.0.0.0
  kind[b]=strongswan place[b]=gw
  start a
  call_fails
  told E1411 'it asked [0-9]+ times'
}
scenario c-says-cookies "a gateway that asks for cookies without end is told" says_cookies
