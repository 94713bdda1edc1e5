# A long life with a real peer, with and without loss: connect, carry, rekey both, move, lose the NAT's mappings, come back by
# ticket, disconnect, again and again. `make soak` sets CULVERT_SOAK_CYCLES and CULVERT_SOAK_MINUTES; `make test` runs two cycles.

soak_process() { cat "$W/$1/pid"; }
# soak_weight SIDE: resident KiB and open descriptors of our daemon
soak_weight() {
  local pid; pid=$(soak_process "$1")
  echo "$(awk '/^VmRSS/ { print $2 }' "/proc/$pid/status") $(ls "/proc/$pid/fd" | wc -l)"
}
soak_carries() { within "${place[a]}" ping -q -c 1 -W 1 10.20.0.2; }
soak_cycle() { # NUMBER
  local try
  # With loss a call may be given up; who keeps a connection up tries again.
  for try in 1 2 3; do ! on a up >"$W/up.out" 2>&1 || break; on a down >/dev/null 2>&1 || true; sleep 1; [ $try -lt 3 ]; done ||
    fail "cycle $1: no connection: $(tail -1 "$W/up.out")"
  wait_until 20 soak_carries || fail "cycle $1: nothing passes"
  on "$(ours)" rekey child || fail "cycle $1: rekey child"
  on "$(strong)" rekey ike >/dev/null 2>&1 || true
  # strongSwan's userspace plane does not follow a peer that moves, nor one whose NAT forgets.
  if is_culvert a && is_culvert b; then
    case $(($1 % 5)) in 0) net remap port;; 2) net addr $(($1 / 5 % 100 + 3));; 4) net move alt;; esac
  elif [ $(($1 % 5)) = 0 ] && is_culvert b; then net remap port; fi
  wait_until 40 soak_carries || fail "cycle $1: nothing passes after rekeying"
  if [ $(($1 % 20)) = 10 ] && is_culvert a && is_culvert b; then soak_return "$1"; fi
  [ $(($1 % 5)) != 4 ] || ! is_culvert a || ! is_culvert b || net move nat
  # strongSwan waits ten seconds for the answer to its Delete; with loss it takes longer now and then.
  on a down >/dev/null 2>&1 || true
  wait_until 70 no_sa a || fail "cycle $1: something is left on ${kind[a]}"
  wait_until 70 no_sa b || fail "cycle $1: something is left on ${kind[b]}"
}
# soak_return NUMBER: the path is gone until the agent has given the gateway up; then it comes back by its ticket
soak_resumed() { "$CULVERT" gateway status --json --control "$W/b/gateway.sock" | jq '.counters.ike_resumed'; }
soak_return() {
  local before; before=$(soak_resumed)
  net block all
  wait_until 30 fact_is a ike_count 0 || fail "cycle $1: the agent does not give a silent gateway up"
  net unblock
  wait_until 40 soak_carries || fail "cycle $1: nothing passes after the silence"
  [ "$(soak_resumed)" -gt "$before" ] || fail "cycle $1: came back without its ticket"
}
soak() { # A B LOSS [KEY=VALUE...]
  local a=$1 b=$2 loss=$3 cycles=${CULVERT_SOAK_CYCLES:-2} minutes=${CULVERT_SOAK_MINUTES:-0} i begin=$SECONDS side; shift 3
  declare -A warm=()
  pair "$a" "$b" auth=psk "$@"
  [ "$loss" = 0 ] || net loss "$loss"
  for ((i = 1; i <= cycles; i++)); do
    soak_cycle "$i"
    # What a few cycles need once is no leak.
    if [ "$i" = 1 ] || [ "$i" = $((cycles / 10)) ]; then
      for side in a b; do ! is_culvert $side || warm[$side]=$(soak_weight $side); done
    fi
    [ "$minutes" = 0 ] || [ $((SECONDS - begin)) -lt $((minutes * 60)) ] || break
  done
  [ "$i" -le "$cycles" ] || i=$cycles
  for side in a b; do
    is_culvert $side || continue
    local now; now=$(soak_weight $side)
    say "${kind[$side]} ($side): ${warm[$side]} KiB and descriptors, after $i cycles $now"
    awk -v before="${warm[$side]}" -v now="$now" 'BEGIN { split(before, b); split(now, n); exit !(n[1] - b[1] < 16384 && n[2] <= b[2] + 2) }' ||
      fail "memory or descriptors grew: ${warm[$side]} became $now"
  done
  say "ok: $i cycles in $((SECONDS - begin)) s"
}
soak_limit=$(((${CULVERT_SOAK_MINUTES:-0} + 3) * 60))
[ -z "${CULVERT_SOAK_CYCLES:-}" ] || [ -n "${CULVERT_SOAK_MINUTES:-}" ] || soak_limit=$((CULVERT_SOAK_CYCLES * 60 + 180))
scenario cs-soak "connect, rekey, remap, disconnect with 2 % loss; Culvert calls strongSwan" limit=$soak_limit soak culvert strongswan 2
scenario sc-soak "connect, rekey, remap, disconnect with 2 % loss; strongSwan calls Culvert" limit=$soak_limit soak strongswan culvert 2
scenario cc-soak "connect, rekey, move, remap, resume, disconnect, Culvert against itself" limit=$soak_limit soak culvert culvert 0 giveup=4 dpd=2
