import IPsecTypes

/// A UDP socket for a few datagrams at a time, as requests and answers of a service are: bytes in and out as arrays.
/// One owner; what comes in large numbers goes through ``UDPSocket`` and a batch of the caller's own.
public final class DatagramPort {
    /// One datagram that came in.
    public struct Datagram: Hashable, Sendable {
        /// Its octets.
        public var bytes: [UInt8]
        /// Who sent it.
        public var source: Endpoint
        /// The address of ours that it came to.
        public var local: IPAddress?
    }

    private let socket: UDPSocket
    private let incoming: PacketBatch
    private let outgoing: PacketBatch

    /// Binds to an address and port; port 0 lets the kernel choose.
    ///
    /// - Parameter longest: the longest datagram that is received; longer ones are dropped.
    public init(bind endpoint: Endpoint, longest: Int) throws(IOFailure) {
        socket = try UDPSocket(bind: endpoint)
        incoming = PacketBatch(capacity: 32, room: longest, headroom: 0)
        outgoing = PacketBatch(capacity: 1, room: longest, headroom: 0)
    }

    /// The descriptor, for ``Poller``.
    public var descriptor: CInt { socket.descriptor }

    /// Our port.
    public var port: UInt16 { socket.port }

    /// Sends a datagram; false when the kernel does not take it. `source` is the address it must leave from.
    @discardableResult
    public func send(_ bytes: [UInt8], to endpoint: Endpoint, from source: IPAddress? = nil) -> Bool {
        outgoing.removeAll()
        let local = source.map { PacketAddress($0, port: 0) } ?? PacketAddress()
        let frame = bytes.withUnsafeBytes { outgoing.append($0, to: PacketAddress(endpoint), from: local) }
        guard frame != nil else { return false }
        let outcome = socket.send(outgoing, 0..<1)
        return outcome.taken == 1 && outcome.refused == 0
    }

    /// Takes what is waiting, at most 32 datagrams, without blocking.
    public func receive() throws(IOFailure) -> [Datagram] {
        let count = try socket.receive(into: incoming)
        return (0..<count).compactMap { index in
            guard !incoming[index].flags.contains(.truncated), let source = incoming[index].remote.endpoint else {
                return nil
            }
            return Datagram(
                bytes: Array(incoming.bytes(index)),
                source: source,
                local: incoming[index].local.address
            )
        }
    }
}
