import CLinux
import Glibc
import IPsecTypes

/// A TUN interface, or one queue of it: IP packets without any framing, non-blocking, in batches.
///
/// The interface lives as long as its last descriptor: addresses and routes on it vanish with the process, however it
/// ends. Bringing it up and giving it addresses is RouteNetlink's.
public final class TUNDevice: Sendable {
    /// The descriptor, for ``Poller``.
    public let descriptor: CInt
    /// The interface's name.
    public let name: String
    /// Whether further queues can be opened.
    public let isMultiQueue: Bool

    /// Creates the interface, or attaches to a persistent one of that name.
    ///
    /// - Parameters:
    ///   - name: at most 15 bytes; a name with `%d` in it gets the first free number.
    ///   - multiQueue: whether further queues are going to be opened with ``openQueue()``.
    public init(name: String, multiQueue: Bool = false) throws(IOFailure) {
        guard (1...15).contains(name.utf8.count), !name.utf8.contains(where: { $0 <= 32 || $0 == 47 || $0 >= 127 })
        else {
            throw IOFailure(
                call: "create TUN interface",
                code: EINVAL,
                text: "not an interface name",
                hint: "use 1 to 15 letters and digits"
            )
        }
        let call = "create TUN interface \(name)"
        let opened = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK)
        guard opened >= 0 else { throw Self.openFailure(errno) }
        var actual = [CChar](repeating: 0, count: 16)
        let result = culvert_tun_attach(opened, name, &actual, actual.count, multiQueue)
        guard result >= 0 else {
            close(opened)
            throw IOFailure(call: call, code: -result, hint: Self.attachHint(-result, name))
        }
        descriptor = opened
        isMultiQueue = multiQueue
        self.name = String(decoding: actual.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit { close(descriptor) }

    /// Opens another queue of the same interface, for another worker.
    public func openQueue() throws(IOFailure) -> TUNDevice {
        precondition(isMultiQueue, "the interface was not created with several queues")
        return try TUNDevice(name: name, multiQueue: true)
    }

    /// Reads the packets that are waiting, without blocking, into the batch; what it held is dropped.
    ///
    /// - Returns: the number of packets; 0 when nothing is waiting. A packet as long as the batch's room or longer
    ///   arrives with length 0 and the flag `truncated`.
    public func read(into batch: PacketBatch) throws(IOFailure) -> Int {
        var layout = batch.layout
        let got = culvert_tun_read(descriptor, &layout, 0, UInt32(batch.capacity))
        batch.count = max(0, Int(got))
        guard got >= 0 else { throw IOFailure(call: "read \(name)", code: -got, hint: Self.goneHint(-got, name)) }
        return Int(got)
    }

    /// Writes frames of the batch as packets received by this host on the interface; as ``UDPSocket/send(_:_:)``.
    public func write(_ batch: PacketBatch, _ range: Range<Int>) -> SendOutcome {
        sendFrames(batch, range) { layout, first, count in
            culvert_tun_write(descriptor, &layout, UInt32(first), UInt32(count))
        }
    }

    private static func openFailure(_ code: CInt) -> IOFailure {
        let hint =
            switch code {
            case ENOENT, ENODEV, ENXIO:
                "load the module: modprobe tun; in a container start it with --device /dev/net/tun; "
                    + "or use proxy mode, which needs no TUN"
            case EPERM, EACCES:
                "run as root or with CAP_NET_ADMIN; in a container add --cap-add NET_ADMIN --device /dev/net/tun; "
                    + "or use proxy mode, which needs no TUN"
            default: ""
            }
        return IOFailure(call: "open /dev/net/tun", code: code, hint: hint)
    }

    private static func attachHint(_ code: CInt, _ name: String) -> String {
        switch code {
        case EPERM, EACCES: "run as root or with CAP_NET_ADMIN (systemd: AmbientCapabilities=CAP_NET_ADMIN)"
        case EBUSY: "another program holds \(name); see: ip -d link show \(name); or choose another name"
        case EINVAL: "an interface \(name) of another kind exists; see: ip -d link show \(name)"
        default: ""
        }
    }

    private static func goneHint(_ code: CInt, _ name: String) -> String {
        code == EBADFD || code == ENODEV ? "somebody deleted \(name); restart to make it anew" : ""
    }
}
