import ESP
import Glibc
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

    /// The same as a batch reaches it: without counting references. Whoever makes it keeps the socket.
    enum Borrowed {
        case udp(Unmanaged<UDPSocket>)
        case raw(Unmanaged<RawESPSocket>)

        init(_ socket: Socket) {
            switch socket {
            case .udp(let socket): self = .udp(.passUnretained(socket))
            case .raw(let socket): self = .raw(.passUnretained(socket))
            }
        }

        @inline(__always)
        var descriptor: CInt {
            switch self {
            case .udp(let socket): socket._withUnsafeGuaranteedRef { $0.descriptor }
            case .raw(let socket): socket._withUnsafeGuaranteedRef { $0.descriptor }
            }
        }

        @inline(__always)
        func send(_ batch: PacketBatch, _ range: Range<Int>) -> SendOutcome {
            switch self {
            case .udp(let socket): socket._withUnsafeGuaranteedRef { $0.send(batch, range) }
            case .raw(let socket): socket._withUnsafeGuaranteedRef { $0.send(batch, range) }
            }
        }

        @inline(__always)
        func receive(into batch: PacketBatch) throws(IOFailure) -> Int {
            switch self {
            case .udp(let socket): try socket.takeUnretainedValue().receive(into: batch)
            case .raw(let socket): try socket.takeUnretainedValue().receive(into: batch)
            }
        }
    }

    private(set) var sockets: [Socket] = []
    private(set) var places: [SocketPlace] = []

    /// Opens all sockets of a configuration. Where port 0 was asked for, all addresses and workers get the same port if
    /// that is possible. A system without IPv6 is no reason to fail as long as "all of IPv6" was only one of the wishes.
    init(_ configuration: DataplaneConfiguration, sharing first: WorkerSockets?) throws(IOFailure) {
        for address in configuration.listenAddresses {
            do throws(IOFailure) {
                try open(address, configuration, sharing: first)
            } catch {
                guard error.code == EAFNOSUPPORT, address == .unspecified(.v6), configuration.listenAddresses.count > 1
                else { throw error }
            }
        }
    }

    private mutating func open(
        _ address: IPAddress,
        _ configuration: DataplaneConfiguration,
        sharing first: WorkerSockets?
    ) throws(IOFailure) {
        let discovery = Self.discovery(configuration.outerDontFragment, address.family)
        var options = UDPSocketOptions()
        options.receiveBufferBytes = configuration.socketBufferBytes
        options.sendBufferBytes = configuration.socketBufferBytes
        options.sharesPort = configuration.workers > 1
        options.pathMTUDiscovery = discovery
        options.mergesSent = configuration.offloads.segmentsSent
        for role in [SocketRole.ike, .nat] {
            options.mergesReceived = role == .nat && configuration.offloads.mergesReceived
            let asked = role == .ike ? configuration.ikePort : configuration.natPort
            let socket: UDPSocket
            if asked != 0 {
                socket = try UDPSocket(bind: Endpoint(address, port: asked), options: options)
            } else {
                let wish = first?.port(role, address) ?? places.first { $0.role == role }?.port ?? 0
                socket = try Self.bind(address, preferring: wish, mustHave: first != nil, options)
            }
            sockets.append(.udp(socket))
            places.append(SocketPlace(role: role, address: address, port: socket.port))
        }
        guard configuration.rawESP else { return }
        let socket = try RawESPSocket(
            bind: address,
            receiveBufferBytes: configuration.socketBufferBytes,
            sendBufferBytes: configuration.socketBufferBytes,
            pathMTUDiscovery: discovery
        )
        sockets.append(.raw(socket))
        places.append(SocketPlace(role: .rawESP, address: address, port: 0))
    }

    private static func bind(
        _ address: IPAddress,
        preferring port: UInt16,
        mustHave: Bool,
        _ options: UDPSocketOptions
    ) throws(IOFailure) -> UDPSocket {
        do throws(IOFailure) {
            return try UDPSocket(bind: Endpoint(address, port: port), options: options)
        } catch {
            guard port != 0, !mustHave, error.code == EADDRINUSE else { throw error }
            return try UDPSocket(bind: Endpoint(address, port: 0), options: options)
        }
    }

    /// Whether the kernel merges what comes to the ports that carry ESP.
    var mergesReceived: Bool {
        zip(sockets, places).contains { socket, place in
            if place.role == .nat, case .udp(let udp) = socket { return udp.mergesReceived }
            return false
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
