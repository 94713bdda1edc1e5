# Many tunnels at once, set up by the load generator over the bench's own pair of namespaces.

load_holds() { # SYSTEM COUNT
  local load_of=${CULVERT%/culvert}/culvert-load
  [ -x "$load_of" ] || skip "no $load_of"
  CULVERT_LOAD=$load_of seconds=2 tunnels=$2
  . "$L/lib/bench.sh"
  trap net_down EXIT
  net_up; responder "$1"
  load --count "$2" --concurrency 8 --hold 60 > "$W/load.json" & local holder=$!
  wait_until 60 test -s "$W/load.json" || fail "no result of the load generator"
  jq -c . "$W/load.json"
  expect "$2 tunnels are up, none failed, none was lost" jq -e ".established == $2 and .failed == 0 and .lost == 0" "$W/load.json"
  if [ "$1" = culvert ]; then
    expect "status shows $2 tunnels" eval "\"$CULVERT\" gateway status --json --control '$W/b/gateway.sock' | jq -e '.tunnels | length == $2'"
  fi
  kill -TERM $(pgrep -P $holder) $holder 2>/dev/null || true
  wait $holder || true
  if [ "$1" = culvert ]; then
    expect_soon 15 "the Deletes leave no tunnel" eval "\"$CULVERT\" gateway status --json --control '$W/b/gateway.sock' | jq -e '.tunnels | length == 0'"
  fi
}
scenario load-culvert "200 tunnels with certificates of their own, from one process, to Culvert and down again" load_holds culvert 200
