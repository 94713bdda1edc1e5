import CLinux
import Glibc
import IPsecTypes

/// Hears when links, addresses or routes of this network namespace change. What has changed is for the listener to ask:
/// notifications may be lost when many come at once, and then only say that something has.
public final class NetworkMonitor: Sendable {
    private let socket: NetlinkSocket

    /// rtnetlink's multicast groups (linux/rtnetlink.h): links, addresses and routes of both families.
    private static let groups: [CInt] = [1, 5, 7, 9, 11]
    private static let levelNetlink: CInt = 270
    private static let addMembership: CInt = 1
    /// Notifications read at once; the rest makes the descriptor readable again.
    private static let batch = 256

    /// Opens the socket and joins the groups; no privilege is needed.
    public init() throws(IOFailure) {
        socket = try NetlinkSocket(netlinkProtocol: 0)
        for group in Self.groups {
            let result = culvert_set_option(socket.descriptor, Self.levelNetlink, Self.addMembership, group)
            guard result == 0 else { throw IOFailure(call: "listen to changes of the network", code: abs(result)) }
        }
    }

    /// Readable when something has changed; to be polled.
    public var descriptor: CInt { socket.descriptor }

    /// Reads what waits, without blocking; whether anything did.
    public func drain() -> Bool {
        var heard = false
        var room = [UInt8](repeating: 0, count: 1 << 16)
        for _ in 0..<Self.batch {
            var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&waiting, 1, 0) > 0 else { break }
            var sender: UInt32 = 0
            let length = room.withUnsafeMutableBytes {
                culvert_netlink_receive(descriptor, $0.baseAddress, $0.count, &sender)
            }
            // An overflow (ENOBUFS) says that more has changed than fits.
            if length == -Int64(ENOBUFS) || (length > 0 && sender == 0) { heard = true }
            if length < 0, length != -Int64(ENOBUFS) { break }
        }
        return heard
    }
}
