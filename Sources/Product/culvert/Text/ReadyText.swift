import AdminAPI
import IPsecTypes

/// What `culvert up` prints when a tunnel stands, as product.md shows it.
enum ReadyText {
    /// More selectors than this are counted, not listed.
    static let listed = 6

    static func lines(_ tunnel: AgentTunnelStatus, totalMilliseconds: Double, _ style: TextStyle) -> [String] {
        var report = Report(style)
        var gateway = tunnel.gateway
        if let inner = tunnel.tunnel {
            report.say("identity", "\(tunnel.name)  \(inner.localIdentity)")
            gateway += "  \(inner.remote) \(inner.transport)\(inner.nat ? " through NAT" : "")  \(inner.suite)"
        }
        if let milliseconds = tunnel.setupMilliseconds { gateway += "  \(Amounts.milliseconds(milliseconds))" }
        report.say("gateway", gateway)
        let granted = tunnel.tunnel?.children.flatMap(\.remoteSelectors) ?? []
        let more = granted.count > listed ? " and \(granted.count - listed) more" : ""
        let reach = granted.isEmpty ? "nothing" : granted.prefix(listed).joined(separator: ", ") + more
        report.say("policy", "-> \(reach)")
        let addresses = tunnel.tunnel?.addresses ?? []
        var ready = addresses.isEmpty ? "no address of its own" : addresses.joined(separator: ", ")
        if let servers = tunnel.tunnel?.dnsServers, !servers.isEmpty {
            ready += "  dns \(servers.joined(separator: ", "))"
        }
        report.say("ready", "\(ready)  total \(Amounts.milliseconds(totalMilliseconds))")
        return report.lines
    }
}
