import IPsecTypes

/// Packets between this host and a peer in transport mode, which are led into the tunnel interface though they have the
/// peer's own address.
public struct ProtectedFlow: Hashable, Sendable {
    /// Our address.
    public var local: IPAddress
    /// The peer's.
    public var remote: IPAddress
    /// The IP protocol number, 0 for any.
    public var ipProtocol: UInt8 = 0
    /// Our ports.
    public var localPorts = PortRange.any
    /// The peer's.
    public var remotePorts = PortRange.any

    /// Everything between two hosts.
    public init(local: IPAddress, remote: IPAddress) {
        self.local = local
        self.remote = remote
    }

    /// The flows of a Child SA: each pair of selectors that has packets in common. Selectors hold one address a side.
    public static func flows(local: [TrafficSelector], remote: [TrafficSelector]) -> [ProtectedFlow] {
        var result: [ProtectedFlow] = []
        for ours in local {
            for theirs in remote {
                guard ours.ipProtocol == theirs.ipProtocol || ours.ipProtocol == 0 || theirs.ipProtocol == 0 else {
                    continue
                }
                var flow = ProtectedFlow(local: ours.addresses.first, remote: theirs.addresses.first)
                flow.ipProtocol = max(ours.ipProtocol, theirs.ipProtocol)
                // TCP, UDP, DCCP and SCTP; what ICMP has in their place, the kernel's rules do not know.
                if [6, 17, 33, 132].contains(flow.ipProtocol) {
                    flow.localPorts = routable(ours.ports)
                    flow.remotePorts = routable(theirs.ports)
                }
                if !result.contains(flow) { result.append(flow) }
            }
        }
        return result
    }

    /// Ports as rules can name them, 1...65534; a range beyond becomes every port. More is led into the tunnel then, where
    /// what no SA carries is refused.
    private static func routable(_ ports: PortRange) -> PortRange {
        ports.first >= 1 && ports.last < 65535 && !ports.isOpaque ? ports : .any
    }
}
