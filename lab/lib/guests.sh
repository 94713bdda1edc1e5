# Sourced by lib/scenario.sh: foreign peers in User-Mode Linux guests, with the ESP of their kernel.
#
# A guest boots in three seconds, has one processor and forks slowly, so a scenario boots one and asks it several things,
# each announced with `check` (lib/scenario.sh); every check becomes a row of docs/reference/interop.md.

# guest NAME [home]: boots it, at 203.0.113.20 with 10.20.0.20 behind it; home: at 10.2.0.2, behind the NAT
guest() {
  command -v linux.uml >/dev/null && [ -d /usr/lib/uml/modules ] || skip "no user-mode-linux: run make deps"
  local name=$1 devices
  net guest "$@" >/dev/null
  if [ "${2:-}" = home ]; then devices=(--tap wan 10.2.0.2/24,2001:db8:3::2/64 --gw 10.2.0.1 --gw 2001:db8:3::1)
  else devices=(--tap wan 203.0.113.20/24,2001:db8:113::20/64 --tap lan 10.20.0.20/24,fd20::20/64 --gw 203.0.113.1 --gw 2001:db8:113::1); fi
  mkdir -p "$W/ctl-$name"
  "$L/uml-run" --timeout 700 --netns "$P-$name" "${devices[@]}" --share "$W" --share "$L" --share "$("$L/peers/debs" --dir)" \
    --ctl "$W/ctl-$name" --console "$W/ctl-$name/console.log" 'sleep 1000' > "$W/ctl-$name/guest.out" 2>&1 &
  echo $! > "$W/ctl-$name/uml.pid"
}
# package NAME: a Debian package that only guests take; skips where it can neither be found nor fetched
package() { "$L/peers/debs" "$1" 2> "$W/debs.log" || skip "$(tail -1 "$W/debs.log")"; }
is_guest() { [ -d "$W/ctl-$1" ]; }
in_guest() { local name=$1; shift; "$L/uml-exec" "$W/ctl-$name" "$@"; }

kernel_facts() { in_guest "$1" 'ip -o addr show; echo ==; ip -s xfrm state list nokeys; echo ==; ip xfrm policy' | "$L/lib/kernel-facts" --from-stdin; }
# esp_is SIDE PATTERN: what the guest's kernel has installed, as `esn rfc4106(gcm(aes)) espinudp`
esp_is() { kernel_facts "${place[$1]}" | sed -n 's/^esp_kernel=//p' | grep -qxE -- "$2"; }

# version KIND: what is written into docs/reference/interop.md
version() {
  case $1 in
  strongswan) dpkg-query -W -f '${Version}' strongswan-charon;;
  *) cat "$("$L/peers/debs" --dir)/$1.version";;
  esac
}

# foreign KIND ROLE: names the peer for the checks that follow; ROLE is what it plays: initiator or responder
foreign() {
  local name
  [ "$1" = strongswan ] || package "$1"
  case $1 in
  strongswan) name="strongSwan, kernel ESP";; libreswan) name="libreswan, kernel ESP";; openiked) name="OpenIKED, kernel ESP";;
  esac
  interop_peer=$name interop_version=$(version "$1") interop_role=$2
}

# guest_logs: copies what the guests' daemons wrote to where lab/run --logs collects
guest_logs() {
  local directory name
  for directory in "$W"/ctl-*; do
    [ -e "$directory/guest.up" ] || continue
    name=${directory##*/ctl-}
    UML_WAIT=1 timeout 10 "$L/uml-exec" "$directory" "ip -s xfrm state; ip xfrm policy | grep -v socket; tail -n 300 /tmp/?/*.out /tmp/?/out /tmp/?/*.log" > "$W/guest-$name.out" 2>&1 || true
  done
}
