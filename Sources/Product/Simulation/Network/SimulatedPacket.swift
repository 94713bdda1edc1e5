import IPsecTypes

/// An IP datagram on its way.
public struct SimulatedPacket: Sendable {
    /// What it carries.
    public enum Carrier: Sendable {
        /// UDP, with ports.
        case udp
        /// ESP as IP protocol 50; the ports of its endpoints are 0.
        case esp
    }

    /// What it carries.
    public var carrier: Carrier
    /// Where it comes from, as whoever sees it here sees it.
    public var source: Endpoint
    /// Where it goes.
    public var destination: Endpoint
    /// The UDP payload, or the ESP packet.
    public var payload: [UInt8]
    /// When it was sent.
    public var sentAt: Instant
    /// Whether the network changed its bytes.
    public var isTampered = false
    /// Whether it is an old packet that somebody sends once more.
    public var isReplay = false

    /// Bytes of the IP datagram.
    var datagramBytes: Int {
        payload.count + (source.address.family == .v4 ? 20 : 40) + (carrier == .udp ? 8 : 0)
    }

    /// The port that tells IKE from UDP-encapsulated ESP by its marker.
    static let natPort: UInt16 = 4500
    /// The port of IKE.
    static let ikePort: UInt16 = 500

    /// The IKE message in it; nil when it is something else.
    public var ikeMessage: [UInt8]? {
        guard carrier == .udp else { return nil }
        if source.port == Self.ikePort || destination.port == Self.ikePort { return payload }
        guard payload.count > 4, payload.prefix(4).allSatisfy({ $0 == 0 }) else { return nil }
        return Array(payload.dropFirst(4))
    }
}
