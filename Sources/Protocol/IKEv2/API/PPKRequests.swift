import IKECrypto
import IPsecTypes

/// The post-quantum pre-shared keys of a connection (RFC 8784): who knows one shares a secret that no key exchange carries.
public struct PPKSettings: Hashable, Sendable {
    /// The first octet of a PPK_ID on the wire (RFC 8784 §5.1).
    public enum IdentifierType: UInt8, Hashable, Sendable {
        /// PPK_ID_OPAQUE: both peers know what it means. Here, too, it is a fixed name of a fixed key.
        case opaque = 1
        /// PPK_ID_FIXED.
        case fixed = 2
    }

    /// A key that the oracle holds, by the name that both peers know it by.
    public struct Entry: Hashable, Sendable {
        /// The type of the name; the same octets under another type are another name.
        public var type: IdentifierType
        /// The name on the wire: PPK_ID without its type.
        public var identifier: [UInt8]
        /// The oracle's name for the key.
        public var key: KeyID

        /// Makes an entry.
        public init(type: IdentifierType = .fixed, identifier: [UInt8], key: KeyID) {
            self.type = type
            self.identifier = identifier
            self.key = key
        }
    }

    /// The keys. As initiator we use the first, as responder the one that the peer names.
    public var entries: [Entry]
    /// Whether there is no IKE SA without one. Else a peer that has none, or not ours, is authenticated without.
    public var isRequired: Bool

    /// Makes settings.
    public init(entries: [Entry], isRequired: Bool) {
        self.entries = entries
        self.isRequired = isRequired
    }
}

/// What a key oracle mixes a post-quantum pre-shared key into.
public struct PPKRequest: Sendable {
    /// The IKE SA, for the log.
    public var ikeSA: IKESAID
    /// The key.
    public var key: KeyID
    /// The negotiated PRF.
    public var prf: PRFAlgorithm
    /// SK_d', SK_pi' and SK_pr' (RFC 8784 §3).
    public var keys: PPKKeys
}
