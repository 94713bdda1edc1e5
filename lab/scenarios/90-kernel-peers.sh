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
  case $what:${words[*]} in openiked:*vips=yes*) words+=(lts=dynamic);; esac
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
  case $2 in *-esn) pattern="esn $pattern";; esac
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
  said "$what" local=203.0.113.20 lid=gw.lab rid=runner.lab lts=10.20.0.0/24 "$@"
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
}
esp_answers() { # KIND
  local what=$1 suite
  foreign "$what" responder
  net up; guest k; net move alt
  answerer "$what" remote=%any pool=10.99.0.0/24 rts=dynamic encap=no suite=all
  within registry ip route add 10.99.0.0/24 via 10.20.0.20
  for suite in $(suites_of "$what" answers); do
    check "ESP as protocol 50: $(suite_title "$suite")"
    agent vips=0.0.0.0 encap=no suite="$suite"
    call
    installed b "$suite"
    ping_through 10.20.0.2 3
    on a down
    again a
  done
}
for what in strongswan libreswan openiked; do
  case $what in strongswan) tag=k;; libreswan) tag=l;; openiked) tag=o;; esac
  scenario $tag-esp-calls "$what in a guest calls: ESP as protocol 50, every algorithm" limit=240 esp_calls $what
  scenario $tag-esp-answers "$what in a guest answers: ESP as protocol 50, every algorithm" limit=240 esp_answers $what
done
