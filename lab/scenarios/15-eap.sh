# EAP and several rounds of authentication, with strongSwan as peer and as server (RFC 7296 §2.16, RFC 5998, RFC 4739).
# sc-*: strongSwan calls Culvert. cs-*: Culvert calls strongSwan.

# by_eap A B METHOD [KEY=VALUE...]: A proves itself by EAP, B by its certificate, or by the same method where alone=yes
by_eap() {
  local a=$1 b=$2 method=$3 alone= word rest=(); shift 3
  for word in "$@"; do case $word in alone=*) alone=${word#alone=};; *) rest+=("$word");; esac; done
  EKU=serverAuth,clientAuth,1.3.6.1.5.5.7.3.17 pki gw.lab=DNS:gw.lab,IP:203.0.113.10 alice=email:alice@lab.example
  local proof=cert; [ -z "$alone" ] || proof=$method
  set -- pki="$W/pki" a:cert=alice b:cert=gw.lab a:auth="$method" a:rauth="$proof" b:auth="$proof" b:rauth="$method" "${rest[@]}"
  case $method in eap-tls) set -- "$@" user=alice@lab.example lid=alice@lab.example b:lid=gw.lab b:rid=alice@lab.example;; *) set -- "$@" lid=alice b:lid=gw.lab b:rid=%any;; esac
  pair "$a" "$b" "$@"
  call
  ping_through 10.20.0.2
  [ -z "$alone" ] || refute "strongSwan saw or made a signature of AUTH" logged "$(strong)" 'authentication of .* with (RSA|ECDSA)'
  [ -z "$alone" ] || expect "strongSwan's log shows EAP alone" logged "$(strong)" 'authentication of .* with EAP'
}
# in_rounds A B FIRST METHOD: first by certificate or pre-shared key, then by EAP
in_rounds() {
  local a=$1 b=$2 first=$3 method=$4; shift 4
  EKU=serverAuth,clientAuth,1.3.6.1.5.5.7.3.17 pki gw.lab=DNS:gw.lab,IP:203.0.113.10 runner.lab
  pair "$a" "$b" pki="$W/pki" auth="$first" a:cert=runner.lab b:cert=gw.lab a:auth2="$method" b:rauth2="$method" "$@"
  call
  expect "strongSwan's log shows another round" logged "$(strong)" 'AUTH_FOLLOW'
  ping_through 10.20.0.2
}
# refused_user A B SIDE...: a wrong password is an EAP Failure on the wire, a reason in our log, and nothing left
refused_user() {
  local a=$1 b=$2; shift 2
  pki gw.lab=DNS:gw.lab,IP:203.0.113.10
  pair "$a" "$b" pki="$W/pki" b:cert=gw.lab a:auth=mschapv2 a:rauth=cert b:auth=cert b:rauth=mschapv2 lid=alice b:lid=gw.lab b:rid=%any a:pass=wrong-password
  call_fails
  expect_soon 5 "Culvert's log gives the reason" logged "$(ours)" 'eap_'
  nothing_left a; nothing_left b 35
}

for pair in 'sc strongswan culvert' 'cs culvert strongswan'; do
  read -r tag a b <<< "$pair"
  way="$a calls $b"
  scenario $tag-eap-mschapv2 "EAP-MSCHAPv2 after EAP-Identity, the gateway by certificate: $way" by_eap "$a" "$b" mschapv2
  scenario $tag-eap-tls "EAP-TLS: $way" by_eap "$a" "$b" eap-tls
  scenario $tag-eap-ttls "EAP-TTLS with MSCHAPv2 inside: $way" by_eap "$a" "$b" ttls
  scenario $tag-eap-only "EAP-TLS alone authenticates both ends: $way" by_eap "$a" "$b" eap-tls alone=yes
  scenario $tag-rounds-cert "certificate, then EAP-MSCHAPv2: $way" in_rounds "$a" "$b" cert mschapv2
  scenario $tag-rounds-psk "pre-shared key, then EAP-MSCHAPv2: $way" in_rounds "$a" "$b" psk mschapv2
  scenario $tag-eap-password "a wrong password in EAP-MSCHAPv2: $way" refused_user "$a" "$b"
done
# strongSwan's GTC server wants PAM: it plays the client only.
scenario sc-eap-ttls-gtc "EAP-TTLS with EAP-GTC inside: strongswan calls culvert" by_eap strongswan culvert ttls b:inner=eap-gtc
