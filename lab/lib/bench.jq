# .build/bench.json as a table: a metric a line, a system a column, "median (min-max)".
def columns: ["veth", "strongswan-libipsec", "wireguard-go", "culvert"];
def metrics: ["tcp1_gbps", "tcp4_gbps", "pps64", "pps1400", "ping_us_p50", "ping_us_p99",
  "loaded_ping_ms_p50", "loaded_ping_ms_p99", "setup_ms_p50", "setup_ms_p95", "setups_per_s",
  "setup_cpu_ms", "rss_per_tunnel_kib", "storm_up", "storm_ms_p50", "storm_ms_p95", "caller_cpu_ms",
  "hybrid_ms_p50", "hybrid_per_s", "hybrid_cpu_ms", "classical_ms_p50", "classical_per_s", "classical_cpu_ms"];
.results as $all
| (["metric"] + columns | @tsv),
  (metrics[] as $metric | [$all[] | select(.metric == $metric)] as $found | select($found | length > 0)
    | [$metric] + [columns[] as $system | ([$found[] | select(.system == $system)] | first) as $cell
        | if $cell == null then "-" else "\($cell.median) (\($cell.min)-\($cell.max))" end] | @tsv)
