# How tunnels come back, are renewed and move: crash tokens, tickets, reauthentication, redirects, childless IKE SAs.
# The times back after a gateway was killed are told in lines that begin with "figure:".

now_ms() { date +%s%3N; }
# came_back FROM-MS FILE: when the first ping after that moment was answered, in ms after it
came_back() {
  sed -n 's/^\[\([0-9]*\)\.\([0-9]\{3\}\)[0-9]*\].*bytes from.*/\1\2/p' "$2" | awk -v from="$1" '$1 > from { print $1 - from; exit }'
}
gateway_again() { # starts the killed gateway of gateway_by_init; prints when its port is open
  daemon gw gateway "$CULVERT" gateway run -c "$W/gw/etc/gateway.yaml"
  until ip netns exec "$P-gw" ss -Huln 'sport = :500' | grep -q .; do sleep 0.005; done
  now_ms
}
# crash HOW LIMIT-MS: the gateway is killed and started again under pings; the agent is back within the limit
crash() {
  local how=$1 limit=$2 pid killed ready back secrets
  gateway_by_init
  agent_up || fail "up: $(tail -5 "$W/runner/up.out")"
  expect "it works" answers
  at runner ping -D -n -i 0.02 10.20.0.2 > "$W/ping.out" 2>&1 & pid=$!
  sleep 1
  killed=$(now_ms)
  kill -KILL "$(pid_of gw gateway)"
  sleep 0.5
  secrets=$(at gw sh -c "find /var/lib '$W/gw' -name return.secrets" | head -1)
  [ -n "$secrets" ] || fail "the gateway keeps no secrets"
  expect "nobody else may read the secrets" at gw sh -c "[ \$(stat -c %a '$secrets') = 600 ]"
  case $how in
  forgotten) at gw rm "$secrets";;
  tokens) at gw sed -i '/^ticket/d' "$secrets";;
  esac
  ready=$(gateway_again)
  wait_until $((limit / 1000 + 5)) eval '[ -n "$(came_back '"$ready"' "$W/ping.out")" ]' || true
  sleep 0.2; kill "$pid" 2>/dev/null || true
  # The port is seen a little after it is open; what was answered before the kill came 0.5 s earlier.
  back=$(came_back "$((killed + 400))" "$W/ping.out")
  [ -n "$back" ] || fail "no ping came back"
  back=$((killed + 400 + back - ready)); [ "$back" -gt 0 ] || back=0
  say "figure: culvert, gateway killed and restarted, $how: back ${back} ms after the gateway's port is open"
  [ "$back" -le "$limit" ] || fail "back after $back ms"
  at gw "$CULVERT" gateway status --json -c "$W/gw/etc/gateway.yaml" > "$W/status.json"
  case $how in
  resumed) expect "by its ticket" jq -e '.counters.ike_resumed >= 1 and .counters.crash_tokens_sent >= 1' "$W/status.json";;
  tokens) expect "called back by its token, by a full exchange" jq -e '.counters.ike_resumed == 0 and .counters.crash_tokens_sent >= 1' "$W/status.json";;
  forgotten) expect "by a full exchange beside the old tunnel" jq -e '.counters.ike_resumed == 0 and .counters.ike_established == 1' "$W/status.json";;
  esac
}
scenario cc-return-ticket "a killed gateway's agent is back by crash token and ticket" crash resumed 1000
scenario cc-return-token "a killed gateway's agent is back by crash token and a full exchange" crash tokens 1000
scenario cc-return-forgotten "a killed gateway that forgot its secrets: the agent tries beside the old tunnel" crash forgotten 15000

# Culvert with a gateway that says nothing, and strongSwan with the same one: strongSwan, killed and started again.
silent() { # WHO-CALLS LIMIT-S KEYS
  local who=$1 limit=$2 ready back pid; shift 2
  pair "$who" strongswan auth=psk "$@"
  call
  ping_through
  within runner ping -D -n -i 0.05 10.20.0.2 > "$W/ping.out" 2>&1 & pid=$!
  on b kill; sleep 0.5; start b
  ready=$(now_ms)
  wait_until "$limit" eval '[ -n "$(came_back '"$ready"' "$W/ping.out")" ]' || true
  sleep 0.2; kill "$pid" 2>/dev/null || true
  back=$(came_back "$ready" "$W/ping.out")
  say "figure: $who, strongSwan gateway killed and restarted silently ($*): back after ${back:-more than ${limit}000} ms"
  [ "$who" != culvert ] || [ -n "$back" ] && { [ "$who" != culvert ] || [ "$back" -le 15000 ]; } || fail "back after ${back:-never}"
}
scenario cs-return-silent "strongSwan is killed and restarted without a word: the agent is back within 15 s" silent culvert 30 a:dpd=10
scenario ss-return-silent "the same between two strongSwans with DPD, for comparison" limit=150 silent strongswan 60 a:dpd=10 a:extra='dpd_action = restart'

# Reauthentication without a gap.
reauthenticated() { # SIDE: its log or facts show another IKE SA
  [ "$(fact "$1" spi_i)" != "$first_spi" ]
}
reauth_theirs() { # strongSwan's AUTH_LIFETIME
  pair culvert strongswan auth=psk b:conn='reauth_time = 20s' b:conn='over_time = 10s' b:conn='rand_time = 0s'
  call
  ping_through
  local before; before=$(fact b spi_in)
  lossless 1500 0.02 sleep 1
  expect "strongSwan asked for it" logged b 'AUTH_LFT|AUTH_LIFETIME'
  expect_soon 10 "the SPIs are new" eval '[ "$(fact b spi_in)" != "'"$before"'" ]'
  expect_soon 15 "one IKE SA is left" fact_is b ike_count 1
  ping_through
}
reauth_ours() {
  local before after
  gateway_by_init
  echo 'ike: {reauthenticate: 20s}' > "$W/ike.yaml"
  sed -i 's/^ike:.*//' "$W/gw/etc/gateway.yaml"; cat "$W/ike.yaml" >> "$W/gw/etc/gateway.yaml"
  kill -TERM "$(pid_of gw gateway)"; sleep 2
  gateway_again > /dev/null
  agent_up || fail "up: $(tail -5 "$W/runner/up.out")"
  before=$(at runner "$CULVERT" status --json | jq -r '.tunnels[0].tunnel.initiatorSPI')
  at runner ping -q -c 1250 -i 0.02 -W 2 10.20.0.2 > "$W/load.out" 2>&1 || true
  grep -q ' 1250 received' "$W/load.out" || fail "$(grep received "$W/load.out")"
  after=$(at runner "$CULVERT" status --json | jq -r '.tunnels[0].tunnel.initiatorSPI')
  [ "$before" != "$after" ] || fail "the IKE SA is the old one"
  say "ok: 1250 of 1250 pings during a reauthentication"
  expect_soon 15 "one tunnel is left at the gateway" eval 'at gw "$CULVERT" gateway status --json -c "$W/gw/etc/gateway.yaml" | jq -e ".tunnels | length == 1"'
}
scenario cs-reauth "strongSwan's AUTH_LIFETIME: the agent is authenticated anew, no ping is lost" limit=120 reauth_theirs
scenario cc-reauth "reauthenticate: the same between our own, address kept" limit=120 reauth_ours

# Redirects.
second_gateway() { # strongSwan on gw2, with the same identity
  peer c strongswan gw2 local=203.0.113.11 lid=gw.lab rid=runner.lab lts=10.20.0.0/24 pool=10.98.0.0/24 auth=psk
  start c
}
redirect_active() { # strongSwan asks an established agent to move
  pair culvert strongswan auth=psk a:redirects=203.0.113.11
  second_gateway
  call
  ping_through
  on b ctl --redirect --ike net --gateway 203.0.113.11 > "$W/redirect.out" 2>&1 || fail "$(tail -2 "$W/redirect.out")"
  expect_soon 10 "the other gateway has the tunnel" fact_is c child_count 1
  expect_soon 10 "the first has none" fact_is b ike_count 0
  expect "it says from where it came" logged c 'redirected from 203.0.113.10|REDIR_FROM'
}
redirect_refused() { # not on the list
  pair culvert strongswan auth=psk
  second_gateway
  call
  on b ctl --redirect --ike net --gateway 203.0.113.11 > "$W/redirect.out" 2>&1 || fail "$(tail -2 "$W/redirect.out")"
  sleep 3
  expect "the agent stays" fact_is b child_count 1
  expect "the other gateway has nothing" fact_is c ike_count 0
  ping_through
}
drain_new() { # strongSwan's client is sent away in IKE_SA_INIT
  pair strongswan culvert auth=psk
  second_gateway
  on b ctl gateway drain --to 203.0.113.11 > "$W/drain.out" || fail "drain: $(tail -3 "$W/drain.out")"
  on a up || true
  expect_soon 10 "the other gateway has the tunnel" fact_is c child_count 1
  expect "ours has none" fact_is b ike_count 0
  on a down || true
  on b ctl gateway drain --undo > "$W/undo.out" || fail undo
  call
  expect "after the drain ours serves again" fact_is b child_count 1
}
drain_established() { # strongSwan's client is asked to move
  pair strongswan culvert auth=psk
  second_gateway
  call
  ping_through
  on b ctl gateway drain --to 203.0.113.11 > "$W/drain.out" || fail "drain: $(tail -3 "$W/drain.out")"
  expect_soon 25 "the other gateway has the tunnel" fact_is c child_count 1
  expect_soon 10 "ours has none" fact_is b ike_count 0
}
scenario cs-redirect-active "swanctl --redirect moves our agent to an allowed gateway" redirect_active
scenario cs-redirect-refused "and leaves it where it is when the target is not on its list" redirect_refused
scenario sc-redirect-init "a drained gateway sends strongSwan elsewhere in IKE_SA_INIT, and serves it again" drain_new
scenario sc-redirect-active "a drained gateway asks an established strongSwan to move" drain_established

# Childless IKE SAs.
childless() { # A B KEYS
  local a=$1 b=$2; shift 2
  pair "$a" "$b" auth=psk "$@"
  call
  expect_soon 5 "the child follows" fact_is b child_count 1
  expect_soon 5 "and stands at the one who called, too" fact_is a child_count 1
  ping_through
  expect "IKE_AUTH had no child" logged "$(strong)" 'CREATE_CHILD_SA (request|response) 2'
}
scenario cs-childless "our agent begins without a child, strongSwan takes it" childless culvert strongswan a:ikeset='childless: prefer'
scenario sc-childless "strongSwan begins without a child, our gateway takes it" childless strongswan culvert a:conn='childless = force'

# Addresses outlive the gateway.
sticky() { # HOW: the gateway dies while its agent is up, which comes back without a ticket
  local how=$1 first second
  gateway_by_init
  agent_up || fail "up: $(tail -5 "$W/runner/up.out")"
  first=$(inner_address)
  kill -KILL "$(pid_of gw gateway)"; sleep 0.3
  local leases; leases=$(at gw sh -c "find /var/lib '$W/gw' -name leases.db" | head -1)
  [ -n "$leases" ] || fail "the gateway keeps no leases"
  expect "nobody else may read the leases" at gw sh -c "[ \$(stat -c %a '$leases') = 600 ]"
  case $how in
  damaged) at gw sh -c "rm -f '$leases'-*; head -c 20000 /dev/urandom > '$leases'";;
  kept) at gw sh -c "rm -f $(dirname "$leases")/return.secrets";; # no ticket: the book alone knows
  esac
  gateway_again > /dev/null
  expect_soon 15 "the agent is back" answers
  second=$(inner_address)
  [ "$first" = "$second" ] || fail "the agent had $first and has $second"
  say "ok: the agent has $second again"
  case $how in
  damaged)
    expect "the damage is named in the log" grep -q 'file of leases is damaged' "$W/gw/gateway.log"
    expect "the damaged file is kept" at gw test -s "$leases.damaged";;
  esac
  at gw "$CULVERT" audit leases -c "$W/gw/etc/gateway.yaml" --address "$first" --json > "$W/leases.json"
  expect "the history names who had it" jq -e 'length >= 1 and all(.[]; .address == "'"$first"'") and .[0].until == null and .[0].name == "runner1"' "$W/leases.json"
}
inner_address() { at runner "$CULVERT" status --json | jq -r '.tunnels[0].tunnel.addresses[0]'; }
scenario cc-return-address "a killed gateway gives its agent the same inner address" sticky kept
scenario cc-return-leases-damaged "and goes on with a fresh file of leases when the old one is damaged" sticky damaged

# Whoever proved itself by EAP, in rounds, or with a post-quantum pre-shared key comes back by a ticket, too.
gateway_count() { "$CULVERT" gateway status --json --control "$W/b/gateway.sock" | jq ".counters.$1"; }
proved() { # KEY=VALUE... of the pair: the gateway is killed, and its agent is back by its ticket with the same address
  local before
  EKU=serverAuth,clientAuth,1.3.6.1.5.5.7.3.17 pki gw.lab=DNS:gw.lab,IP:203.0.113.10 alice=email:alice@lab.example runner.lab
  pair culvert culvert pki="$W/pki" b:cert=gw.lab "$@"
  call; ping_through
  before=$(fact a vip)
  on b kill; sleep 0.5; start b
  expect_soon 15 "the agent is back" within runner ping -q -c 1 -W 1 10.20.0.2
  [ "$(gateway_count ike_resumed)" = 1 ] || fail "not by its ticket: $(gateway_count ike_resumed)"
  [ "$(fact a vip)" = "$before" ] || fail "it had $before and has $(fact a vip)"
  say "ok: by its ticket, with $before"
}
scenario cc-return-eap "a killed gateway's user of EAP-MSCHAPv2 is back by its ticket" proved \
  a:auth=mschapv2 a:rauth=cert b:auth=cert b:rauth=mschapv2 lid=alice b:lid=gw.lab b:rid=%any a:dpd=2
scenario cc-return-rounds "the same after certificate and EAP-MSCHAPv2" proved \
  auth=cert a:cert=runner.lab a:auth2=mschapv2 b:rauth2=mschapv2 a:dpd=2

# What RADIUS said of a user survives with the ticket; whom it threw out does not come back, not after a crash either.
session_end() { "$CULVERT" gateway status --json --control "$W/b/gateway.sock" | jq '.tunnels[0].notAfter | if type == "object" then .secondsSinceEpoch else . end'; }
returned_by_radius() {
  local before after
  need_freeradius; net up
  radius r1 user alice alice-pw 'Filter-Id := "ops"' 'Class := "cost-centre-7"' 'Framed-IP-Address := 10.99.0.77' 'Session-Timeout := 120'
  radius_gateway 'ask_identity: true' 'dynamic_authorization:' '  - {address: 10.20.0.2, secret_file: radius.secret}'
  radius_kind=culvert radius_caller auth=mschapv2 lid=runner.lab dpd=2
  call; ping_through
  before=$(session_end)
  on b kill; sleep 2; start b
  expect_soon 15 "the agent is back" within runner ping -q -c 1 -W 1 10.20.0.2
  [ "$(gateway_count ike_resumed)" = 1 ] || fail "not by its ticket"
  expect "with the framed address" fact_has a vip '(^|[^0-9])10\.99\.0\.77([^0-9]|$)'
  expect_soon 5 "accounted with its Class once more" sh -c "[ \$($(printf '%q ' "$L/peers/freeradius" detail "$W/r1") | grep -c 'Class = 0x636f73742d63656e7472652d37') -ge 2 ]"
  after=$(session_end)
  [ -n "$before" ] && [ "$after" -le "$before" ] || fail "the session was to end at $before, and now ends at $after"
  say "ok: the session ends when the first one was to"
  # Thrown out while the gateway is about to crash: the ticket of the agent, which has not heard of it, is void.
  net block gw
  radius r1 dynamic disconnect 10.20.0.10 'User-Name = "alice"' > "$W/dynamic.out" 2>&1 || true
  expect "Disconnect: ACK" grep -q 'Received Disconnect-ACK' "$W/dynamic.out"
  sleep 1; on b kill; start b; net unblock
  expect_soon 15 "its ticket is refused" logged b 'ticket_cut'
}
scenario cc-return-radius "RADIUS: Class, address and Session-Timeout survive a ticket; whom it threw out does not come back" limit=120 returned_by_radius

# Certificates that are renewed on disk.
fresh_certificates() { EKU=serverAuth,clientAuth,1.3.6.1.5.5.7.3.17 pki gw.lab=DNS:gw.lab,IP:203.0.113.10 runner.lab; }
renew() { # SIDE-FILE NAME: written beside and moved into place, the certificate before its key
  cat "$W/pki/$2.crt" "$W/pki/$2.chain.crt" > "$1.crt.new" 2>/dev/null || true; cp "$W/pki/$2.key" "$1.key.new"
  mv "$1.crt.new" "$1.crt"; mv "$1.key.new" "$1.key"
}
agent_spi() { "$CULVERT" status --json --control "$W/a/agent.sock" | jq -r '.tunnels[0].tunnel.initiatorSPI'; }
renewed() { # the gateway takes its renewed files by itself, the agent at SIGHUP, and no ping is lost
  local pid serial
  fresh_certificates
  pair culvert culvert pki="$W/pki" auth=cert a:cert=runner.lab b:cert=gw.lab
  call; ping_through
  first_spi=$(agent_spi); [ -n "$first_spi" ] || fail "no IKE SA"
  fresh_certificates; renew "$W/b/gateway" gw.lab; renew "$W/a/agent" runner.lab
  expect_soon 20 "the gateway takes its new certificate by itself" logged b 'renewed certificate and key are in use'
  expect "the trail says so" grep -q 'certificate and key were renewed' "$W/b/audit.jsonl"
  expect "the tunnel is the same" eval '[ "$(agent_spi)" = "$first_spi" ]'
  within runner ping -q -c 300 -i 0.02 -W 2 10.20.0.2 > "$W/load.out" 2>&1 & pid=$!
  kill -HUP "$(cat "$W/a/pid")"
  expect_soon 10 "the agent is authenticated anew" eval '[ "$(agent_spi)" != "$first_spi" ]'
  wait "$pid" || true
  grep -q ' 300 received' "$W/load.out" || fail "$(grep received "$W/load.out")"
  serial=$(openssl x509 -in "$W/pki/runner.lab.crt" -noout -serial | sed 's/serial=//' | tr A-F a-f)
  expect_soon 15 "one tunnel is left" fact_is b ike_count 1
  expect "with the new certificate" sh -c "'$CULVERT' gateway status --json --control '$W/b/gateway.sock' | grep -qi '$serial'"
}
scenario cc-renewed "certificates renewed on disk: the gateway by itself, the agent at SIGHUP, without a gap" limit=120 renewed

# What status says of it.
return_told() {
  pair culvert culvert auth=psk
  call
  on a ctl status > "$W/status.out" || fail status
  expect "the agent's status shows its ticket" grep -qE 'returns +by ticket until 20' "$W/status.out"
  expect "and so does JSON" sh -c "'$CULVERT' status --json --control '$W/a/agent.sock' | jq -e '.tunnels[0].tunnel.returning | .resumable and .ticketExpires > $(date +%s)'"
  on b ctl gateway drain --to 203.0.113.11 > "$W/drain.out" || fail "drain: $(tail -3 "$W/drain.out")"
  on b ctl gateway status > "$W/gateway.out" || fail "gateway status"
  expect "the gateway's status shows where clients are sent" grep -qE 'draining +clients are sent to 203.0.113.11' "$W/gateway.out"
  expect "and so does JSON" sh -c "'$CULVERT' gateway status --json --control '$W/b/gateway.sock' | jq -e '.drainingTo == \"203.0.113.11\"'"
  on b ctl gateway drain --undo > "$W/undo.out" || fail undo
  expect "and no longer after the drain" sh -c "'$CULVERT' gateway status --json --control '$W/b/gateway.sock' | jq -e '.drainingTo == null'"
}
scenario cc-return-told "status shows tickets and draining, in text and JSON" return_told
