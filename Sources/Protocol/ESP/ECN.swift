/// Explicit congestion notification across a tunnel (RFC 6040). The raw value is the field on the wire.
public enum ECN: UInt8, Sendable, CaseIterable {
    /// The transport does not use ECN.
    case notECT = 0
    /// ECN-capable, codepoint 1.
    case ect1 = 1
    /// ECN-capable, codepoint 0.
    case ect0 = 2
    /// Congestion experienced.
    case ce = 3

    /// The field of a traffic class (IPv4 TOS) byte.
    @inlinable
    public init(trafficClass: UInt8) {
        switch trafficClass & 3 {
        case 1: self = .ect1
        case 2: self = .ect0
        case 3: self = .ce
        default: self = .notECT
        }
    }

    /// The outer field of a packet that enters the tunnel: normal mode (RFC 6040 §4.1), which IKEv2 implies.
    @inlinable public var encapsulated: ECN { self }

    /// What leaves the tunnel, by figure 4 of RFC 6040 §4.2; nil where the packet must be dropped.
    @inlinable
    public static func decapsulated(inner: ECN, outer: ECN) -> ECN? {
        switch (inner, outer) {
        // > If the inner ECN field is Not-ECT and the outer is CE, the decapsulator MUST drop the packet.
        case (.notECT, .ce): nil
        case (.notECT, _): .notECT
        case (.ect0, .ect1), (.ect1, .ect1): .ect1
        case (.ect0, .ce), (.ect1, .ce): .ce
        case (.ect0, _): .ect0
        case (.ect1, _): .ect1
        case (.ce, _): .ce
        }
    }

    /// Writes the field into the IPv4 or IPv6 header at the start of `packet`, keeping an IPv4 checksum right.
    public func store(in packet: PacketBytes) {
        guard let old = packet.uint16(at: 0) else { return }
        if old >> 12 == 4 {
            let new = old & ~3 | UInt16(rawValue)
            guard new != old, let checksum = packet.uint16(at: 10) else { return }
            packet.set16(new, at: 0)
            packet.set16(Checksum.updated(checksum, from: old, to: new), at: 10)
        } else if old >> 12 == 6 {
            packet.set16(old & ~0x30 | UInt16(rawValue) << 4, at: 0)
        }
    }
}
