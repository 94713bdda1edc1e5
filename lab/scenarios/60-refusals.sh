# What must not work: the right notify on the wire, a clear reason on our side, nothing left over.

# refused A B NOTIFY REASON KEYS: both patterns are looked for in logs; strongSwan's log is the witness of the wire
refused() {
  local a=$1 b=$2 notify=$3 reason=$4 side; shift 4
  pair "$a" "$b" "$@"
  call_fails
  expect_soon 5 "strongSwan's log shows $notify" logged "$(strong)" "$notify"
  for side in a b; do
    is_culvert $side || continue
    expect_soon 5 "Culvert's log gives the reason ($reason)" logged $side "$reason"
  done
  nothing_left a; nothing_left b 35
}
refused_certificate() { # A B WHO REASON: WHO's certificate is bad in the way that EXPIRED or the like says
  local a=$1 b=$2 who=$3 reason=$4 a_cert=runner.lab b_cert=gw.lab; shift 4
  pki gw.lab=DNS:gw.lab,IP:203.0.113.10 runner.lab
  if [ "$who" = a ]; then a_cert=bad EXPIRED=yes pki bad=DNS:runner.lab; else b_cert=bad; EXPIRED=yes pki bad=DNS:gw.lab,IP:203.0.113.10; fi
  [ "$who" != a ] || a_cert=bad
  refused "$a" "$b" AUTH_FAILED "$reason" auth=cert pki="$W/pki" a:cert="$a_cert" b:cert="$b_cert" "$@"
}
refused_issuer() { # A B WHO: WHO comes with a certificate of another authority
  local a=$1 b=$2 who=$3
  pki gw.lab=DNS:gw.lab,IP:203.0.113.10 runner.lab
  "$L/peers/pki" "$W/other" gw.lab=DNS:gw.lab,IP:203.0.113.10 runner.lab
  cp "$W/pki/ca.crt" "$W/other/ca.crt.good"
  for name in gw.lab runner.lab; do [ "$who" = a ] && [ $name = gw.lab ] || [ "$who" = b ] && [ $name = runner.lab ] || cp "$W/other/$name".{crt,key} "$W/pki/"; done
  refused "$a" "$b" AUTH_FAILED 'issuer|untrusted|E1105' auth=cert pki="$W/pki" a:cert=runner.lab b:cert=gw.lab
}
other_psk=Zq8WmXc2VbN7tYpL4sKdJ9fHgR3eUaTo6iBvCxE1nQwS

for pair in 'sc strongswan culvert' 'cs culvert strongswan'; do
  read -r tag a b <<< "$pair"
  theirs=$([ $tag = sc ] && echo a || echo b)
  scenario $tag-wrong-psk "the pre-shared keys differ ($a calls)" refused "$a" "$b" AUTH_FAILED 'pre-shared|E1109|E1101' auth=psk a:psk=$other_psk
  scenario $tag-no-proposal "no IKE proposal in common ($a calls)" refused "$a" "$b" NO_PROP 'proposal' auth=psk a:ike=aes128gcm16-prfsha256-ecp256 b:ike=aes256gcm16-prfsha384-ecp384
  scenario $tag-no-esp-proposal "no ESP proposal in common ($a calls)" refused_child "$a" "$b" NO_PROP 'proposal' auth=psk a:esp=aes128gcm16 b:esp=chacha20poly1305
  scenario $tag-refused-selectors "the selectors have nothing in common ($a calls)" refused_child "$a" "$b" TS_UNACCEPT 'selector' auth=psk a:rts=10.77.0.0/24
  scenario $tag-expired "strongSwan's certificate has expired ($a calls)" refused_certificate "$a" "$b" "$theirs" 'expired|E1103'
  scenario $tag-untrusted "strongSwan's certificate is of another authority ($a calls)" refused_issuer "$a" "$b" "$theirs"
done
scenario sc-wrong-id "an identity that policy does not know" refused strongswan culvert AUTH_FAILED 'stranger\.lab|E1108' auth=psk a:lid=stranger.lab
scenario cs-wrong-id "strongSwan is not who we asked for" refused_identity

# The IKE SA comes up and only its child is refused: the caller then has no use for it.
refused_child() {
  local a=$1 b=$2 notify=$3 reason=$4 side; shift 4
  pair "$a" "$b" "$@"
  call_fails
  expect_soon 5 "strongSwan's log shows $notify" logged "$(strong)" "$notify"
  for side in a b; do
    is_culvert $side || continue
    expect_soon 5 "Culvert's log gives the reason ($reason)" logged $side "$reason"
  done
  on a down || true
  nothing_left a; nothing_left b
}
refused_identity() {
  pki gw.lab=DNS:gw.lab,IP:203.0.113.10 other.lab runner.lab
  refused culvert strongswan AUTH_FAILED 'E1112|E1102|E1101|identity' auth=cert pki="$W/pki" a:cert=runner.lab \
    b:cert=other.lab b:lid=other.lab a:rid=gw.lab
}
