# Culvert on both ends, as its user meets it: init, issue, up, policy, reload, clean-up.

# The gateway of `culvert init` with one resource and one rule, and a profile for runner1.
gateway_by_init() {
  net up; machine gw; machine runner
  local dir=$W/gw/etc
  at gw "$CULVERT" init --name gw.lab --address 203.0.113.10 --dir "$dir" > "$W/gw/init.out" || fail "init: $(tail -3 "$W/gw/init.out")"
  cat > "$dir/policy.yaml" <<'Y'
version: 1
resources:
  registry: {address: 10.20.0.0/28, ports: [tcp/5000, icmp]}
rules:
  - name: runners
    when: {name: runner1}
    allow: [registry]
Y
  at gw "$CULVERT" gateway check -c "$dir/gateway.yaml" > "$W/gw/check.out" 2>&1 || fail "check: $(tail -5 "$W/gw/check.out")"
  daemon gw gateway "$CULVERT" gateway run -c "$dir/gateway.yaml"
  wait_until 15 at gw "$CULVERT" gateway status -c "$dir/gateway.yaml" || fail "the gateway did not start: $(tail -3 "$W/gw/gateway.log")"
  at gw "$CULVERT" ca issue --name runner1 --out "$W/runner1.culvert" --dir "$dir" > "$W/gw/issue.out" || fail "issue"
}
agent_up() { # [PROFILE]
  at runner "$CULVERT" up --profile "${1:-$W/runner1.culvert}" > "$W/runner/up.out" 2>&1
}
answers() { at runner ping -q -c 3 -i 0.2 -W 1 "${1:-10.20.0.2}"; }

by_profile() {
  gateway_by_init
  agent_up || fail "up: $(tail -5 "$W/runner/up.out")"
  expect "the granted network answers" answers
  expect "only what is granted is routed" sh -c "! ip -n $P-runner route show table all | grep -q 'default.*culvert'"
  at runner "$CULVERT" status > "$W/runner/status.out" || fail status
  at runner "$CULVERT" status --json | jq -e '.tunnels | length == 1' > /dev/null || fail "status --json"
  at runner "$CULVERT" down > "$W/runner/down.out" || fail down
  expect_soon 5 "no route and no interface is left" sh -c "! ip -n $P-runner route | grep -q culvert"
  refute "the network answers without the tunnel" answers
}
scenario cc-profile "init, issue, up, status, down" by_profile

per_packet() {
  gateway_by_init
  agent_up || fail up
  daemon registry web true 2>/dev/null || true
  within registry socat TCP-LISTEN:5000,fork,reuseaddr SYSTEM:'echo granted' &
  within registry socat TCP-LISTEN:6000,fork,reuseaddr SYSTEM:'echo leaked' &
  expect_soon 5 "the granted port answers" eval 'at runner timeout 2 socat -t 1 - TCP:10.20.0.2:5000,connect-timeout=1 </dev/null | grep -q granted'
  refute "a port that is not granted answers" eval 'at runner timeout 3 socat -t 1 - TCP:10.20.0.2:6000,connect-timeout=2 </dev/null | grep -q leaked'
}
scenario cc-policy "per packet: the granted port passes, another does not" per_packet

stranger() {
  gateway_by_init
  at gw "$CULVERT" ca issue --name stranger --out "$W/stranger.culvert" --dir "$W/gw/etc" > /dev/null || fail issue
  refute "an identity without a rule connects" agent_up "$W/stranger.culvert"
  expect "it is told where to look" grep -qE 'E1[12][0-9][0-9]' "$W/runner/up.out"
  expect "the gateway says why" grep -qE 'no rule fits stranger.*E1201' "$W/gw/gateway.log"
}
scenario cc-no-rule "an identity that no rule fits is refused, with the reason" stranger

killed() { # SIGKILL of both daemons leaves nothing that a restart or the kernel does not undo
  gateway_by_init
  local links_before links_after
  links_before=$(ip -n "$P-runner" route show table all | sort | grep -v culvert)
  agent_up || fail up
  expect "it works" answers
  local pid; pid=$(at runner "$CULVERT" status --json | jq .processID)
  kill -KILL "$pid"
  expect_soon 5 "the agent's routes are gone" sh -c "! ip -n $P-runner route show table all | grep -q culvert"
  links_after=$(ip -n "$P-runner" route show table all | sort | grep -v culvert)
  [ "$links_before" = "$links_after" ] || fail "other routes changed"
  kill -KILL "$(pid_of gw gateway)"
  expect_soon 5 "the gateway's firewall table is gone" sh -c "! ip netns exec $P-gw nft list tables | grep -qi culvert"
  expect "the global forwarding switch is as it was" sh -c "[ \$(ip netns exec $P-gw sysctl -n net.ipv4.ip_forward) = 1 ]"
  daemon gw gateway "$CULVERT" gateway run -c "$W/gw/etc/gateway.yaml"
  wait_until 15 at gw "$CULVERT" gateway status -c "$W/gw/etc/gateway.yaml" || fail "the gateway does not start again"
  agent_up || fail "no connection after both were killed"
  expect "it works again" answers
}
scenario cc-sigkill "SIGKILL of both daemons leaves no route, table or interface behind" killed

reload() {
  gateway_by_init
  agent_up || fail up
  local before after
  before=$(at runner "$CULVERT" status --json | jq -r '.tunnels[0].tunnel.initiatorSPI')
  cat >> "$W/gw/etc/policy.yaml" <<'Y'
  - name: others
    when: {name: runner2}
    allow: [registry]
Y
  at gw "$CULVERT" gateway reload -c "$W/gw/etc/gateway.yaml" || fail "reload"
  expect "the tunnel still works" answers
  after=$(at runner "$CULVERT" status --json | jq -r '.tunnels[0].tunnel.initiatorSPI')
  [ "$before" = "$after" ] || fail "the IKE SA is another one"
  cp "$W/gw/etc/policy.yaml" "$W/policy.good"; sed -i 's/allow:/alow:/' "$W/gw/etc/policy.yaml"
  refute "a bad policy is taken" eval 'at gw "$CULVERT" gateway reload -c "$W/gw/etc/gateway.yaml" > "$W/reload.out" 2>&1'
  expect "the mistake is located, with the nearest name" grep -qE 'policy.yaml:[0-9]+:[0-9]+.*' "$W/reload.out"
  expect "and the nearest name is given" grep -q 'allow' "$W/reload.out"
  expect "the tunnel still works after the refused reload" answers
  cp "$W/policy.good" "$W/gw/etc/policy.yaml"; sed -i 's/icmp\]/icmp, tcp\/443]/' "$W/gw/etc/policy.yaml"
  at gw "$CULVERT" gateway reload -c "$W/gw/etc/gateway.yaml" || fail "reload"
  expect_soon 15 "a tunnel whose grants changed comes back with the new ones" eval 'at runner "$CULVERT" status --json | jq -e "[.tunnels[].tunnel.children[].remoteSelectors[]] | any(test(\"443\"))"'
  expect_soon 5 "and works" answers
}
scenario cc-reload "reload keeps tunnels; a bad file is refused whole, with its place" reload

rebinding() { # the NAT forgets its mappings and takes other ports
  gateway_by_init
  agent_up || fail up
  expect "it works" answers
  net remap port
  expect_soon 30 "it works again after the NAT chose other ports" answers
  net remap addr 9
  expect_soon 30 "and after the NAT's address changed" answers
}
scenario cc-rebinding "the NAT in front of the agent changes ports, then its address" rebinding

noise() { # garbage on both ports while a tunnel works
  gateway_by_init
  agent_up || fail up
  local pid before after i; pid=$(pid_of gw gateway)
  before=$(awk '/VmRSS/ { print $2 }' "/proc/$pid/status")
  for i in 1 2 3; do
    for port in 500 4500; do
      head -c 3000000 /dev/urandom | within gw2 timeout 20 socat -b 900 -u - "UDP-SENDTO:203.0.113.10:$port" || true
      printf '\xff' | within gw2 socat -u - "UDP-SENDTO:203.0.113.10:$port"
      head -c 28 /dev/zero | within gw2 socat -u - "UDP-SENDTO:203.0.113.10:$port"
    done
  done
  after=$(awk '/VmRSS/ { print $2 }' "/proc/$pid/status")
  expect "the same process" kill -0 "$pid"
  [ $((after - before)) -lt 16384 ] || fail "memory grew from $before to $after KiB"
  say "ok: memory from $before to $after KiB"
  expect "the tunnel still works" answers
}
scenario cc-noise "20 000 datagrams of noise on both ports: same process, flat memory, tunnel unaffected" noise
