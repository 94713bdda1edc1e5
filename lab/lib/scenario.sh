# Sourced by lab/run: what scenario files are written with.
#
# A scenario file registers scenarios:        scenario NAME "TITLE" [limit=SECONDS] COMMAND [ARG...]
# COMMAND is a function of that file. It runs in a shell of its own with `set -e`, a lab of its own (prefix $P), a
# directory of its own ($W) and these helpers. It passes by returning 0, `fail REASON` ends it, `skip REASON` too.

scenario_names=() scenario_titles=() scenario_limits=() scenario_commands=()
scenario() {
  local name=$1 title=$2 limit=90; shift 2
  case $1 in limit=*) limit=${1#limit=}; shift;; esac
  scenario_names+=("$name") scenario_titles+=("$title") scenario_limits+=("$limit")
  scenario_commands+=("$(printf '%q ' "$@")")
}

. "$L/lib/guests.sh"

say() { echo "  $*"; }
fail() { echo "$*" >> "$W/reason"; echo "  failed: $*"; exit 1; }
skip() { echo "$*" > "$W/reason"; echo "  skipped: $*"; exit 77; }

net() { "$L/netns-lab" "$P" "$@"; }
within() { local role=$1; shift; ip netns exec "$P-$role" "$@"; }
pki() { "$L/peers/pki" "$W/pki" "$@"; }

# wait_until SECONDS COMMAND...: polls until the command succeeds
wait_until() {
  local end=$((SECONDS + $1)); shift
  until "$@" >/dev/null 2>&1; do [ "$SECONDS" -lt "$end" ] || return 1; sleep 0.1; done
}
# expect DESCRIPTION COMMAND...: the command must succeed
expect() { local what=$1; shift; if "$@" >/dev/null 2>&1; then say "ok: $what"; else fail "$what"; fi; }
# expect_soon SECONDS DESCRIPTION COMMAND...: it must come to succeed
expect_soon() { local s=$1 what=$2; shift 2; if wait_until "$s" "$@"; then say "ok: $what"; else fail "$what (after $s s)"; fi; }
refute() { local what=$1; shift; if "$@" >/dev/null 2>&1; then fail "$what"; else say "ok: not: $what"; fi; }

# check TITLE: what the lines from here to the next check show of the peer that `foreign` named: a row of
# docs/reference/interop.md, passed when the next check is reached, or the end; without `foreign`, a line of output alone
interop_peer= interop_version= interop_role= interop_check=
check() { checked PASS; interop_check=$1; echo "- $1"; }
checked() { # RESULT
  [ -z "$interop_check" ] || [ -z "$interop_peer" ] || printf '%s\t%s\t%s\t%s\t%s\n' "$interop_peer" "$interop_version" "$interop_role" "$interop_check" "$1" >> "$W/rows"
  interop_check=
}

# Two peers. `a` calls from runner, behind the NAT; `b` answers on gw. Each is strongswan or culvert; with LAB_DOUBLE=1
# strongSwan plays Culvert's part too, which proves the scenarios themselves.
# A peer whose place is a guest runs there, on the kernel's ESP; its files are in the guest's /tmp.
declare -A kind=() place=() source_of=()
peer() { # SIDE KIND ROLE KEY=VALUE...
  local side=$1 what=$2 role=$3; shift 3
  [ -z "${LAB_DOUBLE:-}" ] || [ "$what" != culvert ] || what=strongswan
  kind[$side]=$what place[$side]=$role
  on "$side" conf "$@" || fail "$what took no configuration on $role"
}
start() {
  local where=(--netns "$P-${place[$1]}")
  if is_guest "${place[$1]}"; then where=(); [ "${kind[$1]}" != strongswan ] || where=(--kernel); fi
  on "$1" start "${where[@]}" || fail "${kind[$1]} did not start on ${place[$1]}"
}
on() {
  local side=$1 verb=$2; shift 2
  if is_guest "${place[$side]}"; then in_guest "${place[$side]}" "$L/peers/${kind[$side]}" "$verb" "/tmp/$side" "$@"
  else "$L/peers/${kind[$side]}" "$verb" "$W/$side" "$@"; fi
}
fact() { on "$1" facts | sed -n "s/^$2=//p"; }
fact_is() { [ "$(fact "$1" "$2")" = "$3" ]; }
fact_has() { fact "$1" "$2" | grep -qE -- "$3"; }
logged() {
  if is_guest "${place[$1]}"; then in_guest "${place[$1]}" "cat /tmp/$1/*.log /tmp/$1/out /tmp/$1/*.out 2>/dev/null | grep -iE -- $(printf %q "$2")" >/dev/null; return; fi
  { cat "$W/$1"/*.log "$W/$1"/out "$W/$1"/up.out 2>/dev/null || true; } | grep -iE -- "$2" >/dev/null
}
is_culvert() { [ "${kind[$1]}" = culvert ]; }

# pair A-KIND B-KIND [from=alt, which has no NAT | KEY=VALUE | a:KEY=VALUE | b:KEY=VALUE ...]: configures and starts both, in a new lab
pair() {
  local a_kind=$1 b_kind=$2 a=() b=() word; shift 2
  a=(lid=runner.lab rid=gw.lab remote=203.0.113.10 rts=10.20.0.0/24 vips=0.0.0.0)
  b=(local=203.0.113.10,2001:db8:113::10 lid=gw.lab rid=runner.lab lts=10.20.0.0/24 pool=10.99.0.0/24)
  for word in "$@"; do
    case $word in
    a:*) a+=("${word#a:}");; b:*) b+=("${word#b:}");; from=*) ;; *) a+=("$word") b+=("$word");;
    esac
  done
  [ -e "/run/netns/$P-gw" ] || net up
  for word in "$@"; do case $word in from=alt) net move alt;; esac; done
  peer b "$b_kind" gw "${b[@]}"; peer a "$a_kind" runner "${a[@]}"
  start b; start a
}
call() { on a up || fail "${kind[a]} could not connect: $(tail -2 "$W/a/up.out" 2>/dev/null | tr '\n' ' ')"; }
call_fails() { if on a up >"$W/up.out" 2>&1; then fail "the connection came up"; else say "ok: refused"; fi; }

# strong: the side that a foreign peer plays; it is the witness of what went through ESP
strong() { if is_culvert a; then echo b; else echo a; fi; }
ours() { if is_culvert a; then echo a; else echo b; fi; }
# from SIDE COMMAND...: where that side's traffic begins
from() { local side=$1; shift; if is_guest "${place[$side]}"; then in_guest "${place[$side]}" "$@"; else within "${place[$side]}" "$@"; fi; }
# packets SIDE: what ESP carried there, in and out
packets() {
  if is_guest "${place[$1]}"; then kernel_facts "${place[$1]}"; else on "$1" facts; fi |
    sed -n 's/^in_packets=//p; s/^out_packets=//p' | tr '\n' ' '
}
ping_through() { # [TARGET] [COUNT] [PING-OPTION...]
  local target=${1:-10.20.0.2} count=${2:-5} witness ours theirs_before theirs_after ours_before= ours_after=; shift $(($# < 2 ? $# : 2))
  witness=$(strong) ours=$(ours)
  theirs_before=$(packets "$witness"); ! is_culvert "$ours" || ours_before=$(packets "$ours")
  # shellcheck disable=SC2086
  from a ping ${source_of[a]:+-I ${source_of[a]}} -q -c "$count" -i 0.05 -W 2 "$@" "$target" > "$W/ping.out" 2>&1 || true
  theirs_after=$(packets "$witness"); ! is_culvert "$ours" || ours_after=$(packets "$ours")
  grep -q " $count received" "$W/ping.out" || fail "ping $target: $(grep received "$W/ping.out" || tail -1 "$W/ping.out")" \
    "(in and out, before and after: $witness $theirs_before, $theirs_after; $ours $ours_before, $ours_after)"
  awk -v n="$count" '{ if ($3 - $1 < n) print "(in)"; if ($4 - $2 < n) print "(out)" }' <<< "$theirs_before $theirs_after" > "$W/round.out"
  [ ! -s "$W/round.out" ] || fail "ping $target went round the tunnel $(tr '\n' ' ' < "$W/round.out")"
  # A kernel's counters lie still between pings, so both ends must have counted the very same packets.
  if is_guest "${place[$witness]}" && [ -n "$ours_after" ]; then
    awk '{ if ($3 - $1 != $8 - $6 || $4 - $2 != $7 - $5) print $3 - $1, "in,", $4 - $2, "out there;", $7 - $5, "in,", $8 - $6, "out here" }' \
      <<< "$theirs_before $theirs_after $ours_before $ours_after" > "$W/counters.out"
    [ ! -s "$W/counters.out" ] || fail "the counters disagree: $(cat "$W/counters.out")"
  fi
  say "ok: $count pings to $target through ESP"
}
# no_sa SIDE: nothing is left there
no_sa() {
  local facts; facts=$(on "$1" facts)
  grep -qx ike_count=0 <<< "$facts" && grep -qx child_count=0 <<< "$facts" && ! grep -qE '^half_open=[1-9]' <<< "$facts"
}
# nothing_left SIDE: no IKE SA, no child, no address, no route of a tunnel
nothing_left() { expect_soon "${2:-5}" "nothing left on ${kind[$1]}" no_sa "$1"; }

# lossless COUNT INTERVAL COMMAND...: runs the command while pings go, and wants every one of them answered
lossless() {
  local count=$1 interval=$2; shift 2
  within "${place[a]}" ping -q -c "$count" -i "$interval" -W 2 10.20.0.2 > "$W/load.out" 2>&1 &
  local pid=$!
  "$@"
  wait "$pid" || true
  local got; got=$(sed -n 's/.* \([0-9]*\) received.*/\1/p' "$W/load.out")
  [ "$got" = "$count" ] || fail "$got of $count pings came back during: $*"
  say "ok: $count of $count pings during: $*"
}

# watch_esp: records the number of every ESP packet that passes gw. accounted MINIMUM: in each direction the numbers of
# every SPI run from 1 without a gap or a double, so what was numbered on old and new SPIs together is what arrived.
watch_esp() {
  # A run of datagrams that leaves as one (UDP_SEGMENT) would be captured as one: the senders' links take single ones.
  local end; for end in gw:wan gw2:wan runner:access; do
    ip netns exec "$P-${end%%:*}" ethtool -K "${end#*:}" tx-udp-segmentation off gso off >/dev/null 2>&1 || fail "ethtool on $end"
  done
  ip netns exec "$P-gw" tcpdump -lnni wan 'udp port 4500 or ip proto 50 or ip6 proto 50' > "$W/esp.out" 2> "$W/tcpdump.log" &
  watcher=$!
  wait_until 5 grep -q listening "$W/tcpdump.log" || fail "tcpdump did not start"
}
accounted() {
  sleep 1; kill -TERM "$watcher" 2>/dev/null || true; wait "$watcher" || true
  grep -q '^0 packets dropped by kernel' "$W/tcpdump.log" || fail "the capture is not whole"
  perl -ne '
    next unless / IP6? (\S+) > .*ESP\(spi=0x([0-9a-f]+),seq=0x([0-9a-f]+)\)/;
    my ($side, $key, $n) = ($1, "$1 $2", hex $3);
    print "number $n twice on $key\n" if $seen{$key}{$n}++;
    $count{$key}++; $total{$side}++; $top{$key} = $n if $n > ($top{$key} // 0);
    END {
      $top{$_} == $count{$_} or print "numbers to $top{$_} but $count{$_} packets on $_\n" for sort keys %count;
      $total{$_} >= '"$1"' or print "only $total{$_} packets from $_\n" for sort keys %total;
      print scalar(keys %total), " senders\n" if keys %total != 2;
    }' "$W/esp.out" > "$W/account.out"
  [ ! -s "$W/account.out" ] || fail "$(head -3 "$W/account.out" | tr '\n' ';')"
  say "ok: every number on old and new SPIs is accounted for"
}

# Machines for scenarios of Culvert alone: a namespace with a /run, a /var/lib and an /etc/resolv.conf of its own.
machine() { # ROLE: starts it; its files are in $W/ROLE
  local role=$1; mkdir -p "$W/$role"; cp /etc/resolv.conf "$W/$role/resolv.conf" 2>/dev/null || : > "$W/$role/resolv.conf"
  ip netns exec "$P-$role" unshare -m sh -c 'mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /var/lib && mkdir /run/culvert
    mount --bind "$1/resolv.conf" /etc/resolv.conf; touch "$1/ready"; exec sleep 100000' sh "$W/$role" </dev/null >/dev/null 2>&1 &
  echo $! > "$W/$role/holder"
  wait_until 5 test -e "$W/$role/ready" || fail "machine $role did not start"
}
# at ROLE COMMAND...: runs it on that machine
at() { local role=$1; shift; nsenter -t "$(cat "$W/$role/holder")" -n -m -- "$@"; }
# daemon ROLE NAME COMMAND...: in the background there; output in $W/ROLE/NAME.log, pid in $W/ROLE/NAME.pid
daemon() {
  local role=$1 name=$2; shift 2
  nsenter -t "$(cat "$W/$role/holder")" -n -m -- sh -c 'echo $$ > "$1"; shift; exec "$@"' sh "$W/$role/$name.pid" "$@" \
    </dev/null >>"$W/$role/$name.log" 2>&1 &
}
pid_of() { cat "$W/$1/$2.pid"; }
