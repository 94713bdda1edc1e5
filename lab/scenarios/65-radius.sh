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
