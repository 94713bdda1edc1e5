# Addresses given and taken, name servers, and what narrowing leaves of the selectors.

# --- virtual addresses and DNS
sc_addresses() {
  pair strongswan culvert auth=psk a:vips=0.0.0.0,:: b:pool=10.99.0.0/24,fd99::/112 b:dns=10.20.0.53,fd20::53 \
    a:rts=10.20.0.0/24,fd20::/64 b:lts=10.20.0.0/24,fd20::/64
  call
  expect "an IPv4 address from the pool" sh -c "ip -n $P-runner addr show | grep -q 'inet 10.99.0.'"
  expect "an IPv6 address from the pool" sh -c "ip -n $P-runner addr show | grep -q 'inet6 fd99::'"
  expect "name servers of both families" eval 'grep -q "nameserver 10.20.0.53" "$W/a/resolv.conf" && grep -q "nameserver fd20::53" "$W/a/resolv.conf"'
  ping_through 10.20.0.2
  ping_through fd20::2
}
cs_addresses() {
  pair culvert strongswan auth=psk a:vips=0.0.0.0,:: b:pool=10.99.0.0/24,fd99::/112 b:dns=10.20.0.53,fd20::53 \
    a:rts=10.20.0.0/24,fd20::/64 b:lts=10.20.0.0/24,fd20::/64
  call
  expect "an IPv4 address from the pool" sh -c "ip -n $P-runner addr show | grep -q 'inet 10.99.0.'"
  expect "an IPv6 address from the pool" sh -c "ip -n $P-runner addr show | grep -q 'inet6 fd99::'"
  is_culvert a && expect "status names the name server" fact_has a dns '10\.20\.0\.53'
  ping_through 10.20.0.2
  ping_through fd20::2
  on a down
  expect_soon 5 "the addresses are gone again" eval '! ip -n $P-runner addr show | grep -qE "10\.99\.0\.|fd99::"'
}
scenario sc-addresses "virtual IPv4 and IPv6 addresses and DNS given to strongSwan" sc_addresses
scenario cs-addresses "virtual IPv4 and IPv6 addresses and DNS taken from strongSwan" cs_addresses

# --- narrowing: the caller asks for more than the answerer grants
narrowing() { # A B
  pair "$1" "$2" auth=psk a:rts=10.20.0.0/16 b:lts=10.20.0.0/28
  call
  expect "the selectors are narrowed to 10.20.0.0/28" fact_is "$(strong)" "$([ "$(strong)" = a ] && echo rts || echo lts)" 10.20.0.0/28
  ping_through 10.20.0.2
}
narrowing_ports() { # A B
  pair "$1" "$2" auth=psk a:rts=10.20.0.0/24 b:lts='10.20.0.0/24[tcp/5000-5009],10.20.0.0/24[icmp]'
  call
  local field; field=$([ "$(strong)" = a ] && echo rts || echo lts)
  expect "the selectors carry the ports" fact_has "$(strong)" $field '10\.20\.0\.0/24\[tcp/5000-5009\]'
  expect "the selectors carry the protocol" fact_has "$(strong)" $field '10\.20\.0\.0/24\[icmp\]'
  within registry socat TCP-LISTEN:5001,fork,reuseaddr SYSTEM:'echo granted' &
  within registry socat TCP-LISTEN:6001,fork,reuseaddr SYSTEM:'echo leaked' &
  expect_soon 5 "a granted port answers" sh -c "ip netns exec $P-runner timeout 2 socat -t 1 - TCP:10.20.0.2:5001,connect-timeout=1 </dev/null | grep -q granted"
  refute "another port answers" sh -c "ip netns exec $P-runner timeout 3 socat -t 1 - TCP:10.20.0.2:6001,connect-timeout=2 </dev/null | grep -q leaked"
}
scenario sc-narrowing "strongSwan asks for 10.20.0.0/16 and gets 10.20.0.0/28" narrowing strongswan culvert
scenario cs-narrowing "Culvert asks for 10.20.0.0/16 and gets 10.20.0.0/28" narrowing culvert strongswan
scenario sc-narrowing-ports "strongSwan is granted one protocol and a port range, nothing beside" narrowing_ports strongswan culvert
