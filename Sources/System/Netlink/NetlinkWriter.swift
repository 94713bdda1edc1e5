import IPsecTypes

/// Builds netlink messages: host byte order, attributes padded to 4 bytes, lengths filled in afterwards.
///
///      0                   1                   2                   3
///      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
///     +-------------------------------------------------------------+
///     |                    length with this header                   |
///     +------------------------------+------------------------------+
///     |            type              |            flags             |
///     +------------------------------+------------------------------+
///     |                       sequence number                        |
///     +-------------------------------------------------------------+
///     |                     port id (0: the kernel)                  |
///     +-------------------------------------------------------------+
///     |  a fixed header of the type, then attributes:                |
///     |  length (16), type (16), bytes, padding to 4                 |
struct NetlinkWriter: Sendable {
    private(set) var bytes: [UInt8] = []

    init() {}

    mutating func writeUInt8(_ value: UInt8) { bytes.append(value) }

    mutating func writeUInt16(_ value: UInt16) { withUnsafeBytes(of: value) { bytes.append(contentsOf: $0) } }

    mutating func writeUInt32(_ value: UInt32) { withUnsafeBytes(of: value) { bytes.append(contentsOf: $0) } }

    mutating func writeInt32(_ value: Int32) { writeUInt32(UInt32(bitPattern: value)) }

    mutating func writeBytes(_ value: some Sequence<UInt8>) { bytes.append(contentsOf: value) }

    mutating func align() {
        while bytes.count % 4 != 0 { bytes.append(0) }
    }

    mutating func attribute(_ type: UInt16, _ value: some Collection<UInt8>) {
        writeUInt16(UInt16(clamping: 4 + value.count))
        writeUInt16(type)
        writeBytes(value)
        align()
    }

    mutating func attribute(_ type: UInt16, number value: UInt32) {
        attribute(type, withUnsafeBytes(of: value) { Array($0) })
    }

    /// A number in network order, as nf_tables wants all of them.
    mutating func attribute(_ type: UInt16, bigEndian value: UInt32) {
        attribute(type, withUnsafeBytes(of: value.bigEndian) { Array($0) })
    }

    /// Text with the closing zero byte that the kernel expects.
    mutating func attribute(_ type: UInt16, text: String) {
        attribute(type, Array(text.utf8) + [0])
    }

    mutating func nested(_ type: UInt16, _ body: (inout NetlinkWriter) -> Void) {
        var inner = NetlinkWriter()
        body(&inner)
        attribute(type | 0x8000, inner.bytes)
    }

    /// A whole message.
    static func message(type: UInt16, flags: UInt16, sequence: UInt32, body: [UInt8]) -> [UInt8] {
        var writer = NetlinkWriter()
        writer.writeUInt32(UInt32(clamping: 16 + body.count))
        writer.writeUInt16(type)
        writer.writeUInt16(flags)
        writer.writeUInt32(sequence)
        writer.writeUInt32(0)
        writer.writeBytes(body)
        writer.align()
        return writer.bytes
    }
}

/// Message types and flags common to all netlink families (linux/netlink.h).
enum NetlinkCode {
    static let noOperation: UInt16 = 1
    static let error: UInt16 = 2
    static let done: UInt16 = 3

    static let request: UInt16 = 0x01
    static let acknowledge: UInt16 = 0x04
    static let dumpInterrupted: UInt16 = 0x10
    static let dump: UInt16 = 0x300
    static let replace: UInt16 = 0x100
    static let exclusive: UInt16 = 0x200
    static let create: UInt16 = 0x400
    static let append: UInt16 = 0x800

    /// On an answer: the original message was left out.
    static let capped: UInt16 = 0x100
    /// On an answer: attributes explain the error.
    static let explained: UInt16 = 0x200
}
