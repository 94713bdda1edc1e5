# Enterprise authentication with a real FreeRADIUS: what the command line finds out, and what sessions are made of.

radius_secret=Xq7Lr2Vn9Tz4Kc8Jw5Hy3Pb6Md1Fg
radius() { local side=$1 verb=$2; shift 2; "$L/peers/freeradius" "$verb" "$W/$side" "$@"; }
need_freeradius() { command -v freeradius >/dev/null && command -v radclient >/dev/null || skip "no freeradius: run make deps"; }

# radius_servers: FreeRADIUS r1 on the registry's machine, and a server r0 in front of it that is nobody
radius_installation() { # [LINE of the radius: section...]
  local dir=$W/etc line
  "$CULVERT" init --name vpn.example.com --address 203.0.113.10 --dir "$dir" > /dev/null || fail "init"
  umask 077; echo "$radius_secret" > "$dir/radius.secret"; echo "not the secret of the server" > "$dir/wrong.secret"
  { echo "radius:"; for line in "$@"; do echo "  $line"; done; } >> "$dir/gateway.yaml"
}

radius_checked() {
  need_freeradius; net up
  pki radius.lab=DNS:radius.lab,IP:10.20.0.2
  radius r1 user probe "probe password" 'Filter-Id := "ops"' 'Session-Timeout := 3600' 'Framed-IP-Address := 10.99.7.7'
  radius r1 start --netns "$P-registry" --addr 10.20.0.2 --pki "$W/pki" --cert radius.lab
  local dir=$W/etc rc
  radius_installation 'servers:' '  - {name: r1, address: 10.20.0.2, secret_file: radius.secret}' 'nas_address: 10.20.0.10'
  within gw "$CULVERT" gateway check -c "$dir/gateway.yaml" --radius > "$W/out" 2> "$W/err" || fail "check --radius: $(cat "$W/err")"
  expect "authentication answers Status-Server" grep -q 'r1 10.20.0.2:1812 authentication answers in' "$W/out"
  expect "accounting answers Status-Server" grep -q 'r1 10.20.0.2:1813 accounting answers in' "$W/out"
  echo "probe password" > "$dir/probe.password"
  within gw "$CULVERT" gateway check -c "$dir/gateway.yaml" --radius-user probe --radius-password-file "$dir/probe.password" > "$W/out" 2> "$W/err" || fail "the test user: $(cat "$W/err")"
  expect "the test user is let in, with what the server says of it" grep -q 'r1 accepts probe, groups ops, address 10.99.7.7, session timeout 3600 s' "$W/out"
  echo "wrong" > "$dir/probe.password"; rc=0
  within gw "$CULVERT" gateway check -c "$dir/gateway.yaml" --radius-user probe --radius-password-file "$dir/probe.password" > "$W/out" 2> "$W/err" || rc=$?
  [ $rc = 11 ] && grep -q 'error\[E1101\].*Access-Reject' "$W/err" || fail "a wrong password: $rc $(cat "$W/err")"
  chmod 644 "$dir/radius.secret"; rc=0
  within gw "$CULVERT" gateway check -c "$dir/gateway.yaml" > "$W/out" 2> "$W/err" || rc=$?
  [ $rc = 10 ] && grep -q 'error\[E1015\]' "$W/err" || fail "a secret that others may read: $rc $(cat "$W/err")"
  chmod 600 "$dir/radius.secret"
  say "ok: a wrong password and a readable secret are refused"
}
scenario radius-check "gateway check asks FreeRADIUS by Status-Server and lets a test user in" radius_checked

radius_failover_checked() {
  need_freeradius; net up
  pki radius.lab=DNS:radius.lab,IP:10.20.0.2
  radius r1 start --netns "$P-registry" --addr 10.20.0.2 --pki "$W/pki" --cert radius.lab
  local dir=$W/etc rc=0
  radius_installation 'servers:' '  - {name: r0, address: 10.20.0.99, secret_file: radius.secret}' \
    '  - {name: r1, address: 10.20.0.2, secret_file: radius.secret}' 'accounting: false'
  echo alice-pw > "$dir/alice.password"
  within gw "$CULVERT" gateway check -c "$dir/gateway.yaml" --radius-user alice --radius-password-file "$dir/alice.password" > "$W/out" 2> "$W/err" || rc=$?
  [ $rc = 13 ] || fail "exit code $rc: $(cat "$W/err")"
  expect "the dead server is named" grep -q 'error\[E1320\].*r0 10.20.0.99:1812 authentication does not answer' "$W/err"
  expect "the other one lets the user in" grep -q 'r1 accepts alice' "$W/out"
  sed -i 's/address: 10.20.0.2, secret_file: radius.secret/address: 10.20.0.2, secret_file: wrong.secret/' "$dir/gateway.yaml"; rc=0
  within gw "$CULVERT" gateway check -c "$dir/gateway.yaml" --radius > "$W/out" 2> "$W/err" || rc=$?
  [ $rc = 13 ] && grep -q 'E1320.*r1' "$W/err" || fail "another secret: $rc $(cat "$W/err")"
  say "ok: a server with another secret is not believed, and does not believe us"
}
scenario radius-check-failover "the first RADIUS server is a black hole: the second lets the user in" radius_failover_checked

# The caller proves itself by EAP; Culvert carries it to FreeRADIUS and believes what that says.
# radius_gateway [LINE of the radius: section...]: FreeRADIUS r1 behind the gateway, and the gateway b
radius_gateway() {
  local line
  # An EAP-TLS peer of strongSwan's holds the server's certificate against the gateway's name, unless told otherwise.
  EKU=serverAuth,clientAuth,1.3.6.1.5.5.7.3.17 pki gw.lab=DNS:gw.lab,IP:203.0.113.10 radius.lab=DNS:radius.lab,DNS:gw.lab alice=DNS:alice.lab
  radius r1 start --netns "$P-registry" --addr 10.20.0.2 --pki "$W/pki" --cert radius.lab
  peer b culvert gw local=203.0.113.10 lid=gw.lab rid=caller.lab lts=10.20.0.0/24,fd20::/64 pool=10.99.0.0/24,fd99::/112 auth=cert pki="$W/pki" cert=gw.lab
  umask 077; echo "$radius_secret" > "$W/b/radius.secret"
  {
    echo "eap:"; echo "  server: radius"
    echo "radius:"; echo "  servers:"
    [ -z "${radius_dead:-}" ] || echo "    - {name: r0, address: 10.20.0.99, secret_file: radius.secret}"
    echo "    - {name: r1, address: 10.20.0.2, secret_file: radius.secret}"
    echo "  nas_address: 10.20.0.10"
    for line in "$@"; do echo "  $line"; done
  } >> "$W/b/gateway.yaml"
  {
    echo "version: 1"; echo "resources:"; echo '  lan: {address: "10.20.0.0/24", ports: [any]}'; echo '  lan6: {address: "fd20::/64", ports: [any]}'
    echo "peers:"; echo "  - {name: operators, eap_group: ops, allow: [lan, lan6]}"; echo "  - {name: staff, eap_group: staff, allow: [lan]}"
  } > "$W/b/policy.yaml"
  start b
}
radius_caller() { # KEY=VALUE...
  peer a "${radius_kind:-strongswan}" runner remote=203.0.113.10 rid=gw.lab rts=10.20.0.0/24 vips=0.0.0.0 rauth=cert pki="$W/pki" "$@"
  start a
}
detail_has() { radius r1 detail | grep -qE -- "$1"; }
session_id() { "$CULVERT" gateway status --json --control "$W/b/gateway.sock" | jq -r '[.. | .session? // empty | strings][0]'; }

radius_eap() { # EAP-METHOD KEYs of the caller
  local method=$1; shift
  need_freeradius; net up
  radius r1 user alice alice-pw 'Filter-Id := "ops"' 'Class := "cost-centre-7"' 'Framed-IP-Address := 10.99.0.77'
  radius r1 user alice.lab none 'Filter-Id := "ops"' 'Class := "cost-centre-7"' 'Framed-IP-Address := 10.99.0.77'
  radius_gateway 'ask_identity: true' 'interim: 60s'
  radius_caller "$@"
  call
  expect "the framed address is the caller's" fact_has a vip '(^| )10\.99\.0\.77( |$)'
  ping_through 10.20.0.2 20
  expect_soon 5 "accounting: Start" detail_has 'Acct-Status-Type = Start'
  expect "with the framed address" detail_has 'Framed-IP-Address = 10.99.0.77'
  expect "with the server's Class" detail_has 'Class = 0x636f73742d63656e7472652d37'
  expect "with who calls from where" detail_has 'Calling-Station-Id = "198.51.100.2:'
  on a down
  expect_soon 5 "accounting: Stop" detail_has 'Acct-Status-Type = Stop'
  expect "because the user ended it" detail_has 'Acct-Terminate-Cause = User-Request'
  expect "with what came and went" sh -c "$(printf '%q ' "$L/peers/freeradius" detail "$W/r1") | awk '/Acct-Input-Packets/ { i = \$3 } /Acct-Output-Packets/ { o = \$3 } END { exit !(i >= 20 && o >= 20) }'"
  nothing_left b
}
radius_agent() { local radius_kind=culvert; radius_eap "$@"; }
scenario radius-agent "Culvert's agent by EAP-MSCHAPv2 through Culvert to FreeRADIUS" radius_agent mschapv2 auth=mschapv2 lid=runner.lab
scenario radius-eap-mschapv2 "strongSwan by EAP-MSCHAPv2 through Culvert to FreeRADIUS; accounting" radius_eap mschapv2 auth=mschapv2 lid=runner.lab
scenario radius-eap-ttls "strongSwan by EAP-TTLS through Culvert to FreeRADIUS; accounting" radius_eap ttls auth=ttls lid=runner.lab
scenario radius-agent-ttls "Culvert's agent by EAP-TTLS through Culvert to FreeRADIUS" radius_agent ttls auth=ttls lid=runner.lab
scenario radius-eap-tls "strongSwan by EAP-TLS through Culvert to FreeRADIUS; accounting" radius_eap eap-tls auth=eap-tls cert=alice lid=alice.lab

radius_failover() {
  local radius_dead=yes before
  need_freeradius; net up
  radius r1 user alice alice-pw 'Filter-Id := "ops"'
  radius_gateway 'accounting: false'
  radius_caller auth=mschapv2 lid=alice
  before=$SECONDS; call
  say "ok: up after $((SECONDS - before)) s with the first server black-holed"
  ping_through
  expect "the gateway says which server is dead" logged b 'RADIUS server does not answer.*r0|r0.*does not answer'
  expect "so does its audit trail" grep -q '"radius.down"' "$W/b/audit.jsonl"
  on a down; nothing_left b
  before=$SECONDS; call
  [ $((SECONDS - before)) -le 3 ] || fail "the dead server is asked first again: $((SECONDS - before)) s"
  say "ok: the second time at once"
}
scenario radius-failover "the first of two RADIUS servers is a black hole" radius_failover

radius_refuses() { # REPLY-ATTRIBUTE NOTIFY REASON
  need_freeradius; net up
  radius r1 user alice alice-pw 'Filter-Id := "ops"' ${1:+"$1"}
  radius_gateway
  radius_caller auth=mschapv2 lid=alice ${4:+"$4"}
  call_fails
  expect_soon 5 "strongSwan's log shows $2" logged a "$2"
  expect_soon 5 "Culvert's log gives the reason ($3)" logged b "$3"
  refute "a session was accounted" detail_has 'Acct-Status-Type = Start'
  on a down || true
  nothing_left b 35
}
scenario radius-wrong-password "FreeRADIUS rejects the password" radius_refuses '' 'EAP_FAILURE|EAP/FAIL|EAP method' 'Access-Reject' pass=wrong
scenario radius-unknown-filter "a Filter-Id that policy does not know fails closed (E12)" radius_refuses 'Filter-Id += "nobody"' AUTH_FAILED 'radius_filter|E1010'
scenario radius-foreign-address "a Framed-IP-Address outside the pool is refused (E12)" radius_refuses 'Framed-IP-Address := 192.0.2.7' 'ADDR_FAIL|INTERNAL_ADDRESS_FAILURE' 'no address that the pools may give'

radius_outage() {
  need_freeradius; net up
  radius r1 user alice alice-pw 'Filter-Id := "ops"'
  radius_gateway 'dynamic_authorization: []'
  radius_caller auth=mschapv2 lid=alice
  call; ping_through
  radius r1 stop
  # A second caller meets nobody who could judge it; the first one's tunnel does not notice.
  kind[c]=strongswan place[c]=gw2
  on c conf remote=203.0.113.10 rid=gw.lab rts=10.20.0.0/24 vips=0.0.0.0 rauth=cert pki="$W/pki" auth=mschapv2 lid=alice
  start c
  local before=$SECONDS
  if on c up > "$W/c.out" 2>&1; then fail "a tunnel without a judge"; fi
  expect_soon 25 "the reason stands in the log" logged b 'radius_unreachable'
  [ $((SECONDS - before)) -le 30 ] || fail "told after $((SECONDS - before)) s"
  expect "the alert is in the audit trail" grep -q '"radius.unreachable"' "$W/b/audit.jsonl"
  ping_through
}
scenario radius-outage "all RADIUS servers are gone: refusals in time, tunnels stay (E11)" radius_outage

radius_dynamic() {
  local id stamp
  need_freeradius; net up
  radius r1 user alice alice-pw 'Filter-Id := "ops"'
  radius_gateway 'dynamic_authorization:' '  - {address: 10.20.0.2, secret_file: radius.secret}'
  radius_caller auth=mschapv2 lid=alice
  call; ping_through
  id=$(session_id); [ -n "$id" ] || fail "no session"
  answer() { grep -q "Received $1" "$W/dynamic.out"; }
  dynamic() { radius r1 dynamic "$@" > "$W/dynamic.out" 2>&1 || true; }
  dynamic coa 10.20.0.10 'Acct-Session-Id = "nobody"' 'Session-Timeout = 60'
  expect "CoA for a session that is not: NAK 503" sh -c "grep -q 'Received CoA-NAK' '$W/dynamic.out' && grep -q 'Error-Cause = Session-Context-Not-Found' '$W/dynamic.out'"
  dynamic coa 10.20.0.10 "Acct-Session-Id = \"$id\"" 'Filter-Id = "nobody"'
  expect "CoA to a group that policy does not know: NAK 407" sh -c "grep -q 'Received CoA-NAK' '$W/dynamic.out' && grep -q 'Error-Cause = Invalid-Attribute-Value' '$W/dynamic.out'"
  ping_through
  dynamic coa 10.20.0.10 "Acct-Session-Id = \"$id\"" 'Framed-MTU = 1400'
  expect "CoA of what is not served: NAK 401" grep -q 'Error-Cause = Unsupported-Attribute' "$W/dynamic.out"
  STAMP=$(($(date +%s) - 600)) dynamic disconnect 10.20.0.10 "Acct-Session-Id = \"$id\""
  expect "a Disconnect of ten minutes ago gets no answer" grep -q 'No reply' "$W/dynamic.out"
  ping_through
  dynamic coa 10.20.0.10 'User-Name = "alice"' 'Session-Timeout = 4'
  expect "CoA: ACK" answer CoA-ACK
  # A caller that is told of the end (RFC 4478) may prove itself again and delete the old IKE SA before it comes.
  expect_soon 10 "the session ends with its new Session-Timeout" detail_has 'Acct-Terminate-Cause = (Session-Timeout|User-Request)'
  on a down || true
  nothing_left b
  call; ping_through
  dynamic disconnect 10.20.0.10 'User-Name = "alice"'
  expect "Disconnect: ACK" answer Disconnect-ACK
  expect_soon 5 "accounting: Stop by the administrator" detail_has 'Acct-Terminate-Cause = Admin-Reset'
  nothing_left b
}
scenario radius-dynamic "radclient changes and ends sessions: CoA, Disconnect, refusals, an old request" radius_dynamic

radius_session_timeout() {
  need_freeradius; net up
  radius r1 user alice alice-pw 'Class := "staff"' 'Session-Timeout := 5'
  radius_gateway
  radius_caller auth=mschapv2 lid=alice
  call; ping_through
  expect_soon 10 "the session ends at its Session-Timeout" detail_has 'Acct-Terminate-Cause = Session-Timeout'
  nothing_left b
}
scenario radius-session-timeout "Session-Timeout ends the IKE SA; Class alone makes the group" radius_session_timeout

radius_ipv6() { # the server gives an address of each family; an agent of Culvert's
  local radius_kind=culvert
  need_freeradius; net up
  radius r1 user alice alice-pw 'Filter-Id := "ops"' 'Framed-IP-Address := 10.99.0.77' 'Framed-IPv6-Address := fd99::77'
  radius_gateway
  radius_caller auth=mschapv2 lid=alice vips=0.0.0.0,:: rts=10.20.0.0/24,fd20::/64
  call
  expect "both addresses are the server's" fact_is a vip "10.99.0.77 fd99::77"
  expect "the IPv6 address is on the agent's interface" sh -c "ip -n $P-runner addr show | grep -q 'inet6 fd99::77/128'"
  ping_through fd20::2
  ping_through 10.20.0.2
  expect_soon 5 "accounting tells the IPv6 address" detail_has 'Framed-IPv6-Address = fd99::77'
  on a down
  nothing_left b
}
scenario radius-ipv6 "Framed-IPv6-Address of FreeRADIUS: the agent has it, and traffic goes by it" radius_ipv6
scenario radius-foreign-address6 "a Framed-IPv6-Address outside the pool is refused (E12)" radius_refuses 'Framed-IPv6-Address := 2001:db8:66::7' 'ADDR_FAIL|INTERNAL_ADDRESS_FAILURE' 'no address that the pools may give' vips=0.0.0.0,::

radius_reload() { # another server with another secret, by reload alone
  local second=Nh4Wt8Rb2Kx6Vp9Zc3Lm7Qf5Ys1Jd
  need_freeradius; net up
  radius r1 user alice alice-pw 'Filter-Id := "ops"'
  radius_gateway 'interim: 60s'
  radius_caller auth=mschapv2 lid=alice
  call; ping_through
  expect_soon 5 "the first server has the Start" detail_has 'Acct-Status-Type = Start'
  cp "$W/b/gateway.yaml" "$W/b/gateway.yaml.good"
  sed -i 's/address: 10.20.0.2, secret_file: radius.secret/address: 10.20.0.2, secret_file: nowhere.secret/' "$W/b/gateway.yaml"
  if on b ctl gateway reload > "$W/reload.out" 2>&1; then fail "a secret that is not there was taken"; fi
  expect "a bad section is refused by its file" grep -q 'nowhere.secret' "$W/reload.out"
  ip -n "$P-registry" addr add 10.20.0.3/24 dev brlan
  radius r2 user alice alice-pw 'Filter-Id := "ops"'
  radius r2 start --netns "$P-registry" --addr 10.20.0.3 --secret "$second" --pki "$W/pki" --cert radius.lab
  echo "$second" > "$W/b/second.secret"; chmod 600 "$W/b/second.secret"
  sed 's/name: r1, address: 10.20.0.2, secret_file: radius.secret/name: r2, address: 10.20.0.3, secret_file: second.secret/' "$W/b/gateway.yaml.good" > "$W/b/gateway.yaml"
  radius r1 stop
  on b ctl gateway reload > "$W/reload.out" 2>&1 || fail "reload: $(cat "$W/reload.out")"
  ping_through
  on a down; nothing_left b
  expect_soon 10 "the Stop of the first session goes to the second server" sh -c "grep -q 'Acct-Status-Type = Stop' '$W/r2/detail'"
  call; ping_through
  expect "the second server has let the caller in" grep -q 'Login OK.*alice' "$W/r2/out"
}
scenario radius-reload "another RADIUS server and secret by reload: no tunnel falls, no record is lost" radius_reload
