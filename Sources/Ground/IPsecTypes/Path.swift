/// An address and a port.
public struct Endpoint: Hashable, Sendable, Codable, CustomStringConvertible {
    /// The address.
    public var address: IPAddress
    /// The port; 0 for raw ESP, which has none.
    public var port: UInt16

    /// Makes an endpoint.
    public init(_ address: IPAddress, port: UInt16) {
        self.address = address
        self.port = port
    }

    /// "192.0.2.1:500" or "[2001:db8::1]:500".
    public var description: String {
        address.family == .v4 ? "\(address):\(port)" : "[\(address)]:\(port)"
    }
}

/// Where a message came from or goes to: transport, addresses and ports (law 7: a path is not an address pair).
public struct Path: Hashable, Sendable, Codable, CustomStringConvertible {
    /// How IKE and ESP travel.
    public enum Transport: String, Sendable, Codable, CaseIterable {
        /// UDP port 500: IKE alone; ESP goes as IP protocol 50.
        case udp500
        /// UDP port 4500: IKE behind a non-ESP marker, ESP in UDP (RFC 3948).
        case udp4500
        /// TCP encapsulation (RFC 9329).
        case tcp
        /// TLS around TCP encapsulation.
        case tls
    }

    /// How the bytes travel.
    public var transport: Transport
    /// Our end.
    public var local: Endpoint
    /// The peer's end, as we see it.
    public var remote: Endpoint

    /// Makes a path.
    public init(transport: Transport, local: Endpoint, remote: Endpoint) {
        self.transport = transport
        self.local = local
        self.remote = remote
    }

    /// The same path seen from the other end (for simulations without NAT).
    public var reversed: Path { Path(transport: transport, local: remote, remote: local) }

    /// "udp4500 local -> remote".
    public var description: String { "\(transport.rawValue) \(local) -> \(remote)" }
}
