/// Why bytes from the network could not be read.
public enum ParseError: Error, Hashable, Sendable {
    /// Fewer bytes were left than the field needs.
    case truncated
    /// A length field contradicts the bytes around it.
    case badLength
    /// A field holds a value that the specification forbids.
    case badValue
    /// More elements than the named limit allows.
    case limitExceeded
    /// Bytes were left over where the structure must end.
    case trailingBytes
}

/// The one checked reader for wire bytes: a cursor over a span that cannot run past its end.
///
/// The span is passed to each call because a type of ours may not store one. A cursor made by ``slice(_:)`` reads a part
/// of the same span with the same absolute offsets. No call traps, whatever the input.
public struct WireReader: Sendable {
    /// The offset of the next byte to read, counted from the start of the span.
    public private(set) var offset: Int
    /// The offset at which this reader stops.
    public private(set) var end: Int

    /// Reads the whole of a span of `count` bytes.
    public init(count: Int) {
        offset = 0
        end = count
    }

    /// Bytes that have not been read yet.
    @inlinable
    public var remaining: Int { end &- offset }

    /// Whether everything was read.
    @inlinable
    public var isAtEnd: Bool { offset == end }

    private mutating func take(_ count: Int) throws(ParseError) -> Int {
        guard count >= 0, count <= end &- offset else { throw .truncated }
        let start = offset
        offset = start &+ count
        return start
    }

    /// Reads one byte.
    public mutating func readUInt8(_ bytes: Span<UInt8>) throws(ParseError) -> UInt8 {
        let at = try take(1)
        return try byte(bytes, at)
    }

    /// Reads a big-endian 16-bit number.
    public mutating func readUInt16(_ bytes: Span<UInt8>) throws(ParseError) -> UInt16 {
        let at = try take(2)
        return UInt16(try byte(bytes, at)) << 8 | UInt16(try byte(bytes, at &+ 1))
    }

    /// Reads a big-endian 32-bit number.
    public mutating func readUInt32(_ bytes: Span<UInt8>) throws(ParseError) -> UInt32 {
        UInt32(try readUInt16(bytes)) << 16 | UInt32(try readUInt16(bytes))
    }

    /// Reads a big-endian 64-bit number.
    public mutating func readUInt64(_ bytes: Span<UInt8>) throws(ParseError) -> UInt64 {
        UInt64(try readUInt32(bytes)) << 32 | UInt64(try readUInt32(bytes))
    }

    /// Reads `count` bytes into a new array. The length is checked before anything is allocated.
    public mutating func readBytes(_ bytes: Span<UInt8>, count: Int) throws(ParseError) -> [UInt8] {
        let start = try take(count)
        guard start &+ count <= bytes.count else { throw .truncated }
        var copy: [UInt8] = []
        copy.reserveCapacity(count)
        for index in start..<(start &+ count) { copy.append(bytes[index]) }
        return copy
    }

    /// Reads all that is left.
    public mutating func readRemaining(_ bytes: Span<UInt8>) throws(ParseError) -> [UInt8] {
        try readBytes(bytes, count: remaining)
    }

    /// Passes over `count` bytes.
    public mutating func skip(_ count: Int) throws(ParseError) {
        _ = try take(count)
    }

    /// Cuts off a reader for the next `count` bytes and moves past them.
    public mutating func slice(_ count: Int) throws(ParseError) -> WireReader {
        let start = try take(count)
        var part = self
        part.offset = start
        part.end = start &+ count
        return part
    }

    /// Refuses left-over bytes.
    public func expectEnd() throws(ParseError) {
        guard isAtEnd else { throw .trailingBytes }
    }

    private func byte(_ bytes: Span<UInt8>, _ index: Int) throws(ParseError) -> UInt8 {
        guard index >= 0, index < bytes.count else { throw .truncated }
        return bytes[index]
    }
}
