import ConfigFile
import IPsecTypes
import Logging
import Netlink
import Runtime

/// What the gateway changes on its host: addresses and routes on the TUN, source NAT, forwarding. All of it dies with the
/// process or is in the journal, which a guardian undoes when we are killed (decisions: clean-up after SIGKILL).
final class HostNetwork {
    let interface: TunnelInterface
    private let journal: CleanupJournal
    private var guardian: Guardian?
    private var table: NftablesTable?
    private let logger: Logger

    /// Undoes what a killed predecessor left, then prepares the interface.
    init(
        _ configuration: GatewayConfiguration,
        interfaceName: String,
        gatewayAddresses: [IPAddress],
        ports: [UInt16],
        logger: Logger
    ) throws(CulvertError) {
        self.logger = logger
        do throws(IOFailure) {
            let journal = try CleanupJournal(path: "\(configuration.files.state)/cleanup.journal")
            self.journal = journal
            for outcome in try journal.undoAll() {
                logger.notice(
                    "took back what a killed gateway left",
                    metadata: ["step": "\(outcome.step)", "failure": "\(outcome.failure?.description ?? "none")"]
                )
            }
            interface = try TunnelInterface(
                name: interfaceName,
                mtu: configuration.network.mtu,
                transport: TunnelInterface.Transport(ports: ports) { journal }
            )
        } catch {
            throw error.culvertError()
        }
        for pool in configuration.pools {
            if let overlap = interface.overlaps(pool).first {
                throw CulvertError(
                    .poolConflict,
                    "the pool \(pool) overlaps this host's network \(overlap.network) on \(overlap.interface)",
                    next: "set network.pools in gateway.yaml to networks that are free here"
                )
            }
            do throws(IOFailure) {
                try interface.addRoute(pool, from: nil)
            } catch {
                throw error.culvertError()
            }
        }
        for address in gatewayAddresses { try? interface.add(address) }
        do throws(IOFailure) {
            guardian = try Guardian(journalPath: journal.path)
        } catch {
            logger.warning(
                "no guardian runs; what SIGKILL leaves is undone at the next start",
                metadata: ["error": "\(error)"]
            )
        }
        do throws(CulvertError) {
            try forward(configuration)
        } catch {
            tearDown()
            throw error
        }
    }

    /// Forwarding by interface and source NAT. A host that forbids it still serves what it can and says what is missing.
    private func forward(_ configuration: GatewayConfiguration) throws(CulvertError) {
        let families = Set(configuration.pools.map(\.address.family)).sorted { $0.rawValue < $1.rawValue }
        var closed: [String] = []
        var names = [interface.name]
        if let networks = try? LocalNetworks(RouteNetlink()) {
            names += networks.interfaces.map(\.link).filter { $0.isUp && !$0.isLoopback && $0.name != interface.name }
                .map(\.name)
        }
        for family in families {
            for name in names {
                do throws(IOFailure) {
                    let wasOff = try Forwarding.enable(name, family: family, journal: journal)
                    if wasOff, name != interface.name, !closed.contains(name) { closed.append(name) }
                } catch {
                    logger.warning("\(CulvertError(.forwardingUnavailable, error.description).message)")
                }
            }
        }
        let rules = NftablesRules(
            tunnel: interface.name,
            pools: configuration.pools,
            sourceNAT: configuration.network.snat ? .masquerade : .off,
            closedInterfaces: closed
        )
        do throws(IOFailure) {
            table = try NftablesTable(name: "culvert-\(interface.name)", rules: rules, journal: journal)
        } catch {
            // Without the table pool addresses could leak out untranslated: that is refused, not shrugged off.
            throw CulvertError(.firewallUnavailable, error.description)
        }
        logger.notice(
            "source NAT is \(configuration.network.snat ? "on" : "off")",
            metadata: ["pools": "\(configuration.pools.map(\.description).joined(separator: " "))"]
        )
    }

    /// Takes everything back in order.
    func tearDown() {
        try? table?.remove()
        table = nil
        _ = try? journal.undoAll()
        guardian?.dismiss()
        guardian = nil
    }
}
