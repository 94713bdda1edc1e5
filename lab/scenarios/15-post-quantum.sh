# Post-quantum key exchange and pre-shared keys. 5.9.8 of Debian knows RFC 8784 and no additional key exchanges; a strongSwan
# with ML-KEM (6.0 or newer, `--enable-ml --enable-kernel-libipsec`) takes part when STRONGSWAN6 names its prefix.
# sc-*: strongSwan calls Culvert. cs-*: Culvert calls strongSwan.

pq_fallback() { # A B: the defaults of Culvert against a peer that knows no ADDKE transforms
  pair "$1" "$2" "a:ike=$3" "a:esp=$4" "b:ike=$5" "b:esp=$6"
  call
  expect "a classical suite" fact_has "$(strong)" ike_suite '25519$'
  ping_through 10.20.0.2
  expect "rekeying of the child" on "$(ours)" rekey child
  expect_soon 5 "the child's key exchange is classical" fact_has "$(strong)" esp_suite 25519
  expect "rekeying of the IKE SA" on "$(ours)" rekey ike
  sleep 6; ping_through 10.20.0.2
}
pq_refused() { # A B KEYS...: what require_pq refuses, and says why
  local a=$1 b=$2; shift 2
  pair "$a" "$b" "$@"
  call_fails
  expect "the reason is named" logged "$(ours)" 'post-quantum key exchange|none of our proposals'
  nothing_left b; nothing_left a
}
ppk='ppk=site-key:c4f0a9d6be0173528e64fb9d20a781c5'
with_ppk() { # A B KEYS...
  local a=$1 b=$2; shift 2
  pair "$a" "$b" "$@"
  call
  ping_through 10.20.0.2
  expect "rekeying of the IKE SA" on "$(ours)" rekey ike
  expect_soon 5 "rekeying of the child" on "$(ours)" rekey child
  sleep 6; ping_through 10.20.0.2
  [ -z "${used:-}" ] || expect "strongSwan used the key" logged "$(strong)" 'using PPK'
  [ -n "${used:-}" ] || refute "strongSwan used a key" logged "$(strong)" 'using PPK'
}
with_used_ppk() { used=yes with_ppk "$@"; }
ppk_refused() { # A B KEYS...
  local a=$1 b=$2; shift 2
  pair "$a" "$b" "$@"
  call_fails
  # A caller that gives up after IKE_SA_INIT leaves a half-open IKE SA behind.
  nothing_left b 40; nothing_left a 20
}
hybrid() { # A B IKE ESP PATTERN KEYS...
  export STRONGSWAN_DIR=$STRONGSWAN6
  local a=$1 b=$2 ike=$3 esp=$4 pattern=$5; shift 5
  pair "$a" "$b" "ike=$ike" "esp=$esp" "$@"
  call
  expect "IKE suite $pattern" fact_has "$(strong)" ike_suite "$pattern"
  ping_through 10.20.0.2
  expect "we rekey the child" on "$(ours)" rekey child
  expect_soon 5 "with ML-KEM" fact_has "$(strong)" esp_suite 'ML_KEM'
  sleep 6; ping_through 10.20.0.2
  expect "strongSwan rekeys the child" on "$(strong)" rekey child
  sleep 6; ping_through 10.20.0.2
  expect "we rekey the IKE SA" on "$(ours)" rekey ike
  expect_soon 5 "still with ML-KEM" fact_has "$(strong)" ike_suite "$pattern"
  sleep 6; ping_through 10.20.0.2
  expect "strongSwan rekeys the IKE SA" on "$(strong)" rekey ike
  sleep 2; expect "still with ML-KEM" fact_has "$(strong)" ike_suite "$pattern"
  ping_through 10.20.0.2
}

ours_ike=aes256gcm-prfsha384-x25519+mlkem768,aes256gcm-prfsha384-x25519
ours_esp=aes256gcm-x25519+mlkem768,aes256gcm-x25519
theirs_ike=aes256gcm16-prfsha384-curve25519 theirs_esp=aes256gcm16-curve25519
hybrid_ike=aes256gcm16-prfsha384-x25519-ke1_mlkem768 hybrid_esp=aes256gcm16-x25519-ke1_mlkem768
large_ike=aes256gcm16-prfsha384-ecp384-ke1_mlkem1024-ke2_x25519 large_esp=aes256gcm16-ecp384-ke1_mlkem1024
scenario sc-pq-fallback "a peer without ADDKE gets the classical proposal: strongswan calls culvert" pq_fallback strongswan culvert $theirs_ike $theirs_esp $ours_ike $ours_esp
scenario cs-pq-fallback "a peer without ADDKE takes the classical proposal: culvert calls strongswan" pq_fallback culvert strongswan $ours_ike $ours_esp $theirs_ike $theirs_esp
scenario sc-pq-required "require_pq refuses a classical peer: strongswan calls culvert" pq_refused strongswan culvert b:requirepq=yes b:ike=$ours_ike a:ike=$theirs_ike
scenario cs-pq-required "require_pq refuses a classical peer: culvert calls strongswan" pq_refused culvert strongswan a:requirepq=yes a:ike=$ours_ike b:ike=$theirs_ike
# strongSwan as responder takes a caller with another name for another connection's, so only Culvert is asked to go on.
scenario sc-ppk-unknown "optional ones with different names: strongswan calls culvert" with_ppk strongswan culvert a:$ppk a:ppkrequired=no b:ppk=other:0d5e8f7a6b1c2d3e4f5061728394a5b6 b:ppkrequired=no
for pair in 'sc strongswan culvert' 'cs culvert strongswan'; do
  read -r tag a b <<< "$pair"
  way="$a calls $b"
  # shellcheck disable=SC2086
  {
    scenario $tag-ppk "a post-quantum pre-shared key (RFC 8784): $way" with_used_ppk $a $b $ppk
    scenario $tag-ppk-optional "an optional one that both have: $way" with_used_ppk $a $b $ppk ppkrequired=no
    scenario $tag-ppk-absent "an optional one that the called peer does not have: $way" with_ppk $a $b a:$ppk a:ppkrequired=no
    scenario $tag-ppk-required "a required one that the called peer does not have: $way" ppk_refused $a $b a:$ppk
    scenario $tag-ppk-missing "a required one that the caller does not have: $way" ppk_refused $a $b b:$ppk
    scenario $tag-ppk-wrong "the same name for another key: $way" ppk_refused $a $b a:$ppk b:ppk=site-key:0d5e8f7a6b1c2d3e4f5061728394a5b6
    # No Debian package has ML-KEM yet: an extra, where one is named.
    if [ -n "${STRONGSWAN6:-}" ]; then
      scenario $tag-hybrid "X25519 with ML-KEM-768, rekeyed by both ends: $way" limit=180 hybrid $a $b $hybrid_ike $hybrid_esp CURVE_25519/KE1_ML_KEM_768
      scenario $tag-hybrid-many "ECP 384, ML-KEM-1024 and X25519: $way" limit=180 hybrid $a $b $large_ike $large_esp ECP_384/KE1_ML_KEM_1024/KE2_CURVE_25519
      scenario $tag-hybrid-ppk "X25519 with ML-KEM-768 and a post-quantum pre-shared key: $way" limit=180 hybrid $a $b $hybrid_ike $hybrid_esp CURVE_25519/KE1_ML_KEM_768 $ppk
    fi
  }
done

# ML-DSA in AUTH, Culvert alone: neither strongSwan nor the OpenSSL of Debian 12 knows it.
mldsa_gateway() { # KIND [SETTING]: an installation whose gateway has such a key
  net up; machine gw; machine runner
  dir=$W/gw/etc
  at gw "$CULVERT" init --name gw.lab --address 203.0.113.10 --dir "$dir" > "$W/gw/init.out" || fail "init: $(tail -3 "$W/gw/init.out")"
  at gw "$CULVERT" ca issue --role gateway --experimental-key "$1" --dir "$dir" > "$W/gw/issue.out" || fail "issue: $(tail -3 "$W/gw/issue.out")"
  printf 'version: 1\nresources:\n  lan: {address: 10.20.0.0/28, ports: [icmp]}\nrules:\n  - name: r1\n    when: {name: runner1}\n    allow: [lan]\n' > "$dir/policy.yaml"
  printf 'ike:\n  experimental_ml_dsa: true\n' >> "$dir/gateway.yaml"
}
mldsa_agent() { # EXPERIMENTAL: an agent whose key is of the kind that the gateway's is

  at runner sh -c "cd '$W/runner' && printf 'name: agent\nike:\n  experimental_ml_dsa: $1\nfiles: {control: agent.sock, state: state, audit: audit.jsonl}\nconnections:\n  - {name: net, profile: runner1.culvert, autostart: false}\n' > agent.yaml"
  daemon runner agent "$CULVERT" agent run -c "$W/runner/agent.yaml"
}
mldsa() { # KIND
  mldsa_gateway "$1"
  at gw "$CULVERT" ca issue --name runner1 --experimental-key "$1" --out "$W/runner/runner1.culvert" --dir "$dir" > "$W/gw/profile.out" || fail "issue: $(tail -3 "$W/gw/profile.out")"
  expect "the authority lists both" eval '"$CULVERT" ca list --dir "$dir" | grep -c valid'
  expect "the gateway's check passes" at gw "$CULVERT" gateway check -c "$dir/gateway.yaml"
  daemon gw gateway "$CULVERT" gateway run -c "$dir/gateway.yaml"
  wait_until 15 at gw "$CULVERT" gateway status -c "$dir/gateway.yaml" || fail "the gateway did not start: $(tail -3 "$W/gw/gateway.log")"
  # A run of datagrams that leaves as one would be captured as one.
  local end; for end in gw:wan runner:access; do ip netns exec "$P-${end%%:*}" ethtool -K "${end#*:}" tx-udp-segmentation off gso off > /dev/null 2>&1 || fail ethtool; done
  ip netns exec "$P-gw" tcpdump -elnni wan udp or 'ip[6:2] & 0x3fff != 0' > "$W/ike.out" 2> "$W/tcpdump.log" &
  wait_until 5 grep -q listening "$W/tcpdump.log" || fail "tcpdump did not start"
  mldsa_agent true
  wait_until 15 test -S "$W/runner/agent.sock" || fail "the agent did not start: $(tail -3 "$W/runner/agent.log")"
  at runner "$CULVERT" up net --control "$W/runner/agent.sock" --timeout 20s > "$W/runner/up.out" 2>&1 || fail "up: $(tail -3 "$W/runner/up.out")"
  expect "pings through the tunnel" within runner ping -q -c 3 -i 0.1 -W 2 10.20.0.2
  local arc=18; [ "$1" = ml-dsa-65 ] || arc=19
  expect "the certificate has that key" eval 'openssl x509 -in "$dir/gateway.crt" -noout -text 2>&1 | grep -q "2.16.840.1.101.3.4.3.$arc"'
  refute "a datagram that IP fragmented" grep -qE 'frag|ip-proto' "$W/ike.out"
  # What tcpdump calls the length has the 14 octets of Ethernet.
  sed -n 's/.*ethertype IPv4[^,]*, length \([0-9]*\):.*ikev2_auth.*/\1/p' "$W/ike.out" | awk '$1 > 1294 { big = 1 } $1 > 1000 { many++ } END { exit big || many < 8 }' ||
    fail "IKE_AUTH did not go in fragments of 1280 octets"
  say "ok: IKE_AUTH goes in fragments of 1280 octets at most"
}
mldsa_off() { # one end was not told
  mldsa_gateway ml-dsa-65
  at gw "$CULVERT" ca issue --name runner1 --out "$W/runner/runner1.culvert" --dir "$dir" > /dev/null || fail issue
  daemon gw gateway "$CULVERT" gateway run -c "$dir/gateway.yaml"
  wait_until 15 at gw "$CULVERT" gateway status -c "$dir/gateway.yaml" || fail "the gateway did not start: $(tail -3 "$W/gw/gateway.log")"
  mldsa_agent false
  wait_until 15 test -S "$W/runner/agent.sock" || fail "the agent did not start"
  refute "a tunnel" at runner "$CULVERT" up net --control "$W/runner/agent.sock" --timeout 10s
  expect "the agent's log says why" grep -q experimental_ml_dsa "$W/runner/agent.log"
  sed -i 's/experimental_ml_dsa: true/experimental_ml_dsa: false/' "$dir/gateway.yaml"
  "$CULVERT" gateway check -c "$dir/gateway.yaml" > "$W/check.out" 2>&1 && fail "gateway check passes with a key that is off"
  expect "gateway check names the setting" grep -q experimental_ml_dsa "$W/check.out"
}
for kind in ml-dsa-65 ml-dsa-87; do
  scenario cc-$kind "keys and certificates of $kind at both ends (experimental), IKE_AUTH in fragments" mldsa $kind
done
scenario cc-ml-dsa-off "ML-DSA is refused where it was not turned on" mldsa_off
