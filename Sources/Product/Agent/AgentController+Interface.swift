import IKEv2
import IPsecTypes
import Netlink
import Runtime

/// What a tunnel puts on the interface, and takes from it.
extension AgentController {
    func configureInterface(_ tunnel: inout AgentTunnel, _ status: IKESAStatus) throws(CulvertError) {
        if tunnel.connection.mode == .transport {
            return try protect(&tunnel, carried(status, with: tunnel.connection))
        }
        for address in status.addresses {
            guard let refusal = PushedSettings.refusal(address) else { continue }
            throw CulvertError(.routeConflict, "the gateway gave us an address that is refused: \(refusal)")
        }
        do throws(IOFailure) {
            for address in status.addresses where !tunnel.addresses.contains(address) {
                try interface.add(address)
                tunnel.addresses.append(address)
            }
        } catch {
            throw error.culvertError(.kernelRefused)
        }
        guard parts.addsRoutes else { return }
        let gateways = gatewayAddresses(tunnel, status)
        let ranges = status.children.flatMap(\.remoteSelectors).map(\.addresses)
        guard tunnel.connection.wantsEverything || !PushedSettings.isEverything(Set(ranges.flatMap(\.prefixes))) else {
            throw CulvertError(
                .routeConflict,
                "the gateway grants all addresses, which would lead all traffic of this host to it",
                next: "if that is wanted, write remote: [0.0.0.0/0, \"::/0\"] to the connection"
            )
        }
        let prefixes = Set(ranges.flatMap { PushedSettings.routes(to: $0, gateways: gateways) })
        for prefix in prefixes.sorted(by: { $0.description < $1.description }) where !tunnel.routes.contains(prefix) {
            let source = tunnel.addresses.first { $0.family == prefix.address.family }
            // Without an address of that family nothing could be sent there.
            if source == nil, !tunnel.addresses.isEmpty { continue }
            if let overlap = interface.conflict(prefix) {
                throw CulvertError(
                    .routeConflict,
                    "the granted network \(prefix) lies in this host's network \(overlap.network)",
                    details: [("interface", overlap.interface)]
                )
            }
            do throws(IOFailure) {
                try interface.addRoute(prefix, from: source)
                tunnel.routes.append(prefix)
            } catch {
                throw error.culvertError(.kernelRefused)
            }
        }
    }

    /// The same for a tunnel that has addresses and routes already: what both have stays untouched, so that nothing that
    /// uses it notices.
    func moveInterface(_ tunnel: inout AgentTunnel, _ status: IKESAStatus) throws(CulvertError) {
        let gateways = gatewayAddresses(tunnel, status)
        let ranges = status.children.flatMap(\.remoteSelectors).map(\.addresses)
        let wanted = Set(ranges.flatMap { PushedSettings.routes(to: $0, gateways: gateways) })
        let isMoved = tunnel.addresses.contains { !status.addresses.contains($0) }
        // A route names its source address.
        for prefix in tunnel.routes where isMoved || !wanted.contains(prefix) { interface.removeRoute(prefix) }
        tunnel.routes.removeAll { isMoved || !wanted.contains($0) }
        for address in tunnel.addresses where !status.addresses.contains(address) { interface.remove(address) }
        tunnel.addresses.removeAll { !status.addresses.contains($0) }
        try configureInterface(&tunnel, status)
    }

    func clearInterface(_ name: String) {
        guard let tunnel = tunnels[name] else { return }
        for prefix in tunnel.routes { interface.removeRoute(prefix) }
        for address in tunnel.addresses { interface.remove(address) }
        tunnels[name]?.routes = []
        tunnels[name]?.addresses = []
        // What is led into the tunnel stays there, where nothing carries it now.
        guard !tunnel.connection.blocksWhenDown || isClosing(tunnel) else { return }
        releaseFlows(name)
    }
}
