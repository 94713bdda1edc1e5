# Rekeying from both sides with traffic on: none of 1000 pings may be lost, no packet meets an unknown SPI.

spis() { echo "$(fact "$(strong)" spi_in) $(fact "$(strong)" spi_out)"; }
settle() { # one child, one IKE SA once everything has been rekeyed
  expect_soon 10 "one child is left" fact_is "$(strong)" child_count 1
  expect_soon 10 "one IKE SA is left" fact_is "$(strong)" ike_count 1
  local side
  for side in a b; do
    is_culvert $side || continue
    expect_soon 10 "one child is left on our side" fact_is $side child_count 1
    expect "no packet met an unknown SPI" fact_is $side unknown_spi 0
  done
}
several() { # TIMES PAUSE COMMAND...
  local times=$1 pause=$2 i; shift 2
  for ((i = 0; i < times; i++)); do sleep "$pause"; "$@" || fail "$*"; done
}
by_hand() { # A B WHO child|ike KEYS: WHO rekeys four times
  local a=$1 b=$2 who=$3 what=$4 before; shift 4
  pair "$a" "$b" auth=psk "$@"
  watch_esp
  call
  before=$(spis)
  lossless 1000 0.01 several 4 2 on "$who" rekey "$what"
  accounted 1000
  [ "$what" = ike ] || [ "$(spis)" != "$before" ] || fail "the SPIs are the old ones"
  settle
  ping_through
}
by_time() { # our own lifetime makes us rekey
  local before
  pair culvert strongswan auth=psk a:espre=30
  call
  before=$(spis)
  lossless 1000 0.035 sleep 1
  expect_soon 15 "the SPIs are new" eval '[ "$(spis)" != "$before" ]'
  settle
  ping_through
}
both() { on a rekey "$1" & local first=$!; on b rekey "$2" || true; wait $first || true; }
collision() { # WHAT-A WHAT-B: both sides at the same moment, four times
  pair culvert strongswan auth=psk
  call
  lossless 1000 0.01 several 4 2 both "$1" "$2"
  settle
  ping_through
}

for pair in 'sc strongswan culvert' 'cs culvert strongswan'; do
  read -r tag a b <<< "$pair"
  theirs=$([ $tag = sc ] && echo a || echo b) mine=$([ $tag = sc ] && echo b || echo a)
  for what in child ike; do
    scenario $tag-rekey-$what-theirs "strongSwan rekeys the $what SA four times under 1000 pings ($a calls)" by_hand $a $b $theirs $what
    scenario $tag-rekey-$what-ours "Culvert rekeys the $what SA four times under 1000 pings ($a calls)" by_hand $a $b $mine $what
  done
done
scenario cs-rekey-pfs "child rekey with a key exchange of its own (ECP 384)" by_hand culvert strongswan a child esp=aes256gcm16-ecp384
scenario cs-rekey-time "our lifetime of 30 s makes us rekey under 1000 pings" limit=120 by_time
scenario cs-collide-children "both sides rekey the child at the same moment, four times" collision child child
scenario cs-collide-ike "both sides rekey the IKE SA at the same moment, four times" collision ike ike
scenario cs-collide-mixed "one side rekeys the child, the other the IKE SA, at the same moment" collision child ike
