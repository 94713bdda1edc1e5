import CLinux
import Glibc
import IPsecTypes

/// ESP as IP protocol 50, for peers without NAT in between. Needs CAP_NET_RAW.
///
/// Frames begin with the ESP header in both directions: the outer IPv4 header is stepped over on receipt and made by the
/// kernel when sending. Ports in addresses are 0. Several threads may use a socket at once, each with its own batch.
public final class RawESPSocket: Sendable {
    /// The descriptor, for ``Poller``.
    public let descriptor: CInt
    /// The address family.
    public let family: IPAddress.Family

    /// Opens a raw socket, bound to an address when it is not the unspecified one.
    public init(
        bind address: IPAddress,
        receiveBufferBytes: Int? = nil,
        sendBufferBytes: Int? = nil,
        pathMTUDiscovery: PathMTUDiscovery = .off
    ) throws(IOFailure) {
        family = address.family
        descriptor = try check(
            culvert_socket(CInt(family.rawValue), CInt(SOCK_RAW.rawValue), 50),
            "socket esp (IP protocol 50)"
        ) { code in
            code == EPERM || code == EACCES
                ? "raw ESP needs root or CAP_NET_RAW; without it use UDP encapsulation on port 4500" : ""
        }
        do throws(IOFailure) {
            try check(culvert_enable_packet_info(descriptor, CInt(family.rawValue)), "enable pktinfo on esp")
            try applyBuffers(descriptor, receiveBufferBytes, sendBufferBytes)
            try check(
                culvert_set_path_mtu_discovery(descriptor, CInt(family.rawValue), pathMTUDiscovery.rawValue),
                "set path MTU discovery"
            )
            if address != .unspecified(family) {
                var name = PacketAddress(address, port: 0).shim
                try check(culvert_bind(descriptor, &name), "bind esp \(address)")
            }
        } catch {
            close(descriptor)
            throw error
        }
    }

    deinit { close(descriptor) }

    /// Receives what is waiting, without blocking, into the batch; what it held is dropped.
    public func receive(into batch: PacketBatch) throws(IOFailure) -> Int {
        var layout = batch.layout
        let got = culvert_receive(
            descriptor,
            batch.vector,
            &layout,
            0,
            UInt32(batch.capacity),
            0,
            family == .v4
        )
        batch.count = max(0, Int(got))
        guard got >= 0 else { throw IOFailure(call: "recvmmsg esp", code: -got) }
        return Int(got)
    }

    /// Packets that the kernel dropped because the receive buffer was full.
    public var droppedCount: Int { Int(max(0, culvert_socket_drops(descriptor))) }

    /// Sends frames of the batch, without blocking; as ``UDPSocket/send(_:_:)``.
    public func send(_ batch: PacketBatch, _ range: Range<Int>) -> SendOutcome {
        sendFrames(batch, range) { layout, first, count in
            culvert_send(descriptor, batch.vector, &layout, UInt32(first), UInt32(count), true, false)
        }
    }
}
