import AdminAPI
import IPsecTypes

/// Status in lines for people. Whatever a peer chose is escaped.
struct StatusText {
    let style: TextStyle

    init(_ style: TextStyle) { self.style = style }

    // MARK: Agent

    func agent(_ status: AgentStatus) -> [String] {
        var lines = [
            style.bold("agent \(status.name.printable)")
                + "  \(status.version.printable), pid \(status.processID), up \(Amounts.duration(status.uptimeSeconds)), "
                + "\(status.interface.printable) (\(status.dataplane.printable))"
        ]
        lines += offloads(status.offloads)
        lines += status.tunnels.flatMap(agentTunnel)
        if status.tunnels.isEmpty { lines.append(style.dim("no tunnel")) }
        return lines + drops(status.counters)
    }

    func agentTunnel(_ tunnel: AgentTunnelStatus) -> [String] {
        var lines = ["\(style.bold(tunnel.name.printable))  \(state(tunnel.state))  \(tunnel.gateway.printable)"]
        if let inner = tunnel.tunnel { lines += details(inner) }
        if !tunnel.routes.isEmpty { lines.append(field("routes", tunnel.routes.joined(separator: ", "))) }
        if let milliseconds = tunnel.setupMilliseconds, tunnel.state == .up {
            lines.append(field("set up", "in \(Amounts.milliseconds(milliseconds))"))
        }
        if let error = tunnel.lastError, tunnel.state != .up { lines += failure(error) }
        if let seconds = tunnel.retrySeconds { lines.append(field("next try", "in \(Amounts.duration(seconds))")) }
        return lines
    }

    private func state(_ state: AgentTunnelStatus.State) -> String {
        switch state {
        case .up: style.good(state.rawValue)
        case .connecting, .waiting: style.uncertain(state.rawValue)
        case .failed, .down: style.bad(state.rawValue)
        }
    }

    // MARK: Gateway

    func gateway(_ status: GatewayStatus) -> [String] {
        var lines = [
            style.bold("gateway \(status.name.printable)")
                + "  \(status.version.printable), pid \(status.processID), up \(Amounts.duration(status.uptimeSeconds)), "
                + "\(status.interface.printable) (\(status.dataplane.printable))",
            field("listens", status.listening.joined(separator: ", ")),
            field(
                "pools",
                status.pools.map { "\($0.prefix) (\($0.leased) leased)" }.joined(separator: ", ")
                    + (status.sourceNAT ? ", source NAT" : ", no source NAT")
            ),
        ]
        lines += offloads(status.offloads)
        lines += [
            field("policy", "\(status.policy.file), \(Amounts.count(status.policy.rules.count, "rule"))")
        ]
        if let target = status.drainingTo {
            lines.insert(field("draining", "clients are sent to \(target.printable)"), at: 1)
        }
        for rule in status.policy.rules {
            lines.append(
                field(
                    "rule",
                    "\(rule.name) (line \(rule.line)): \(rule.packets) packets, \(Amounts.bytes(rule.bytes))"
                )
            )
        }
        if status.halfOpen > 0 { lines.append(field("half-open", "\(status.halfOpen)")) }
        for tunnel in status.tunnels {
            let phase = tunnel.phase == "established" ? style.good("up") : style.uncertain(tunnel.phase.printable)
            lines.append("\(style.bold(tunnel.remoteIdentity.printable))  \(phase)  \(tunnel.connection.printable)")
            if !tunnel.session.isEmpty { lines.append(field("session", tunnel.session)) }
            lines += details(tunnel)
        }
        if status.tunnels.isEmpty { lines.append(style.dim("no tunnel")) }
        for failed in status.failures.prefix(5) {
            lines.append("\(style.bad("failed"))  \(failed.peer.printable)")
            lines += failure(failed.error)
        }
        return lines + drops(status.counters)
    }

    // MARK: Parts

    private func details(_ tunnel: TunnelStatus) -> [String] {
        var age = tunnel.id
        if let seconds = tunnel.establishedSeconds { age += ", established for \(Amounts.duration(seconds))" }
        if let seconds = tunnel.rekeySeconds { age += ", new keys in \(Amounts.duration(seconds))" }
        if tunnel.rekeyings > 0 { age += ", rekeyed \(tunnel.rekeyings) times" }
        var lines = [
            field("peer", "\(tunnel.remote) \(tunnel.transport)\(tunnel.nat ? ", NAT on the way" : "")"),
            field("ike", age),
        ]
        if let mobility = tunnel.mobility { lines += moves(mobility) }
        if let returning = tunnel.returning { lines.append(field("returns", returns(returning))) }
        if !tunnel.suite.isEmpty { lines.append(field("suite", tunnel.suite)) }
        let peer = tunnel.remoteIdentity.isEmpty ? "" : " with \(tunnel.remoteIdentity)"
        lines.append(field("identity", tunnel.localIdentity + peer))
        let proved = tunnel.peer.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
        if !proved.isEmpty { lines.append(field("proved", proved.joined(separator: ", "))) }
        if !tunnel.addresses.isEmpty { lines.append(field("address", tunnel.addresses.joined(separator: ", "))) }
        if !tunnel.dnsServers.isEmpty { lines.append(field("dns", tunnel.dnsServers.joined(separator: ", "))) }
        return lines + tunnel.children.flatMap(child)
    }

    private func returns(_ returning: ReturnStatus) -> String {
        var text = "by a full exchange"
        if returning.resumable {
            text = "by ticket"
            if let end = returning.ticketExpires {
                text += " until \(WallTime(secondsSinceEpoch: end).rfc3339)"
            }
        }
        if let seconds = returning.reauthenticateSeconds {
            text += ", proves itself again in \(Amounts.duration(max(0, seconds)))"
        }
        return text
    }

    private func moves(_ mobility: MobilityStatus) -> [String] {
        var text = mobility.supported ? "MOBIKE" : "not by MOBIKE"
        let others = mobility.peerAddresses.joined(separator: ", ")
        if !others.isEmpty { text += ", peer also at \(others)" }
        if let proven = mobility.provenRemote { text += ", new address not proved yet: ESP goes to \(proven)" }
        return [field("moves", text)]
    }

    private func child(_ child: ChildStatus) -> [String] {
        let counters = child.counters
        var lines = [
            field(
                "child",
                "\(child.suite), \(child.mode == "transport" ? "transport mode, " : "")"
                    + "\(child.udpEncapsulation ? "in UDP" : "raw ESP"), SPI \(child.inboundSPI) in, "
                    + "\(child.outboundSPI) out" + (child.phase == "installed" ? "" : ", \(child.phase)")
                    + (child.rekeySeconds.map { ", new keys in \(Amounts.duration($0))" } ?? "")
            ),
            field(
                "",
                "\(child.localSelectors.joined(separator: ", ")) <-> \(child.remoteSelectors.joined(separator: ", "))"
            ),
            field(
                "",
                "in \(counters.inboundPackets) packets \(Amounts.bytes(counters.inboundBytes)), "
                    + "out \(counters.outboundPackets) packets \(Amounts.bytes(counters.outboundBytes))"
            ),
        ]
        let dropped = [
            (counters.replayDrops, "replayed"), (counters.integrityDrops, "forged or damaged"),
            (counters.policyDrops, "not granted"), (counters.otherDrops, "otherwise"),
        ].filter { $0.0 > 0 }
        if !dropped.isEmpty {
            lines.append(field("dropped", dropped.map { "\($0.0) \($0.1)" }.joined(separator: ", ")))
        }
        if !child.rules.isEmpty { lines.append(field("rules", child.rules.joined(separator: ", "))) }
        return lines
    }

    private func failure(_ error: CulvertError) -> [String] {
        error.rendered.split(separator: "\n").map { "  \($0)" }
    }

    private func offloads(_ offloads: [String: String]?) -> [String] {
        guard let offloads, !offloads.isEmpty else { return [] }
        let sorted = offloads.sorted { $0.key < $1.key }
        let used = sorted.filter { $0.value == "on" }.map(\.key)
        let others = sorted.filter { $0.value != "on" }.map { "\($0.key): \($0.value)" }
        return [
            field("offloads", ((used.isEmpty ? [] : [used.joined(separator: ", ")]) + others).joined(separator: "; "))
        ]
    }

    private func drops(_ counters: [String: UInt64]) -> [String] {
        let dropped = counters.filter { $0.key.hasPrefix("drop") && $0.value > 0 }.sorted { $0.key < $1.key }
        guard !dropped.isEmpty else { return [] }
        return [field("drops", dropped.map { "\($0.key.dropFirst(5)) \($0.value)" }.joined(separator: ", "))]
    }

    private func field(_ label: String, _ text: String) -> String {
        "  \(style.dim(label.padded(to: 9)))  \(text.printable)"
    }
}
