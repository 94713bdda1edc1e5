/// What the outer header takes over from the inner one (RFC 4301 §5.1.2, RFC 6040 §4.1).
public struct OuterHeader: Hashable, Sendable {
    /// What becomes of the DF bit in an outer IPv4 header (RFC 4301 §8.1).
    public enum DontFragment: String, Sendable, Codable {
        /// Never set: routers on the way may fragment the outer packet.
        case clear
        /// As in the inner header; set for an inner IPv6 packet.
        case copy
        /// Always set.
        case set
    }

    /// The outer DSCP (copied) and ECN (normal mode) of a packet with this inner traffic class.
    @inlinable
    public static func trafficClass(inner: UInt8) -> UInt8 {
        inner & ~3 | ECN(trafficClass: inner).encapsulated.rawValue
    }

    /// The outer DF bit.
    @inlinable
    public static func dontFragment(inner: Bool, policy: DontFragment) -> Bool {
        switch policy {
        case .clear: false
        case .copy: inner
        case .set: true
        }
    }
}
