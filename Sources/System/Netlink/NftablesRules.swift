import IPsecTypes

/// What the firewall of this host does for the tunnel.
public struct NftablesRules: Hashable, Sendable {
    /// What becomes of the pool's addresses when packets leave by another interface than the tunnel's.
    public enum SourceNAT: Hashable, Sendable {
        /// The pool is routed by the networks behind.
        case off
        /// The address of the interface they leave by.
        case masquerade
        /// These addresses; at most one a family, and none for a family means masquerading.
        case addresses([IPAddress])
    }

    /// Source ports for translated TCP and UDP connections.
    ///
    /// Ports that this host serves, 500 and 4500 first of all, are not among them: a peer could otherwise take over
    /// packets meant for this host by sending from such a port (CVE-2021-3773, port shadow).
    public static let defaultSourcePorts: ClosedRange<UInt16> = 10_240...65_535

    /// The tunnel's interface.
    public var tunnel: String
    /// The addresses of the peers inside the tunnel.
    public var pools: [IPPrefix]
    /// Source NAT.
    public var sourceNAT: SourceNAT
    /// Source ports for translated connections.
    public var sourcePorts: ClosedRange<UInt16>
    /// Interfaces whose forwarding was switched on for the tunnel alone: what comes in there is forwarded into the tunnel
    /// only.
    public var closedInterfaces: [String]

    /// Makes rules.
    public init(
        tunnel: String,
        pools: [IPPrefix],
        sourceNAT: SourceNAT = .masquerade,
        sourcePorts: ClosedRange<UInt16> = Self.defaultSourcePorts,
        closedInterfaces: [String] = []
    ) {
        self.tunnel = tunnel
        self.pools = pools
        self.sourceNAT = sourceNAT
        self.sourcePorts = sourcePorts
        self.closedInterfaces = closedInterfaces
    }

    /// A chain that hangs on a hook of the kernel.
    struct Chain {
        var name: String
        var type: String
        var hook: UInt32
        var priority: Int32
        var rules: [[NftablesExpression]]
    }

    var chains: [Chain] {
        [
            // Before connection tracking: a spoofed source leaves no state.
            Chain(name: "spoofed", type: "filter", hook: 0, priority: -300, rules: spoofedRules),
            Chain(name: "forward", type: "filter", hook: 2, priority: 0, rules: forwardRules),
            Chain(name: "translate", type: "nat", hook: 4, priority: 100, rules: translationRules),
        ]
    }

    private typealias Rule = [NftablesExpression]

    /// Pool addresses come out of the tunnel (and from this host itself), from nowhere else.
    private var spoofedRules: [[NftablesExpression]] {
        pools.map { pool in
            var rule: Rule = .input(tunnel, isEqual: false)
            rule += Rule.input("lo", isEqual: false)
            rule += Rule.inside(.source, pool)
            return rule + [.counter, .drop]
        }
    }

    /// What is for the pool goes into the tunnel or nowhere; closed interfaces reach nothing else.
    private var forwardRules: [[NftablesExpression]] {
        var rules: [Rule] = []
        for pool in pools {
            var leak: Rule = .output(tunnel, isEqual: false)
            leak += Rule.inside(.destination, pool)
            rules.append(leak + [.counter, .drop])
        }
        for name in closedInterfaces {
            var stranger: Rule = .input(name, isEqual: true)
            stranger += Rule.output(tunnel, isEqual: false)
            rules.append(stranger + [.counter, .drop])
        }
        return rules
    }

    private var translationRules: [[NftablesExpression]] {
        guard sourceNAT != .off else { return [] }
        var rules: [Rule] = []
        for pool in pools {
            var leaving: Rule = .output(tunnel, isEqual: false)
            leaving += Rule.inside(.source, pool)
            let family = pool.address.family
            for transport in [UInt8(6), 17] {
                rules.append(leaving + Rule.transport(transport) + translation(family, withPorts: true))
            }
            // What is neither TCP nor UDP: by address alone.
            rules.append(leaving + translation(family, withPorts: false))
        }
        return rules
    }

    private func translation(_ family: IPAddress.Family, withPorts: Bool) -> Rule {
        var result: Rule = [.counter]
        if withPorts {
            for (register, port) in [(UInt32(2), sourcePorts.lowerBound), (3, sourcePorts.upperBound)] {
                result.append(.load([UInt8(port >> 8), UInt8(port & 0xff)], register: register))
            }
        }
        if case .addresses(let addresses) = sourceNAT, let address = addresses.first(where: { $0.family == family }) {
            return result + [.load(address.bytes, register: 1), .sourceNAT(family, withPorts: withPorts)]
        }
        return result + [.masquerade(withPorts: withPorts)]
    }
}
