# Set-up with every way of proving and every algorithm that we offer, over IPv4 and IPv6: a covering set.
# sc-*: strongSwan calls Culvert. cs-*: Culvert calls strongSwan.

handshake() { # A B IKE-SUITE-PATTERN ESP-SUITE-PATTERN TARGET KEYS...
  local a=$1 b=$2 ike=$3 esp=$4 target=$5; shift 5
  pair "$a" "$b" "$@"
  call
  expect "IKE suite $ike" fact_has "$(strong)" ike_suite "$ike"
  expect "ESP suite $esp" fact_has "$(strong)" esp_suite "$esp"
  ping_through "$target"
}
with_keys() { # KEYTYPE then as handshake
  export KEYTYPE=$1; shift
  pki gw.lab=DNS:gw.lab,IP:203.0.113.10 runner.lab
  handshake "$@" auth=cert pki="$W/pki" a:cert=runner.lab b:cert=gw.lab
}

gcm='ike=aes256gcm16-prfsha384-curve25519 esp=aes256gcm16'
gcm384='ike=aes256gcm16-prfsha384-ecp384 esp=aes256gcm16-ecp384'
chacha='ike=chacha20poly1305-prfsha256-curve25519 esp=chacha20poly1305'
cbc='ike=aes256-sha256-modp4096 esp=aes256-sha256'
cbc512='ike=aes256-sha512-ecp521 esp=aes128-sha512'
gcm128='ike=aes128gcm16-prfsha256-ecp256 esp=aes128gcm16'
v6=a:remote=2001:db8:113::10
in6='a:rts=fd20::/64 b:lts=fd20::/64 a:vips=:: b:pool=fd99::/112'

for pair in 'sc strongswan culvert' 'cs culvert strongswan'; do
  read -r tag a b <<< "$pair"
  way="$a calls $b"
  # shellcheck disable=SC2086
  {
    scenario $tag-psk-gcm "PSK, AES-GCM, X25519, IPv4 behind NAT: $way" handshake $a $b AES_GCM_16-256.*SHA2_384.*25519 AES_GCM_16-256 10.20.0.2 $gcm
    scenario $tag-psk-cbc-v6 "PSK, AES-CBC, MODP 4096, over IPv6: $way" handshake $a $b AES_CBC.*SHA2_256.*MODP_4096 AES_CBC-256/HMAC_SHA2_256 10.20.0.2 $cbc $v6
    scenario $tag-ecdsa-chacha "ECDSA P-256, ChaCha20-Poly1305, X25519: $way" with_keys ec $a $b CHACHA20_POLY1305.*25519 CHACHA20_POLY1305 10.20.0.2 $chacha
    scenario $tag-ecdsa384-6in4 "ECDSA P-384, AES-GCM, ECP 384, IPv6 inside IPv4: $way" with_keys ec384 $a $b AES_GCM_16-256.*ECP_384 AES_GCM_16-256 fd20::2 $gcm384 $in6
    scenario $tag-rsa-4in6 "RSA-PSS, AES-GCM-128, ECP 256, IPv4 inside IPv6: $way" with_keys rsa $a $b AES_GCM_16-128.*ECP_256 AES_GCM_16-128 10.20.0.2 $gcm128 $v6
    scenario $tag-ed25519-6in6 "Ed25519, AES-CBC with SHA-512, ECP 521, IPv6 inside IPv6: $way" with_keys ed25519 $a $b AES_CBC.*SHA2_512.*ECP_521 AES_CBC-128/HMAC_SHA2_512 fd20::2 $cbc512 $v6 $in6
    scenario $tag-no-nat "no NAT on the way: $way" handshake $a $b AES_GCM AES_GCM 10.20.0.2 $gcm from=alt
  }
done
