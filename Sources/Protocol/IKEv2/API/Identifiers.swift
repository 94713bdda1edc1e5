/// Names one IKE SA of an endpoint, and its successors: the number stays the same when the IKE SA is rekeyed.
public struct IKESAID: Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
    /// A number that the endpoint never reuses.
    public var rawValue: UInt64

    /// Makes an identifier from its number.
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// Order of creation.
    public static func < (left: IKESAID, right: IKESAID) -> Bool { left.rawValue < right.rawValue }

    /// Such as "ike-7".
    public var description: String { "ike-\(rawValue)" }
}

/// Ties an event to the action that asked for it.
public struct OperationID: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// A number that the endpoint never reuses.
    public var rawValue: UInt64

    /// Makes an identifier from its number.
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// Order of creation.
    public static func < (left: OperationID, right: OperationID) -> Bool { left.rawValue < right.rawValue }

    /// Such as "op-7".
    public var description: String { "op-\(rawValue)" }
}

/// Names an ephemeral private key that the driver keeps, from its generation until it is used or discarded.
///
/// The engine never sees the key. Each handle is answered by exactly one ``IKEAction/computeSharedSecret(_:handle:method:peerPublic:)``
/// or one ``IKEAction/discardKeyExchange(_:)``, after which the driver forgets the key.
public struct KeyExchangeHandle: Hashable, Sendable {
    /// A number of the driver's choice.
    public var rawValue: UInt64

    /// Makes a handle.
    public init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// Names a long-term secret (private key or pre-shared key) that a key oracle outside the engine holds.
public struct KeyID: Hashable, Sendable, Codable, CustomStringConvertible {
    /// The oracle's name for it.
    public var name: String

    /// Makes a key name.
    public init(_ name: String) { self.name = name }

    /// The name.
    public var description: String { name }
}
