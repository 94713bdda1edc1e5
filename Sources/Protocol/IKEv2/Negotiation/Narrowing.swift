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

    /// Selectors for exactly these addresses.
    static func hosts(_ addresses: [IPAddress]) -> [TrafficSelector] {
        addresses.map { TrafficSelector(addresses: IPRange($0)) }
    }
}
