# Networks that make it hard: NAT, loss, small MTU, fragments that vanish.

fragments() { # A B: certificates too large for one packet, over a link of 1280, with IP fragments dropped
  net up
  CHAIN=4 PAD=60 pki gw.lab=DNS:gw.lab,IP:203.0.113.10 runner.lab
  net mtu 1280
  net block frag
  pair "$1" "$2" auth=cert pki="$W/pki" a:cert=runner.lab b:cert=gw.lab
  call
  expect "IKE fragments were used" eval 'logged "$(strong)" "splitting IKE message|EF\(1/|received fragment"'
  ping_through
}
lossy() { # A B: every fifth packet is lost while setting up
  net up
  # Each fifth packet, whichever way: as many as 20 % at random, and the same in every run.
  net loss every 5
  pair "$1" "$2" auth=psk
  call
  net loss 0
  ping_through
}
keepalive() { # the mapping of a NAT in front of us stays open
  pair culvert strongswan auth=psk a:keepalive=5 a:dpd=60
  call
  within nat timeout 15 tcpdump -lnni out -c 2 'udp port 4500 and udp[4:2] = 9' > "$W/keepalive.out" 2>&1 || fail "no keepalive in 15 s"
  say "ok: keepalives pass the NAT"
  ping_through
}
big() { # A B: a packet larger than the path, and one as large as the tunnel takes
  pair "$1" "$2" auth=psk
  call
  within runner ping -q -c 3 -i 0.2 -W 2 -s 1200 10.20.0.2 > "$W/ping.out" || fail "1200 bytes do not pass"
  within runner ping -q -c 3 -i 0.2 -W 2 -s 4000 10.20.0.2 > "$W/ping.out" || fail "4000 bytes in fragments do not pass"
  say "ok: 1200 and 4000 bytes pass"
}

for pair in 'sc strongswan culvert' 'cs culvert strongswan'; do
  read -r tag a b <<< "$pair"
  scenario $tag-fragments "a chain of five certificates over MTU 1280 with IP fragments blocked ($a calls)" fragments "$a" "$b"
  scenario $tag-loss "set-up with 20 % loss ($a calls)" lossy "$a" "$b"
  scenario $tag-big "payloads of 1200 and 4000 bytes ($a calls)" big "$a" "$b"
done
scenario cs-keepalive "keepalives hold the NAT's mapping open" keepalive
