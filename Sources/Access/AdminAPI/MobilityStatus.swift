/// What a tunnel can do when addresses change (RFC 4555).
public struct MobilityStatus: Codable, Sendable, Hashable {
    /// Whether both ends can change addresses.
    public var supported: Bool
    /// The peer's addresses besides the one in use.
    public var peerAddresses: [String]
    /// Where ESP goes while the peer has not proved to be at its new address; nil otherwise.
    public var provenRemote: String?

    /// Makes a status of all its parts.
    public init(supported: Bool, peerAddresses: [String], provenRemote: String?) {
        self.supported = supported
        self.peerAddresses = peerAddresses
        self.provenRemote = provenRemote
    }
}
