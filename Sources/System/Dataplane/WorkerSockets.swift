import ESP
import IPsecTypes
import PacketIO

/// The sockets of one worker, in the order of ``places``.
///
/// Opened by the starting thread, then used by the worker alone (sockets themselves may be shared).
struct WorkerSockets: Sendable {
    /// A socket of either kind. Chosen per batch, never per packet.
    enum Socket: Sendable {
        case udp(UDPSocket)
        case raw(RawESPSocket)

        var descriptor: CInt {
            switch self {
            case .udp(let socket): socket.descriptor
            case .raw(let socket): socket.descriptor
            }
        }
    }

    private(set) var sockets: [Socket] = []
    private(set) var places: [SocketPlace] = []

    /// Opens all sockets of a configuration. `ports` are those that an earlier worker was given where 0 was asked for.
    init(_ configuration: DataplaneConfiguration, sharing first: WorkerSockets?) throws(IOFailure) {
        let policy = configuration.outerDontFragment
        for address in configuration.listenAddresses {
            for role in [SocketRole.ike, .nat] {
                let asked = role == .ike ? configuration.ikePort : configuration.natPort
                let port = asked != 0 ? asked : first?.port(role, address) ?? 0
                var options = UDPSocketOptions()
                options.receiveBufferBytes = configuration.socketBufferBytes
                options.sendBufferBytes = configuration.socketBufferBytes
                options.sharesPort = configuration.workers > 1
                options.pathMTUDiscovery = Self.discovery(policy, address.family)
                let socket = try UDPSocket(bind: Endpoint(address, port: port), options: options)
                sockets.append(.udp(socket))
                places.append(SocketPlace(role: role, address: address, port: socket.port))
            }
            guard configuration.rawESP else { continue }
            let socket = try RawESPSocket(
                bind: address,
                receiveBufferBytes: configuration.socketBufferBytes,
                sendBufferBytes: configuration.socketBufferBytes,
                pathMTUDiscovery: Self.discovery(policy, address.family)
            )
            sockets.append(.raw(socket))
            places.append(SocketPlace(role: .rawESP, address: address, port: 0))
        }
    }

    /// The port that a role got on an address.
    func port(_ role: SocketRole, _ address: IPAddress) -> UInt16? {
        places.first { $0.role == role && $0.address == address }?.port
    }

    /// How a socket starts: without DF an IPv4 packet must not be shrunk by forged ICMP either; IPv6 hosts fragment by
    /// what they learn of the path. `copy` is switched between batches.
    static func discovery(_ policy: OuterHeader.DontFragment, _ family: IPAddress.Family) -> PathMTUDiscovery {
        switch (policy, family) {
        case (.clear, .v4), (.copy, .v4): .ignoreLearned
        case (.clear, .v6), (.copy, .v6): .off
        case (.set, _): .always
        }
    }
}
