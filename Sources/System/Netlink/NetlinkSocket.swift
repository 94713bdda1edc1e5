import CLinux
import Glibc
import IPsecTypes
import Synchronization

/// One netlink socket: a request at a time, with its answers. Blocking, at most 5 seconds.
///
/// Whatever arrives is read with checks: an answer that makes no sense is a failure, never a trap.
final class NetlinkSocket: Sendable {
    /// Objects that one dump may bring: more than a full BGP table of both families.
    static let maximumObjects = 2 << 20
    /// Times a dump is begun again because what it listed changed meanwhile.
    static let dumpAttempts = 8
    /// Room for one datagram of answers; the kernel fills 32 KiB at most.
    private static let datagram = 1 << 16

    let descriptor: CInt
    private let sequence = Mutex<UInt32>(1)

    init(netlinkProtocol: CInt) throws(IOFailure) {
        let opened = culvert_netlink_socket(netlinkProtocol)
        guard opened >= 0 else {
            throw IOFailure(
                call: "open netlink socket",
                code: -opened,
                hint: opened == -EPROTONOSUPPORT
                    ? "this kernel has no such netlink family; load its module or use another kernel" : ""
            )
        }
        descriptor = opened
    }

    deinit { close(descriptor) }

    /// Asks for something to be done, or for one object.
    @discardableResult
    func transact(
        _ call: @autoclosure () -> String,
        type: UInt16,
        flags: UInt16 = 0,
        body: [UInt8]
    )
        throws(IOFailure) -> [NetlinkMessage]
    {
        try sequence.withLock { (sequence) throws(IOFailure) in
            sequence &+= 1
            let request = NetlinkWriter.message(
                type: type,
                flags: NetlinkCode.request | NetlinkCode.acknowledge | flags,
                sequence: sequence,
                body: body
            )
            try send(request, call())
            return try collect(sequence, call(), interrupted: nil)
        }
    }

    /// Asks for all objects of a kind.
    func dump(_ call: @autoclosure () -> String, type: UInt16, body: [UInt8]) throws(IOFailure) -> [NetlinkMessage] {
        try sequence.withLock { (sequence) throws(IOFailure) in
            for _ in 0..<Self.dumpAttempts {
                sequence &+= 1
                let request = NetlinkWriter.message(
                    type: type,
                    flags: NetlinkCode.request | NetlinkCode.dump,
                    sequence: sequence,
                    body: body
                )
                try send(request, call())
                var interrupted = false
                let objects = try collect(sequence, call(), interrupted: &interrupted)
                if !interrupted { return objects }
            }
            throw IOFailure(call: call(), code: EAGAIN, text: "what was listed kept changing")
        }
    }

    /// Sends several messages as one datagram and waits for the acknowledgement of each.
    func transactBatch(_ call: String, _ messages: [(type: UInt16, flags: UInt16, body: [UInt8])]) throws(IOFailure) {
        try sequence.withLock { (sequence) throws(IOFailure) in
            var datagram: [UInt8] = []
            let first = sequence &+ 1
            var expected = 0
            for message in messages {
                sequence &+= 1
                datagram += NetlinkWriter.message(
                    type: message.type,
                    flags: message.flags,
                    sequence: sequence,
                    body: message.body
                )
                if message.flags & NetlinkCode.acknowledge != 0 { expected += 1 }
            }
            try send(datagram, call)
            var acknowledged = 0
            while acknowledged < expected {
                for message in try receive(call) where message.sequence &- first < UInt32(messages.count) {
                    guard message.type == NetlinkCode.error else { continue }
                    try Self.checkError(message, call)
                    acknowledged += 1
                }
            }
        }
    }

    private func send(_ bytes: [UInt8], _ call: String) throws(IOFailure) {
        let result = bytes.withUnsafeBytes { culvert_netlink_send(descriptor, $0.baseAddress, $0.count) }
        guard result == 0 else { throw IOFailure(call: call, code: -result) }
    }

    private func collect(
        _ sequence: UInt32,
        _ call: String,
        interrupted: UnsafeMutablePointer<Bool>?
    )
        throws(IOFailure) -> [NetlinkMessage]
    {
        var objects: [NetlinkMessage] = []
        while true {
            for message in try receive(call) where message.sequence == sequence {
                if message.flags & NetlinkCode.dumpInterrupted != 0 { interrupted?.pointee = true }
                switch message.type {
                case NetlinkCode.noOperation: continue
                case NetlinkCode.done, NetlinkCode.error:
                    try Self.checkError(message, call)
                    return objects
                default:
                    guard objects.count < Self.maximumObjects else { throw Self.malformed(call, .limitExceeded) }
                    objects.append(message)
                }
            }
        }
    }

    /// The messages of the next datagram that the kernel itself sent.
    private func receive(_ call: String) throws(IOFailure) -> [NetlinkMessage] {
        while true {
            var sender: UInt32 = 0
            var length: Int64 = 0
            let bytes = [UInt8](unsafeUninitializedCapacity: Self.datagram) { buffer, initialized in
                length = culvert_netlink_receive(descriptor, buffer.baseAddress, Self.datagram, &sender)
                initialized = Int(min(max(length, 0), Int64(Self.datagram)))
            }
            if length == -Int64(EAGAIN) {
                throw IOFailure(call: call, code: ETIMEDOUT, text: "the kernel did not answer within 5 s")
            }
            guard length >= 0 else { throw IOFailure(call: call, code: CInt(-length)) }
            // Any local process may send to our port id; only the kernel's is 0.
            guard sender == 0 else { continue }
            guard length <= Int64(Self.datagram) else { throw Self.malformed(call, .truncated) }
            do throws(ParseError) {
                return try NetlinkMessage.split(bytes.span)
            } catch {
                throw Self.malformed(call, error)
            }
        }
    }

    static func malformed(_ call: String, _ error: ParseError) -> IOFailure {
        IOFailure(call: call, code: EPROTO, text: "the kernel's answer is malformed (\(error))")
    }

    /// Throws what an error or done message reports; 0 is success.
    static func checkError(_ message: NetlinkMessage, _ call: String) throws(IOFailure) {
        let code: Int32
        let words: String?
        do throws(ParseError) {
            let bytes = message.body.span
            var reader = NetlinkReader(count: bytes.count)
            // A done message without a body is a success on old kernels.
            if message.type == NetlinkCode.done, reader.remaining < 4 { return }
            code = try reader.readInt32(bytes)
            guard code != 0 else { return }
            guard code > Int32.min else { throw .badValue }
            words = message.type == NetlinkCode.error ? try explanation(message) : nil
        } catch {
            throw malformed(call, error)
        }
        var failure = IOFailure(call: call, code: abs(code), hint: hint(abs(code)))
        if let words { failure.text += " (\(words))" }
        throw failure
    }

    private static func explanation(_ message: NetlinkMessage) throws(ParseError) -> String? {
        guard message.flags & NetlinkCode.explained != 0 else { return nil }
        let bytes = message.body.span
        var reader = NetlinkReader(count: bytes.count)
        try reader.skip(4)
        let original = Int(try reader.readUInt32(bytes))
        guard original >= 16 else { throw .badLength }
        let copied = message.flags & NetlinkCode.capped != 0 ? 16 : (original + 3) & ~3
        // NLMSGERR_ATTR_MSG
        return try NetlinkAttributes(message.body, skipping: 4 + copied).text(1)
    }

    private static func hint(_ code: CInt) -> String {
        code == EPERM || code == EACCES ? "needs root or CAP_NET_ADMIN" : ""
    }
}
