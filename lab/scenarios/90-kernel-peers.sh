# Peers with the ESP of a kernel, each in a guest: strongSwan, libreswan, OpenIKED; as initiator and as responder.

# said KIND KEY=VALUE...: the same connection in the words of each peer, into the array `words`
said() {
  local what=$1 word; shift; words=()
  for word in "$@"; do
    case $what:$word in
    *:suite=*) esp_words "$what" "${word#*=}";;
    libreswan:updown=*) words+=(extra=left$word);;
    *:updown=*) ;;
    libreswan:vips=?*|openiked:vips=?*) words+=(vips=yes);;
    libreswan:pool=10.99.*) words+=(pool=10.99.0.10-10.99.0.200);;
    openiked:remote=%any) words+=(remote=any);;
    openiked:pool=*) words+=("$word" rts=dynamic);;
    libreswan:rts=dynamic|libreswan:lts=dynamic) ;;
    *) words+=("$word");;
    esac
  done
  case $what:${words[*]} in openiked:*vips=yes*|libreswan:*vips=yes*) words+=(lts=0.0.0.0/0);; esac
  case $what:${words[*]} in libreswan:*cert=*) words+=(extra=sendca=all);; esac # intermediates, too
}
# esp_words KIND SUITE: SUITE is gcm, chacha, cbc256 or cbc512, -esn or -noesn behind it, or all
esp_words() {
  local esn=noesn; case $2 in *-esn) esn=esn;; esac
  case $1:${2%-*sn} in
  strongswan:gcm|culvert:gcm) words+=(esp=aes256gcm16-$esn);;
  strongswan:chacha|culvert:chacha) words+=(esp=chacha20poly1305-$esn);;
  strongswan:cbc256|culvert:cbc256) words+=(esp=aes256-sha256-$esn);;
  strongswan:cbc512|culvert:cbc512) words+=(esp=aes256-sha512-$esn);;
  strongswan:all) words+=(esp=aes256gcm16-esn-noesn,chacha20poly1305-esn-noesn,aes256-sha256-sha512-esn-noesn);;
  culvert:all) words+=(esp=aes256gcm16-chacha20poly1305-esn-noesn,aes256-sha256-sha512-esn-noesn);;
  libreswan:all) words+=(esp=aes_gcm256,chacha20_poly1305,aes256-sha2_256,aes256-sha2_512 extra=esn=either);;
  libreswan:*) case $esn in esn) words+=(extra=esn=yes);; *) words+=(extra=esn=no);; esac;;&
  libreswan:gcm) words+=(esp=aes_gcm256);;
  libreswan:chacha) words+=(esp=chacha20_poly1305);;
  libreswan:cbc256) words+=(esp=aes256-sha2_256);;
  libreswan:cbc512) words+=(esp=aes256-sha2_512);;
  openiked:*) ;; # it has one
  esac
}
# Every algorithm in both directions, and between them every algorithm with both lengths of sequence numbers.
suites_of() { # KIND calls|answers
  case $1:$2 in
  openiked:*) echo cbc512-noesn;;
  *:calls) echo gcm-esn gcm-noesn chacha-esn cbc256-noesn cbc512-esn;;
  *) echo gcm-esn gcm-noesn chacha-noesn cbc256-esn cbc512-noesn;;
  esac
}
# MOBIKE takes IKE to port 4500 without any NAT; OpenIKED then answers to port 4500, and not to the port that called.
mobike_of() { case $1 in openiked) echo no;; *) echo yes;; esac; }
suite_title() {
  local s=$1 e="extended sequence numbers"
  case $s in *-noesn) e="32-bit sequence numbers";; esac
  case $s in gcm*) echo "AES-GCM, $e";; chacha*) echo "ChaCha20-Poly1305, $e";; cbc256*) echo "AES-CBC with HMAC-SHA2-256, $e";; *) echo "AES-CBC with HMAC-SHA2-512, $e";; esac
}
# installed SIDE SUITE [espinudp]: the guest's kernel has these algorithms, and ESP in UDP only when it is named
installed() {
  local pattern=
  case $2 in gcm*) pattern='rfc4106\(gcm\(aes\)\)';; chacha*) pattern='rfc7539esp\(chacha20,poly1305\)';;
    cbc256*) pattern='hmac\(sha256\) cbc\(aes\)';; cbc512*) pattern='hmac\(sha512\) cbc\(aes\)';; esac
  case $2 in *-esn) pattern="esn $pattern";; *-noesn) ;; *) pattern="(esn )?$pattern";; esac
  esp_is "$1" "$pattern${3:+ $3}" || fail "the kernel has $(kernel_facts "${place[$1]}" | grep ^esp_kernel), not $pattern ${3:-}"
}

# b is Culvert's gateway; a calls it from the guest k. caller KIND KEY=VALUE...
gateway() { peer b culvert gw local=203.0.113.10,2001:db8:113::10 lid=gw.lab rid=runner.lab lts=10.20.0.0/24 "$@"; start b; }
again() { on "$1" stop; rm -rf "${W:?}/$1"; }
caller() {
  local what=$1; shift
  said "$what" lid=runner.lab rid=gw.lab rts=10.20.0.0/24 "$@"
  [ "$what" != openiked ] || words+=(mode=active)
  peer a "$what" k "${words[@]}"
}
# b answers in the guest k at 203.0.113.20; a is Culvert's agent on runner.
answerer() {
  local what=$1; shift
  said "$what" local=203.0.113.20 lid=gw.lab rid=runner.lab lts=10.20.0.0/24 updown=%disabled "$@"
  peer b "$what" k "${words[@]}"
  start b
}
agent() { said culvert lid=runner.lab rid=gw.lab remote=203.0.113.20 rts=10.20.0.0/24 "$@"; peer a culvert runner "${words[@]}"; start a; }

# --- ESP as protocol 50: no NAT on the way, every algorithm with and without extended sequence numbers
esp_calls() { # KIND
  local what=$1 suite
  foreign "$what" initiator
  net up; guest k
  said culvert suite=all
  gateway rts=10.30.0.0/24 encap=no "${words[@]}"
  source_of[a]=10.30.0.1
  in_guest k "ip addr add 10.30.0.1/32 dev lo; ip route add 10.20.0.0/24 via 203.0.113.1 src 10.30.0.1; ip addr del 10.20.0.20/24 dev eth1"
  for suite in $(suites_of "$what" calls); do
    caller "$what" name="$suite" local=203.0.113.20 remote=203.0.113.10 lts=10.30.0.0/24 encap=no suite="$suite" \
      updown=%disabled
  done
  start a
  for suite in $(suites_of "$what" calls); do
    check "ESP as protocol 50: $(suite_title "$suite")"
    on a up "$suite" || fail "no connection with $suite"
    installed a "$suite"
    ping_through 10.20.0.2 3
    on a down "$suite"
    nothing_left b
  done
  # (Through PF_KEY, as OpenIKED installs them, a Linux SA carries only the family of its outer addresses.)
  [ "$what" != openiked ] || return 0
  check "ESP as protocol 50 over IPv6"
  on a stop
  caller "$what" name=v6 local=2001:db8:113::20 remote=2001:db8:113::10 lts=10.30.0.0/24 encap=no suite="$suite" updown=%disabled
  start a
  on a up v6 || fail "no connection over IPv6"
  installed a "$suite"
  ping_through 10.20.0.2 3
}
esp_answers() { # KIND
  local what=$1 suite
  foreign "$what" responder
  net up; guest k; net move alt
  answerer "$what" remote=%any pool=10.99.0.0/24 rts=dynamic encap=no suite=all
  within registry ip route add 10.99.0.0/24 via 10.20.0.20
  for suite in $(suites_of "$what" answers); do
    check "ESP as protocol 50: $(suite_title "$suite")"
    agent vips=0.0.0.0 encap=no suite="$suite" mobike="$(mobike_of "$what")"
    call
    installed b "$suite"
    ping_through 10.20.0.2 3
    on a down
    again a
  done
  [ "$what" = strongswan ] || return 0
  check "ESP as protocol 50 over IPv6"
  on b stop
  answerer "$what" local=2001:db8:113::20 remote=%any pool=10.99.0.0/24 rts=dynamic encap=no suite=all
  agent remote=2001:db8:113::20 vips=0.0.0.0 encap=no suite="$suite"
  call
  installed b "$suite"
  ping_through 10.20.0.2 3
}
for what in strongswan libreswan openiked; do
  case $what in strongswan) tag=k;; libreswan) tag=l;; openiked) tag=o;; esac
  scenario $tag-esp-calls "$what in a guest calls: ESP as protocol 50, every algorithm" limit=600 esp_calls $what
  scenario $tag-esp-answers "$what in a guest answers: ESP as protocol 50, every algorithm" limit=600 esp_answers $what
done

# --- a peer's whole life, with a NAT between: keys, rekeying by either side, deletes, certificates in fragments, narrowing,
# and silence
mesh() { pki gw.lab=DNS:gw.lab,IP:203.0.113.10,IP:203.0.113.20 runner.lab; }
ike_spi() { fact "$(ours)" ike_spi; }
esp_spi() { kernel_facts k | sed -n 's/^spi_in=//p'; }
# rekeyed SIDE child|ike: SIDE rekeys; the SPIs are other ones, and traffic flows
rekeyed() {
  local before; before=$([ "$2" = ike ] && ike_spi || esp_spi)
  on "$1" rekey "$2" || fail "${kind[$1]} could not rekey the $2 SA"
  came_anew "$2" "$before" 10
}
came_anew() { # child|ike BEFORE SECONDS
  expect_soon "$3" "the $1 SA has another SPI" eval "[ \"\$([ $1 = ike ] && ike_spi || esp_spi)\" != '$2' ]"
  expect_soon 10 "one child is left" fact_is "$(ours)" child_count 1
  expect_soon 10 "one IKE SA is left" fact_is "$(ours)" ike_count 1
  ping_through 10.20.0.2 3
}
rekey_both_ways() { # THEIRS OURS KIND
  if [ "$3" != openiked ]; then
    check "the peer rekeys the Child SA"; rekeyed "$1" child
    check "the peer rekeys the IKE SA"; rekeyed "$1" ike
  fi
  check "Culvert rekeys the Child SA"; rekeyed "$2" child
  check "Culvert rekeys the IKE SA"; rekeyed "$2" ike
}
rekey_by_time() { # of OpenIKED, which has no command for it
  local before
  check "the peer rekeys the Child SA"
  before=$(esp_spi); came_anew child "$before" 45
  check "the peer rekeys the IKE SA"
  before=$(ike_spi); came_anew ike "$before" 60
}
gone_at_peer() { # SIDE: the peer took our delete; libreswan then calls again, as what was told to be up should be
  if [ "${kind[$1]}" = libreswan ]; then expect_soon 5 "the peer was told" logged "$1" 'received Delete|deleting state'; on "$1" down
  else nothing_left "$1" 10; fi
}
small_and_fragile() { net mtu 1280; net block frag; }

# OpenIKED asks for a virtual address and then answers our rekeying with 0.0.0.0/0, so it comes as a site (see peers.md).
wanting() { # KIND: what the caller and the gateway say of addresses, into `theirs_has` and `ours_gives`
  if [ "$1" = openiked ]; then
    theirs_has=(lts=10.30.0.0/24) ours_gives=(rts=10.30.0.0/24) source_of[a]=10.30.0.1
    in_guest k "ip addr add 10.30.0.1/32 dev lo"
  else theirs_has=(vips=0.0.0.0) ours_gives=(pool=10.99.0.0/24); fi
}
life_calls() { # KIND
  local what=$1 certificate=(auth=cert pki="$W/pki" cert=runner.lab) theirs_has ours_gives
  foreign "$what" initiator
  net up; guest k home; CHAIN=$([ "$what" = openiked ] && echo 0 || echo 3) PAD=60 mesh
  wanting "$what"
  check "pre-shared key, behind a NAT, ESP in UDP"
  gateway "${ours_gives[@]}"
  caller "$what" local=10.2.0.2 remote=203.0.113.10 "${theirs_has[@]}" giveup=6
  start a; call
  installed a "$([ "$what" = openiked ] && echo cbc512 || echo gcm)" espinudp
  ping_through
  [ "$what" = openiked ] || { check "virtual address from our pool"; fact_has b vip 10.99.0.; }
  rekey_both_ways a b "$what"
  check "the peer deletes"
  on a down; nothing_left b
  check "Culvert deletes"
  [ "$what" != openiked ] || { on a stop; start a; }
  call; ping_through 10.20.0.2 1
  on b down || fail "the gateway could not close the session"
  gone_at_peer a
  again b; on a stop
  check "certificates (ECDSA) in IKE fragments, while IP fragments are dropped"
  small_and_fragile
  # (pluto answers nothing while its updown script runs, which takes long in a guest on a busy machine.)
  gateway "${ours_gives[@]}" giveup=15 dpd=4 "${certificate[@]:0:2}" cert=gw.lab fragsize=576
  caller "$what" local=10.2.0.2 remote=203.0.113.10 "${theirs_has[@]}" giveup=6 "${certificate[@]}" dpd=3
  start a; call
  ping_through
  check "silence of the peer is noticed"
  net block all
  expect_soon 40 "Culvert notices" no_sa b
  expect "and says so" logged b 'reason="peer_dead"'
  if [ "$what" != openiked ]; then # (OpenIKED takes more than a minute for it)
    check "our silence is noticed by the peer"
    nothing_left a 60
  fi
  net unblock; again b; on a stop
  check "narrowing: the peer asks for 10.20.0.0/16 and gets 10.20.0.0/28"
  peer b culvert gw local=203.0.113.10 lid=gw.lab rid=runner.lab lts=10.20.0.0/28 "${ours_gives[@]}"; start b
  caller "$what" local=10.2.0.2 remote=203.0.113.10 "${theirs_has[@]}" rts=10.20.0.0/16
  start a; call
  expect "Culvert grants 10.20.0.0/28" fact_is b lts 10.20.0.0/28
  ping_through
  [ "$what" = openiked ] || return 0
  on a stop; again b # (it says no goodbye)
  gateway "${ours_gives[@]}" lts=10.20.0.0/28
  caller "$what" local=10.2.0.2 remote=203.0.113.10 "${theirs_has[@]}" rts=10.20.0.0/28 espre=30 ikere=45
  start a; call
  rekey_by_time
}
life_answers() { # KIND
  local what=$1 certificate=(auth=cert pki="$W/pki" cert=gw.lab) open=(remote=%any pool=10.99.0.0/24 rts=dynamic suite=all) suite=(suite=gcm-esn)
  # libreswan rekeys with a key exchange, which a proposal must name, as our default does.
  case $what in openiked) suite=(suite=cbc512-noesn);; libreswan) suite=();; esac
  foreign "$what" responder
  net up; guest k; CHAIN=$([ "$what" = openiked ] && echo 0 || echo 3) PAD=60 mesh
  within registry ip route add 10.99.0.0/24 via 10.20.0.20
  check "pre-shared key, we are behind a NAT, ESP in UDP, virtual address from its pool"
  answerer "$what" "${open[@]}" giveup=6 dns=10.20.0.53
  agent vips=0.0.0.0 "${suite[@]}"
  call
  installed b "$([ "$what" = openiked ] && echo cbc512 || echo gcm)" espinudp
  expect "an address from the pool" fact_has a vip '10.99.0.'
  ping_through
  rekey_both_ways b a "$what"
  check "Culvert deletes"
  on a down; nothing_left b 10
  check "the peer deletes"
  call; ping_through 10.20.0.2 1
  on b down
  expect_soon 10 "the agent was told" logged a 'deletedByPeer|deleted_by_peer'
  again a
  check "narrowing: Culvert asks for 10.20.0.0/16 and gets 10.20.0.0/24"
  agent vips=0.0.0.0 "${suite[@]}" rts=10.20.0.0/16
  call
  expect "the peer grants 10.20.0.0/24" fact_is a rts 10.20.0.0/24
  ping_through
  on a down; again a; on b stop
  check "certificates (ECDSA) in IKE fragments, while IP fragments are dropped"
  small_and_fragile
  answerer "$what" "${open[@]}" "${certificate[@]}"
  agent vips=0.0.0.0 "${suite[@]}" "${certificate[@]:0:2}" cert=runner.lab fragsize=576 giveup=6 dpd=3
  call
  ping_through
  check "silence of the peer is noticed"
  on b kill
  expect_soon 30 "Culvert notices" no_sa a
  expect "and says so" logged a 'peer_dead|peerDead'
}
for what in strongswan libreswan openiked; do
  case $what in strongswan) tag=k;; libreswan) tag=l;; openiked) tag=o;; esac
  scenario $tag-life-calls "$what in a guest behind a NAT calls: keys, rekeying, deletes, fragments, silence, narrowing" limit=600 life_calls $what
  scenario $tag-life-answers "$what in a guest answers us behind a NAT: keys, rekeying, deletes, fragments, silence, narrowing" limit=600 life_answers $what
done

# --- the files of docs/operating/peers.md, as they stand there
from_page() { # NAME: the block that follows its mark
  awk -v mark="<!-- lab: $1 -->" '$0 == mark { on = 1; next } on && /^    / { print substr($0, 5); seen = 1; next } on && seen { exit }' \
    "$L/../docs/operating/peers.md" | grep . || fail "no $1 in docs/operating/peers.md"
}
# written SIDE KIND FILE: puts the page's file where the peer looks for it
written() {
  local where
  case $2 in strongswan) where=/tmp/$1/swanctl/conf.d/culvert.conf;; libreswan) where=/etc/ipsec.d/culvert.conf;; openiked) where=/etc/iked.conf;; esac
  in_guest k "cp $3 $where; chmod 600 $where"
}
page_calls() { # KIND
  local what=$1
  foreign "$what" initiator
  pki gw=DNS:gw.example.org site=DNS:site.example.org
  net up; guest k home
  check "the configuration of docs/operating/peers.md"
  from_page "$what-calls" > "$W/culvert.conf"
  gateway auth=cert pki="$W/pki" cert=gw lid=gw.example.org rid=site.example.org rts=10.30.0.0/24
  said "$what" name=culvert auth=cert pki="$W/pki" cert=site lid=site.example.org rid=gw.example.org lts=10.30.0.0/24 rts=10.20.0.0/24 \
    local=10.2.0.2 remote=203.0.113.10
  [ "$what" != openiked ] || words+=(mode=active)
  peer a "$what" k "${words[@]}"
  written a "$what" "$W/culvert.conf"
  in_guest k "ip addr add 10.30.0.1/32 dev lo"; source_of[a]=10.30.0.1
  start a
  on a up culvert || fail "no connection"
  ping_through
}
page_answers() { # KIND
  local what=$1
  foreign "$what" responder
  pki gw=DNS:gw.example.org site=DNS:site.example.org
  net up; guest k
  within registry ip route add 10.99.0.0/24 via 10.20.0.20
  check "the configuration of docs/operating/peers.md"
  from_page "$what-answers" > "$W/culvert.conf"
  said "$what" name=culvert auth=cert pki="$W/pki" cert=gw lid=gw.example.org lts=10.20.0.0/24 local=203.0.113.20 remote=%any
  peer b "$what" k "${words[@]}"
  written b "$what" "$W/culvert.conf"
  start b
  said culvert $([ "$what" != openiked ] || echo suite=cbc512-noesn)
  peer a culvert runner lid=site.example.org rid=gw.example.org remote=203.0.113.20 rts=10.20.0.0/24 vips=0.0.0.0 \
    auth=cert pki="$W/pki" cert=site "${words[@]}"
  start a; call
  ping_through
}
for what in strongswan libreswan openiked; do
  case $what in strongswan) tag=k;; libreswan) tag=l;; openiked) tag=o;; esac
  scenario $tag-page-calls "$what calls with the configuration of docs/operating/peers.md" limit=300 page_calls $what
  scenario $tag-page-answers "$what answers with the configuration of docs/operating/peers.md" limit=300 page_answers $what
done

# --- MOBIKE (RFC 4555): one IKE SA, whatever becomes of the address
still_the_same() { [ "$(ike_spi)" = "$1" ] || fail "the IKE SA is another one: $(ike_spi), not $1"; ping_through; }
moves_calls() { # KIND
  local what=$1 spi
  foreign "$what" initiator
  net up; guest k home
  check "MOBIKE: the peer's address changes"
  gateway pool=10.99.0.0/24
  caller "$what" remote=203.0.113.10 vips=0.0.0.0 mobike=yes
  start a; call; ping_through
  spi=$(ike_spi)
  in_guest k "ip addr del 10.2.0.2/24 dev eth0; ip addr add 10.2.0.9/24 dev eth0; ip route replace default via 10.2.0.1"
  # (strongSwan may take its IPv6 address and ours then, as good a path as the new IPv4 one.)
  expect_soon 30 "its kernel sends from another address" eval "in_guest k 'ip xfrm state' | grep -E '^src (10.2.0.9|2001:db8:3::2) dst'"
  expect_soon 20 "traffic flows" from a ping ${source_of[a]:+-I ${source_of[a]}} -q -c 1 -W 1 10.20.0.2
  still_the_same "$spi"
}
moves_answers() { # KIND
  local what=$1 spi
  foreign "$what" responder
  net up; guest k
  within registry ip route add 10.99.0.0/24 via 10.20.0.20
  check "MOBIKE: our address changes, then our access, from behind the NAT to none"
  answerer "$what" remote=%any pool=10.99.0.0/24 rts=dynamic mobike=yes
  agent vips=0.0.0.0
  call; ping_through
  spi=$(ike_spi)
  net addr 9
  expect_soon 20 "traffic flows after the address has changed" from a ping -q -c 1 -W 1 10.20.0.2
  still_the_same "$spi"
  net move alt
  expect_soon 20 "traffic flows over the other access" from a ping -q -c 1 -W 1 10.20.0.2
  expect "the peer's kernel sends to the new address" eval "in_guest k 'ip xfrm state' | grep -E 'dst (192.0.2.2|2001:db8:2::2)'"
  still_the_same "$spi"
}
for what in strongswan libreswan; do
  case $what in strongswan) tag=k;; libreswan) tag=l;; esac
  scenario $tag-moves-calls "$what in a guest calls, and its address changes (MOBIKE)" limit=300 moves_calls $what
  scenario $tag-moves-answers "$what in a guest answers, and our address changes (MOBIKE)" limit=300 moves_answers $what
done

# --- what libreswan 4.10 has against quantum computers: PPK (RFC 8784). It has IKE_INTERMEDIATE too, but no second key
# exchange to do in it, and Culvert does none without.
lab_ppk=lab-ppk:yW7rTq2mLx9vKcNd4bHsZp6gJfUe3aRo8tXiVwBnMhCkQ5zY
libreswan_ppk() {
  foreign libreswan initiator
  net up; guest k
  check "a post-quantum pre-shared key (RFC 8784)"
  in_guest k "ip addr add 10.30.0.1/32 dev lo; ip route add 10.20.0.0/24 via 203.0.113.1 src 10.30.0.1; ip addr del 10.20.0.20/24 dev eth1"
  source_of[a]=10.30.0.1
  gateway rts=10.30.0.0/24 ppk=$lab_ppk
  caller libreswan local=203.0.113.20 remote=203.0.113.10 lts=10.30.0.0/24 ppk=$lab_ppk updown=%disabled
  start a; call
  expect "libreswan used it" logged a 'PPK AUTH calculated as initiator'
  ping_through
}
scenario l-ppk-calls "libreswan in a guest calls with a PPK" limit=300 libreswan_ppk

# --- OpenIKED asks with the unspecified address for the one that it is to get
virtual_address() {
  foreign openiked initiator
  net up; guest k home
  check "virtual address from our pool"
  gateway pool=10.99.0.0/24
  caller openiked local=10.2.0.2 remote=203.0.113.10 lts=dynamic extra='request address any iface eth0'
  start a; call
  source_of[a]=$(fact b vip)
  ping_through
}
scenario o-virtual "OpenIKED in a guest gets a virtual address" limit=300 virtual_address
