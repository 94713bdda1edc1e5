/// Bounds on what an EAP conversation may cost. A peer that exceeds one has failed.
public enum EAPLimits {
    /// Requests in one conversation. A chain of 40 KiB at the smallest fragments in use takes fewer.
    public static let rounds = 50
    /// Octets of a packet outside the TLS methods: no packet of theirs that is of use has more.
    public static let packet = 1024
    /// Octets of a packet of a TLS method: what one IKE message of a peer that fragments generously holds.
    public static let tlsPacket = 16 * 1024
    /// Octets of one TLS message after reassembly, whatever its length field promises.
    public static let tlsMessage = 64 * 1024
    /// Octets of an identity (RFC 7542 §2.3).
    public static let identity = 253
    /// Octets of a password (RFC 2759 §8.3 allows 256 characters of UTF-16).
    public static let password = 512
    /// AVPs in one message of EAP-TTLS.
    public static let avps = 32
    /// Smallest and largest packet that we cut TLS messages into.
    public static let fragment = 256...4096
}
