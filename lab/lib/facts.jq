# What `culvert status --json` says of a gateway or an agent, as the NAME=VALUE lines of peers/strongswan facts.
def tunnels: [(.tunnels // [])[] | if has("tunnel") then .tunnel // empty else . end];
def children: [tunnels[].children[]? | select(.phase == "installed" or .phase == "rekeying")];
def total(path): [children[].counters | path // 0] | add // 0;
(tunnels | last) as $ike | (children | last) as $child |
"ike=\($ike.phase // "")",
"ike_suite=\($ike.suite // "")",
"child=\($child.phase // "")",
"esp_suite=\($child.suite // "")",
"in_packets=\(total(.packetsIn // .inboundPackets))",
"out_packets=\(total(.packetsOut // .outboundPackets))",
"mode=\($child.mode // "")",
"lts=\(($child.localSelectors // []) | join(" "))",
"rts=\(($child.remoteSelectors // []) | join(" "))",
"vip=\(($ike.addresses // []) | join(" "))",
"dns=\(($ike.dnsServers // []) | join(" "))",
"ike_count=\([tunnels[] | select(.phase == "established")] | length)",
"half_open=\(.halfOpen // 0)",
"child_count=\(children | length)",
"spi_in=\($child.inboundSPI // "")",
"spi_out=\($child.outboundSPI // "")",
"mobike=\($ike.mobility.supported // false)",
"remote=\($ike.remote // "")",
"local=\($ike.local // "")",
"peer_addresses=\(($ike.mobility.peerAddresses // []) | join(" "))",
"session=\($ike.session // "")",
"ike_spi=\($ike.initiatorSPI // "") \($ike.responderSPI // "")",
"failures=\([.. | objects | .code? | strings] | unique | join(" "))",
"rekeyings=\($ike.rekeyings // 0)",
"unknown_spi=\([(.counters // {}) | to_entries[] | select(.key | test("unknown.?spi"; "i")) | .value] | add // 0)"
