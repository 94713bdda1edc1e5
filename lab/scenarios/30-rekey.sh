# Rekeying from both sides with traffic on: none of 1000 pings may be lost, no packet meets an unknown SPI.

counts_clean() { # no packet for an unknown or expired SPI where Culvert counts them
  local side
  for side in a b; do
    is_culvert $side || continue
    expect "no packet met an unknown SPI" fact_is $side unknown_spi 0
  done
}
several() { # TIMES PAUSE COMMAND...
  local times=$1 pause=$2 i; shift 2
  for ((i = 0; i < times; i++)); do sleep "$pause"; "$@" || fail "$*"; done
}
spis() { echo "$(fact "$(strong)" spi_in) $(fact "$(strong)" spi_out)"; }
settle() { # one child, one IKE SA once everything has been rekeyed
  expect_soon 10 "one child is left" fact_is "$(strong)" child_count 1
  expect_soon 10 "one IKE SA is left" fact_is "$(strong)" ike_count 1
  counts_clean
}

theirs() { # A B child|ike: strongSwan rekeys four times
  pair "$1" "$2" auth=psk
  call
  local before; before=$(spis)
  lossless 1000 0.01 several 4 2 on "$(strong)" rekey "$3"
  [ "$3" = ike ] || [ "$(spis)" != "$before" ] || fail "the SPIs are the old ones"
  settle
  ping_through
}
ours() { # A B KEYS: Culvert's own lifetimes make it rekey
  local a=$1 b=$2; shift 2
  pair "$a" "$b" auth=psk "$@"
  call
  local before; before=$(spis)
  lossless 1000 0.01 sleep 1
  [ "$(spis)" != "$before" ] || case "$*" in *ikere*) ;; *) fail "nothing was rekeyed";; esac
  settle
  ping_through
}
collision() { # both sides rekey at the same moment, again and again
  pair culvert strongswan auth=psk espre=4 ikere=7
  call
  lossless 1500 0.01 several 3 4 on "$(strong)" rekey child
  settle
  ping_through
}

for pair in 'sc strongswan culvert' 'cs culvert strongswan'; do
  read -r tag a b <<< "$pair"
  mine=$([ $tag = sc ] && echo b || echo a)
  # shellcheck disable=SC2086
  {
    scenario $tag-rekey-child-theirs "strongSwan rekeys the child four times under 1000 pings ($a calls)" theirs $a $b child
    scenario $tag-rekey-ike-theirs "strongSwan rekeys the IKE SA four times under 1000 pings ($a calls)" theirs $a $b ike
    scenario $tag-rekey-child-ours "Culvert rekeys the child under 1000 pings ($a calls)" ours $a $b $mine:espre=3
    scenario $tag-rekey-ike-ours "Culvert rekeys the IKE SA under 1000 pings ($a calls)" ours $a $b $mine:ikere=3
  }
done
scenario cs-rekey-pfs "child rekey with a key exchange of its own (ECP 384)" ours culvert strongswan a:espre=3 esp=aes256gcm16-ecp384
scenario cs-rekey-collision "both sides rekey child and IKE SA on the same beat under 1500 pings" collision
