import IPsecTypes

/// Why a packet cannot be protected in transport mode.
public enum TransportFault: Error, Hashable, Sendable, CaseIterable {
    /// A fragment: ESP in transport mode is applied to whole packets (RFC 4301 §4.1).
    case fragment
    /// An extension header reaches beyond the packet.
    case truncated
}

/// Where ESP stands in a packet in transport mode (RFC 4303 §3.1.1).
public struct TransportSplit: Hashable, Sendable {
    /// Bytes in front of ESP: the IP header, IPv4 options, and IPv6 extension headers that routers look at.
    public var offset: Int
    /// What ESP protects begins with this: the next layer protocol, or IPv6 destination options.
    public var nextHeader: UInt8
    /// The bytes that ESP protects.
    public var length: Int
    /// Whether anything but the plain IP header stays in front.
    public var hasOptions: Bool

    /// Finds the place in a packet that has been parsed from `bytes`.
    ///
    /// IPv6: hop-by-hop options, routing and fragment headers stay in front, and so do destination options that stand before
    /// a routing header, which are for every node in it (RFC 8200 §4.1). Destination options for the last destination are
    /// protected.
    public init(_ packet: IPPacket, _ bytes: PacketBytes) throws(TransportFault) {
        guard !packet.isFragment else { throw .fragment }
        switch packet.family {
        case .v4:
            offset = packet.transportOffset
            nextHeader = packet.ipProtocol
            hasOptions = offset > 20
        case .v6:
            guard var next = bytes.uint8(at: 6) else { throw .truncated }
            offset = 40
            nextHeader = next
            var cursor = 40
            while cursor < packet.transportOffset {
                guard let following = bytes.uint8(at: cursor), let units = bytes.uint8(at: cursor &+ 1) else {
                    throw .truncated
                }
                cursor &+= next == 44 ? 8 : Int(units) &* 8 &+ 8
                if next == 0 || next == 43 || next == 44 {
                    offset = cursor
                    nextHeader = following
                }
                next = following
            }
            hasOptions = offset > 40
        }
        guard offset <= packet.totalLength else { throw .truncated }
        length = packet.totalLength &- offset
    }
}
