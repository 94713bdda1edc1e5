import AuditLog
import IKEv2
import IPsecTypes
import Logging
import Runtime

/// What happens when the host's addresses or routes change (RFC 4555).
extension AgentController {
    /// The host's addresses, links or routes have changed: every tunnel hears what it can be reached from now.
    func networkChanged(_ shard: ShardCore) {
        let usable = interface.localAddresses()
        for name in tunnels.keys.sorted() {
            guard let tunnel = tunnels[name] else { continue }
            switch tunnel.phase {
            case .up(let id):
                guard let status = shard.status(id) else { continue }
                let routed = gatewayAddresses(tunnel, status).compactMap { remote -> AddressPair? in
                    source(towards: remote, among: usable).map { AddressPair(local: $0, remote: remote) }
                }
                shard.perform(.localAddressesChanged(id, LocalAddresses(usable: usable, routed: routed)))
            case .connecting(let id, _, let remote):
                // Nobody knows the peer yet: from another address it is begun again.
                guard let status = shard.status(id), status.phase == .connecting,
                    let source = source(towards: status.path.remote.address, among: usable),
                    source != status.path.local.address
                else { continue }
                shard.perform(.close(id, .requested))
                connect(name, remote: remote, shard)
            case .waiting, .failed, .closing: continue
            }
        }
    }

    /// A connection that tells the gateway where else we can be reached.
    func withAddresses(_ configuration: ConnectionConfiguration) -> ConnectionConfiguration {
        var configuration = configuration
        configuration.mobility.localAddresses = interface.localAddresses()
        return configuration
    }

    /// A source that leads into our own tunnel is none.
    private func source(towards remote: IPAddress, among usable: [IPAddress]) -> IPAddress? {
        interface.source(towards: remote).flatMap { usable.contains($0) ? $0 : nil }
    }

    /// All addresses of the gateway that are known: the one in use first, then what it told, then what its name has.
    func gatewayAddresses(_ tunnel: AgentTunnel, _ status: IKESAStatus) -> [IPAddress] {
        let all =
            [status.path.remote.address] + status.additionalAddresses + tunnel.connection.remotes.map(\.address)
        return all.reduce(into: []) { list, next in
            if !list.contains(next) { list.append(next) }
        }
    }

    func moves(_ id: IKESAID, _ old: Path, _ new: Path, _ cause: PathChange) {
        guard let name = name(of: id) else { return }
        audit(.sessionMoved, name, new, nil, cause.rawValue)
        parts.logger.info(
            "tunnel moved",
            metadata: ["tunnel": "\(name)", "from": "\(old)", "to": "\(new)", "cause": "\(cause.rawValue)"]
        )
    }
}
