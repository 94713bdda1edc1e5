import CLinux
import Glibc
import IPsecTypes

/// How a socket deals with the path MTU (ip(7), IP_MTU_DISCOVER).
public enum PathMTUDiscovery: CInt, Sendable {
    /// Never set DF; routers and this host may fragment.
    case off = 0
    /// Set DF as the system's default says.
    case want = 1
    /// Always set DF; longer datagrams are refused with EMSGSIZE.
    case always = 2
    /// Set DF and ignore what is known of the path: for probes of our own.
    case probe = 3
    /// No DF, and no path MTU learnt from ICMP is obeyed: outer packets cannot be shrunk by forged ICMP.
    case ignoreLearned = 5
}

/// What may be set on a UDP socket.
public struct UDPSocketOptions: Sendable {
    /// Bytes of receive buffer; nil for the system's default.
    public var receiveBufferBytes: Int?
    /// Bytes of send buffer; nil for the system's default.
    public var sendBufferBytes: Int?
    /// DF on outer packets.
    public var pathMTUDiscovery: PathMTUDiscovery = .off
    /// Whether several sockets of this process's user share the port (SO_REUSEPORT), each with a part of the flows.
    public var sharesPort: Bool = false
    /// Whether the kernel may merge datagrams of one flow (UDP_GRO, Linux 5.0); frames then carry a segment size. A kernel
    /// that cannot is no failure.
    public var mergesReceived: Bool = false
    /// Whether runs of equal datagrams to one receiver go down the stack as one (UDP_SEGMENT); the wire sees no difference.
    public var mergesSent: Bool = true

    /// The defaults.
    public init() {}
}

/// One UDP socket of one family, non-blocking, read and written in batches.
///
/// Every received frame knows the local address it came to, and every sent frame leaves from the local address it names.
/// Several threads may use a socket at once, each with a batch of its own. SO_REUSEADDR is never set.
public final class UDPSocket: Sendable {
    /// The descriptor, for ``Poller``.
    public let descriptor: CInt
    /// The address family.
    public let family: IPAddress.Family
    /// The port, also when 0 was asked for.
    public let port: UInt16
    /// Whether the kernel merges what it receives.
    public let mergesReceived: Bool
    private let mergesSent: Bool

    /// Binds to an address (possibly the unspecified one) and port.
    ///
    /// - Parameters:
    ///   - endpoint: address and port; port 0 lets the kernel choose.
    ///   - options: buffer sizes and the like.
    public init(bind endpoint: Endpoint, options: UDPSocketOptions = UDPSocketOptions()) throws(IOFailure) {
        family = endpoint.address.family
        mergesSent = options.mergesSent
        let call = "bind udp \(endpoint)"
        descriptor = try check(culvert_socket(CInt(family.rawValue), CInt(SOCK_DGRAM.rawValue), 0), "socket udp")
        do throws(IOFailure) {
            try check(culvert_enable_packet_info(descriptor, CInt(family.rawValue)), "enable pktinfo on udp")
            if options.sharesPort {
                try check(culvert_set_option(descriptor, SOL_SOCKET, SO_REUSEPORT, 1), "set SO_REUSEPORT")
            }
            mergesReceived = options.mergesReceived && culvert_enable_gro(descriptor) >= 0
            try applyBuffers(descriptor, options.receiveBufferBytes, options.sendBufferBytes)
            try check(
                culvert_set_path_mtu_discovery(
                    descriptor,
                    CInt(family.rawValue),
                    options.pathMTUDiscovery.rawValue
                ),
                "set path MTU discovery"
            )
            var name = PacketAddress(endpoint).shim
            try check(culvert_bind(descriptor, &name), call) { Self.bindHint($0, endpoint) }
            try check(culvert_local_address(descriptor, &name), "getsockname udp")
            port = name.port
        } catch {
            close(descriptor)
            throw error
        }
    }

    deinit { close(descriptor) }

    /// Receives what is waiting, without blocking, into the batch; what it held is dropped.
    ///
    /// - Returns: the number of frames; 0 when nothing is waiting. A datagram longer than the batch's room arrives with
    ///   length 0 and the flag `truncated`.
    public func receive(into batch: PacketBatch) throws(IOFailure) -> Int {
        var layout = batch.layout
        let got = culvert_receive(descriptor, batch.vector, &layout, 0, UInt32(batch.capacity), port, false)
        batch.count = max(0, Int(got))
        guard got >= 0 else { throw IOFailure(call: "recvmmsg udp", code: -got) }
        return Int(got)
    }

    /// Sends frames of the batch, without blocking.
    ///
    /// A frame that the kernel refuses (no route, too long, forbidden by a firewall) is flagged and passed over; a full
    /// buffer ends the call with the rest untouched. The frames are not removed from the batch.
    public func send(_ batch: PacketBatch, _ range: Range<Int>) -> SendOutcome {
        sendFrames(batch, range) { layout, first, count in
            culvert_send(descriptor, batch.vector, &layout, UInt32(first), UInt32(count), false, mergesSent)
        }
    }

    /// Datagrams that the kernel dropped because the receive buffer was full.
    public var droppedCount: Int { Int(max(0, culvert_socket_drops(descriptor))) }

    /// Changes DF and path MTU behaviour for all that is sent from here on.
    public func setPathMTUDiscovery(_ mode: PathMTUDiscovery) throws(IOFailure) {
        try check(
            culvert_set_path_mtu_discovery(descriptor, CInt(family.rawValue), mode.rawValue),
            "set path MTU discovery"
        )
    }

    /// The kernel's idea of the MTU towards a destination: of the route, or learnt from ICMP.
    public static func pathMTU(to endpoint: Endpoint) throws(IOFailure) -> Int {
        let family = CInt(endpoint.address.family.rawValue)
        let probe = try check(culvert_socket(family, CInt(SOCK_DGRAM.rawValue), 0), "socket udp")
        defer { close(probe) }
        var name = PacketAddress(endpoint).shim
        try check(culvert_connect(probe, &name), "route to \(endpoint)")
        return Int(try check(culvert_path_mtu(probe, family), "path MTU to \(endpoint)"))
    }

    /// The local address that packets to a destination leave from by the kernel's routes.
    public static func sourceAddress(towards endpoint: Endpoint) throws(IOFailure) -> IPAddress {
        let family = CInt(endpoint.address.family.rawValue)
        let probe = try check(culvert_socket(family, CInt(SOCK_DGRAM.rawValue), 0), "socket udp")
        defer { close(probe) }
        var name = PacketAddress(endpoint).shim
        try check(culvert_connect(probe, &name), "route to \(endpoint)")
        try check(culvert_local_address(probe, &name), "getsockname udp")
        return PacketAddress(name).address ?? .unspecified(endpoint.address.family)
    }

    private static func bindHint(_ code: CInt, _ endpoint: Endpoint) -> String {
        switch code {
        case EADDRINUSE:
            "another program holds the port; see who: ss -Hlunp 'sport = :\(endpoint.port)' "
                + "(strongSwan: systemctl stop strongswan strongswan-starter)"
        case EACCES, EPERM: "ports below 1024 need root or CAP_NET_BIND_SERVICE"
        case EADDRNOTAVAIL: "no interface has this address; see: ip address"
        default: ""
        }
    }
}
