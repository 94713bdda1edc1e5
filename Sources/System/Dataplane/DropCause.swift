/// Why a packet was dropped: each has a counter (``DataplaneStatistics/drops``). The raw value is the counter's place.
public enum DropCause: Int, Sendable, CaseIterable {
    /// From outside: shorter than any IKE or ESP message.
    case runt
    /// From outside: longer than a slot of the receive buffer.
    case truncated
    /// From outside: ESP for an SPI that no SA has.
    case unknownSPI
    /// Seen before or left of the replay window.
    case replayed
    /// The integrity check failed.
    case notAuthentic
    /// Not a whole ESP packet, or authentic with a wrong trailer.
    case malformedESP
    /// Authentic, but neither IPv4 nor IPv6 inside, or the other of the two.
    case notIP
    /// Authentic dummy packets (RFC 4303 §2.6): discarded as they should be.
    case dummy
    /// The inner packet's headers are wrong.
    case malformedInner
    /// The inner packet has an address that no router passes on.
    case martian
    /// The inner packet has a source route.
    case sourceRouted
    /// From the tunnel: no selector of the SA holds its source or destination.
    case inboundSelectors
    /// From the tunnel: no rule of the SA's session allows it.
    case inboundRules
    /// From the tunnel: a later fragment where ports are restricted (RFC 4301 §7).
    case fragmentPorts
    /// From the tunnel: congestion experienced outside, no ECN inside (RFC 6040 §4.2).
    case ecn
    /// The SA's hard limit of bytes, packets or sequence numbers is reached.
    case lifetime
    /// IKE messages that found the control plane's inbox full.
    case inboxFull
    /// From the TUN: a packet that contradicts the virtio header in front of it.
    case badOffload
    /// The kernel did not take an inner packet at the TUN.
    case tunRefused
    /// To the tunnel: no SA for the destination.
    case noSA
    /// To the tunnel: there are SAs for the destination, but their selectors do not hold the packet.
    case outboundSelectors
    /// To the tunnel: no rule of the SA's session allows it.
    case outboundRules
    /// To the tunnel: longer than the MTU, and must not be fragmented; its sender was told.
    case tooBig
    /// To a peer in transport mode: a fragment, which only a tunnel carries; its sender was told.
    case transportFragment
    /// To a peer in transport mode: IPv4 options, or IPv6 extension headers, that would have to stand in front of ESP.
    case transportOptions
    /// No socket fits the SA's path.
    case noSocket
    /// The socket's buffer stayed full.
    case sendBlocked
    /// The kernel refused to send: no route, a firewall, too long for the link.
    case sendRefused
    /// Another worker's ring was full.
    case handover
    /// libcrypto or the frame's room failed: a defect.
    case `internal`
}

extension DropCause: Codable, CodingKeyRepresentable {
    /// The name in JSON, such as "unknownSPI".
    public var name: String { String(describing: self) }

    /// The cause of a name; nil for another text.
    public init?(name: String) {
        guard let cause = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = cause
    }

    /// Reads the name.
    public init(from decoder: any Decoder) throws {
        let name = try decoder.singleValueContainer().decode(String.self)
        guard let cause = DropCause(name: name) else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "not a drop cause")
            )
        }
        self = cause
    }

    /// Writes the name.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(name)
    }

    private struct Key: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    /// The name, as a key of a dictionary.
    public var codingKey: any CodingKey { Key(stringValue: name) }

    /// Reads a dictionary's key.
    public init?<T: CodingKey>(codingKey: T) { self.init(name: codingKey.stringValue) }
}
