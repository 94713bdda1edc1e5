import IPsecTypes

/// Traffic selectors of a Child SA (RFC 7296 §2.9).
enum Narrowing {
    /// The responder's answer: what the initiator wants and we allow, on both sides; nil when a side shares nothing.
    ///
    /// The initiator's first selector may be that of the packet that triggered the request. Since every intersection is
    /// kept, in the initiator's order, the answer covers that packet whenever we allow it.
    static func narrow(
        wantedLocal: [TrafficSelector],
        wantedRemote: [TrafficSelector],
        allowedLocal: [TrafficSelector],
        allowedRemote: [TrafficSelector],
        limit: Int
    ) -> (local: [TrafficSelector], remote: [TrafficSelector])? {
        let local = wantedLocal.narrowed(to: allowedLocal, limit: limit)
        let remote = wantedRemote.narrowed(to: allowedRemote, limit: limit)
        return local.isEmpty || remote.isEmpty ? nil : (local, remote)
    }

    /// The initiator's check: the responder may narrow, never widen.
    static func isNarrowed(_ answer: [TrafficSelector], from wanted: [TrafficSelector]) -> Bool {
        !answer.isEmpty && answer.allSatisfy { granted in wanted.contains { $0.contains(granted) } }
    }

    /// A peer's side with its address in the place of the unspecified one.
    ///
    /// OpenIKED writes 0.0.0.0 or :: where it means the address that it gets from us: at set-up, where RFC 7296 §2.19 has it
    /// ask for the whole range, and when either side rekeys. Only addresses that `allowed` names alone come in, so nothing
    /// is widened.
    static func named(_ wanted: [TrafficSelector], within allowed: [TrafficSelector]) -> [TrafficSelector] {
        wanted.flatMap { selector -> [TrafficSelector] in
            let range = selector.addresses
            guard range.first == range.last, [.v4(0), .v6(0, 0)].contains(range.first) else { return [selector] }
            let hosts = allowed.map(\.addresses).filter { host in
                host.first == host.last && host.first.family == range.first.family
            }
            return hosts.isEmpty
                ? [selector]
                : hosts.map { TrafficSelector(ipProtocol: selector.ipProtocol, ports: selector.ports, addresses: $0) }
        }
    }

    /// Selectors for exactly these addresses.
    static func hosts(_ addresses: [IPAddress]) -> [TrafficSelector] {
        addresses.map { TrafficSelector(addresses: IPRange($0)) }
    }
}
