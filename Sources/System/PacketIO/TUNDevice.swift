import CLinux
import Glibc
import IPsecTypes

/// A TUN interface, or one queue of it: IP packets, non-blocking. With offloads each has a virtio header of
/// ``headerSize`` bytes in front, and one may stand for many.
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
    /// What the kernel may leave to us, and takes from us.
    public let offloads: TUNOffloads
    /// Bytes in front of each packet that is read or written: 10 with offloads, else 0.
    public let headerSize: Int

    /// Creates the interface, or attaches to a persistent one of that name.
    ///
    /// - Parameters:
    ///   - name: at most 15 bytes; a name with `%d` in it gets the first free number.
    ///   - multiQueue: whether further queues are going to be opened with ``openQueue()``.
    ///   - wanted: the offloads to ask for; those that the kernel refuses are left out. None: packets without a header.
    public convenience init(
        name: String,
        multiQueue: Bool = false,
        offloads wanted: TUNOffloads = []
    ) throws(IOFailure) {
        try self.init(name, multiQueue, hasHeader: !wanted.isEmpty) { descriptor in
            TUNOffloads.negotiate(wanted) { culvert_tun_offload(descriptor, $0.rawValue) >= 0 }
        }
    }

    private init(
        _ name: String,
        _ multiQueue: Bool,
        hasHeader wantsHeader: Bool,
        _ negotiate: (CInt) -> TUNOffloads
    ) throws(IOFailure) {
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
        var hasHeader = wantsHeader
        let result = culvert_tun_attach(opened, name, &actual, actual.count, multiQueue, &hasHeader)
        guard result >= 0 else {
            close(opened)
            throw IOFailure(call: call, code: -result, hint: Self.attachHint(-result, name))
        }
        descriptor = opened
        isMultiQueue = multiQueue
        headerSize = hasHeader ? 10 : 0
        offloads = hasHeader ? negotiate(opened) : []
        self.name = String(decoding: actual.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit { close(descriptor) }

    /// Opens another queue of the same interface, for another worker.
    public func openQueue() throws(IOFailure) -> TUNDevice {
        precondition(isMultiQueue, "the interface was not created with several queues")
        // Offloads are the interface's; only the header is each queue's.
        return try TUNDevice(name, true, hasHeader: headerSize > 0) { _ in offloads }
    }

    /// Reads one packet with its header, without blocking.
    ///
    /// - Returns: the bytes read; 0 when nothing is waiting. The kernel cuts what does not fit without a word, so a buffer
    ///   of ``longestRead`` bytes is wanted.
    public func read(into buffer: UnsafeMutableRawBufferPointer) throws(IOFailure) -> Int {
        while true {
            let got = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
            if got >= 0 { return got }
            let code = errno
            if code == EINTR { continue }
            if code == EAGAIN || code == EWOULDBLOCK { return 0 }
            throw IOFailure(call: "read \(name)", code: code, hint: Self.goneHint(code, name))
        }
    }

    /// The longest packet with its header.
    public static let longestRead = 65_536 + 16

    /// Writes one packet, in pieces with its header, as received by this host on the interface. Returns 0 or an errno.
    public func write(_ pieces: UnsafePointer<iovec>, count: Int) -> CInt {
        while true {
            if writev(descriptor, pieces, CInt(truncatingIfNeeded: count)) >= 0 { return 0 }
            let code = errno
            if code != EINTR { return code }
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
