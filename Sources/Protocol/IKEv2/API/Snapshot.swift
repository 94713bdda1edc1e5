import IPsecTypes

/// An established IKE SA and its Child SAs as plain values (law 5). It holds keys: whoever stores it, encrypts it.
public struct IKESASnapshot: Sendable {
    /// The layout this code writes and reads.
    public static let currentVersion = 1
    /// The layout of this value.
    public var version: Int
}
