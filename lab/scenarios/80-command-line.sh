# The command line without a network: what it makes, what it refuses, and how it says so.

# says CODE EXIT COMMAND...: the command fails with that error code and that exit code, and names a next step
says() {
  local code=$1 want=$2 rc=0; shift 2
  "$CULVERT" "$@" > "$W/out" 2> "$W/err" || rc=$?
  [ "$rc" = "$want" ] || fail "culvert $*: exit code $rc instead of $want: $(head -2 "$W/err")"
  grep -q "error\[$code\]" "$W/err" || fail "culvert $*: no $code: $(head -2 "$W/err")"
  say "ok: culvert $1 ${2:-} says $code"
}
runs() { "$CULVERT" "$@" > "$W/out" 2> "$W/err" || fail "culvert $*: $(head -3 "$W/err")"; say "ok: culvert $1 ${2:-}"; }

installation() {
  local dir=$W/etc
  runs init --name vpn.example.com --address 203.0.113.10 --dir "$dir"
  expect "it names the fingerprint" grep -qE -- '--ca-sha256 [0-9a-f]{64}' "$W/out"
  expect "it names the ports" grep -q 'udp/500, udp/4500, esp' "$W/out"
  [ "$(grep -cE '^  culvert ' "$W/out")" = 3 ] || fail "not three commands"
  expect "nobody but the owner reads anything" sh -c "[ -z \"\$(find '$dir' -perm /077)\" ]"
  expect "the authority is openssl's too" openssl verify -CAfile "$dir/ca.crt" -untrusted "$dir/ca/issuing.crt" "$dir/gateway.crt"
  says E1018 10 init --name vpn.example.com --dir "$dir"
  local before; before=$(sha256sum "$dir/policy.yaml" "$dir/ca/root.key" "$dir/gateway.yaml")
  [ "$before" = "$(sha256sum "$dir/policy.yaml" "$dir/ca/root.key" "$dir/gateway.yaml")" ] || fail "a refused init changed files"
  runs gateway check -c "$dir/gateway.yaml"
  expect "it warns that nobody can connect" grep -q 'grants nothing' "$W/out"
  runs init --name vpn.example.com --dir "$dir" --force --json
  [ "$(jq '.kept | length' "$W/out")" = 10 ] || fail "the old files were not kept"
  runs gateway check -c "$dir/gateway.yaml" --json
  jq -e .ok "$W/out" > /dev/null || fail "gateway check --json"
}
scenario cli-init "init makes a whole installation, refuses to overwrite, keeps what --force replaces" installation

authority() {
  local dir=$W/etc serial
  runs init --name vpn.example.com --address 203.0.113.10 --dir "$dir"
  runs ca issue --name runner1 --out "$W/runner1.culvert" --dir "$dir"
  [ "$(stat -c %a "$W/runner1.culvert")" = 600 ] || fail "the profile is readable for others"
  expect "the profile names the address and the identity" sh -c "grep -q '^gateway: 203.0.113.10' '$W/runner1.culvert' && grep -q '^gateway_id: vpn.example.com' '$W/runner1.culvert'"
  says E1018 10 ca issue --name runner1 --out "$W/runner1.culvert" --dir "$dir"
  says E1005 10 ca issue --name runner2 --out "$W/x" --lifetime 3000d --dir "$dir"
  says E1011 10 ca issue --name 'run ner' --out "$W/x" --dir "$dir"
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$W/a.key" -subj /CN=me -out "$W/a.csr" 2> /dev/null
  runs ca sign --csr "$W/a.csr" --name runner2 --out "$W/a.crt" --dir "$dir"
  expect "the certificate is the key's" sh -c "[ \"\$(openssl x509 -in '$W/a.crt' -pubkey -noout)\" = \"\$(openssl pkey -in '$W/a.key' -pubout)\" ]"
  expect "its subject was not granted" sh -c "! openssl x509 -in '$W/a.crt' -noout -subject | grep -q me"
  echo nonsense > "$W/b.csr"; says E1022 10 ca sign --csr "$W/b.csr" --name b --out "$W/b.crt" --dir "$dir"
  runs ca list --json --dir "$dir"
  [ "$(jq -r '[.[].name] | sort | join(" ")' "$W/out")" = "runner1 runner2 vpn.example.com" ] || fail "list: $(cat "$W/out")"
  serial=$(jq -r '.[] | select(.name == "runner2").serial' "$W/out")
  runs ca revoke "${serial:0:12}" --reason "left the company" --dir "$dir"
  says E1115 11 ca revoke runner2 --dir "$dir"
  says E1115 11 ca revoke nobody --dir "$dir"
  runs ca list --all --json --dir "$dir"
  [ "$(jq -r '.[] | select(.name == "runner2").state' "$W/out")" = revoked ] || fail "runner2 is not revoked"
  runs ca issue --role gateway --dir "$dir"
  runs gateway check -c "$dir/gateway.yaml"
  says E1016 10 ca list --dir "$W/nowhere"
}
scenario cli-ca "ca issue, sign, revoke and list, and what they refuse" authority

spoilt() {
  local dir=$W/etc
  runs init --name vpn.example.com --address 203.0.113.10 --dir "$dir"
  cp "$dir/gateway.key" "$W/good.key"
  openssl ecparam -name prime256v1 -genkey -noout -out "$dir/gateway.key" 2> /dev/null; chmod 600 "$dir/gateway.key"
  says E1111 11 gateway check -c "$dir/gateway.yaml"
  cp "$W/good.key" "$dir/gateway.key"; chmod 644 "$dir/gateway.key"
  says E1015 10 gateway check -c "$dir/gateway.yaml"
  chmod 600 "$dir/gateway.key"
  sed -i 's/^  id: .*/  id: other.example.com/' "$dir/gateway.yaml"
  says E1102 11 gateway check -c "$dir/gateway.yaml"
  sed -i 's/^  id: .*/  idd: vpn.example.com/' "$dir/gateway.yaml"
  says E1003 10 gateway check -c "$dir/gateway.yaml"
  expect "with file, line, column and the nearest name" grep -qE 'gateway.yaml:[0-9]+:3: .*did you mean "id"' "$W/err"
  "$CULVERT" gateway check -c "$dir/gateway.yaml" --json 2> "$W/err" || true
  jq -e '.problems[0].code == "E1003"' "$W/err" > /dev/null || fail "errors with --json are not JSON"
  sed -i 's/^  idd: .*/  id: vpn.example.com/' "$dir/gateway.yaml"
  printf 'version: 1\nresources: {r: {address: 10.20.0.0/28, ports: [tcp/443]}}\nrules: [{name: a, when: {name: x}, allow: [r]}]\ntests: [{as: {name: y}, allow: [r]}]\n' > "$dir/policy.yaml"
  says E1204 12 policy test "$dir/policy.yaml"
  says E1204 12 gateway check -c "$dir/gateway.yaml"
  says E1201 12 policy explain "$dir/policy.yaml" --as name=y --to 10.20.0.1:443
  says E1203 12 policy explain "$dir/policy.yaml" --as name=x --to 10.20.0.1:22
  runs policy explain "$dir/policy.yaml" --as name=x --to 10.20.0.1:443
  says E1402 14 gateway status -c "$dir/gateway.yaml"
  says E1402 14 status --control "$W/none.sock"
  says E1023 10 up --nonsense
  says E1023 10 nonsense
  says E1016 10 up --profile "$W/none.culvert" --control "$W/none.sock"
  cp "$dir/gateway.yaml" "$W/bad.culvert"; says E1006 10 up --profile "$W/bad.culvert" --control "$W/none.sock"
}
scenario cli-errors "every mistake gets its code, its exit class and a next step" spoilt

rootless() {
  local out
  mkdir -p "$W/nobody"; chmod 755 "$W"; chown 65534 "$W/nobody"
  as_nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups env -i HOME="$W/nobody" PATH="$PATH" "$@"; }
  as_nobody "$CULVERT" config defaults gateway > "$W/out" 2> "$W/err" || skip "the binary is not readable for others"
  expect "defaults name the user's directories" grep -q "$W/nobody/.config/culvert/gateway.crt" "$W/out"
  expect "init needs no root" as_nobody "$CULVERT" init --name gw.example.com --address 203.0.113.10
  expect "and the defaults find what it made" as_nobody "$CULVERT" gateway check
  expect "issuing needs no root" as_nobody sh -c 'cd && "$0" ca issue --name runner1' "$CULVERT"
  out=$(as_nobody "$CULVERT" up --profile "$W/nobody/runner1.culvert" 2>&1 || true)
  expect "a tunnel does, and it is said" sh -c "echo '$out' | grep -qE 'error\\[E130[23]\\]'"
}
scenario cli-rootless "without root: XDG directories, init, issue; up says what it needs" rootless
