/// A window on packet bytes that someone else owns: the one reader and writer of packets in the data plane (law 2).
///
/// Reads answer nil and writes do nothing outside the window, whatever the offset: no packet can make one trap. The owner
/// of the memory keeps it alive and lends it to one thread at a time.
public struct PacketBytes {
    @usableFromInline let base: UnsafeMutableRawPointer
    /// Bytes in the window.
    public let count: Int

    /// A window on `buffer`; an empty buffer gives an empty window.
    @inlinable
    public init(_ buffer: UnsafeMutableRawBufferPointer) {
        if let start = buffer.baseAddress {
            self.init(start, count: buffer.count)
        } else {
            self.init(UnsafeMutableRawPointer(bitPattern: 16).unsafelyUnwrapped, count: 0)
        }
    }

    /// A window of `count` bytes at `base`, which the caller owns.
    @inlinable
    public init(_ base: UnsafeMutableRawPointer, count: Int) {
        self.base = base
        self.count = max(0, count)
    }

    /// The window as a buffer, for calls that copy it whole.
    @inlinable public var buffer: UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(start: base, count: count)
    }

    /// Whether `length` bytes lie at `offset`.
    @inlinable
    public func has(_ length: Int, at offset: Int) -> Bool {
        offset >= 0 && length >= 0 && length <= count && offset <= count &- length
    }

    /// The byte at `offset`.
    @inlinable
    public func uint8(at offset: Int) -> UInt8? {
        has(1, at: offset) ? base.load(fromByteOffset: offset, as: UInt8.self) : nil
    }

    /// The big-endian 16-bit number at `offset`.
    @inlinable
    public func uint16(at offset: Int) -> UInt16? {
        has(2, at: offset) ? UInt16(bigEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt16.self)) : nil
    }

    /// The big-endian 32-bit number at `offset`.
    @inlinable
    public func uint32(at offset: Int) -> UInt32? {
        has(4, at: offset) ? UInt32(bigEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt32.self)) : nil
    }

    /// The big-endian 64-bit number at `offset`.
    @inlinable
    public func uint64(at offset: Int) -> UInt64? {
        has(8, at: offset) ? UInt64(bigEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) : nil
    }

    /// Writes one byte; false, and nothing written, outside the window.
    @inlinable @discardableResult
    public func set8(_ value: UInt8, at offset: Int) -> Bool {
        guard has(1, at: offset) else { return false }
        base.storeBytes(of: value, toByteOffset: offset, as: UInt8.self)
        return true
    }

    /// Writes a 16-bit number, big-endian; false, and nothing written, outside the window.
    @inlinable @discardableResult
    public func set16(_ value: UInt16, at offset: Int) -> Bool {
        guard has(2, at: offset) else { return false }
        base.storeBytes(of: value.bigEndian, toByteOffset: offset, as: UInt16.self)
        return true
    }

    /// Writes a 32-bit number, big-endian; false, and nothing written, outside the window.
    @inlinable @discardableResult
    public func set32(_ value: UInt32, at offset: Int) -> Bool {
        guard has(4, at: offset) else { return false }
        base.storeBytes(of: value.bigEndian, toByteOffset: offset, as: UInt32.self)
        return true
    }

    /// Writes a 64-bit number, big-endian; false, and nothing written, outside the window.
    @inlinable @discardableResult
    public func set64(_ value: UInt64, at offset: Int) -> Bool {
        guard has(8, at: offset) else { return false }
        base.storeBytes(of: value.bigEndian, toByteOffset: offset, as: UInt64.self)
        return true
    }

    /// A narrower window; nil when it does not fit into this one.
    @inlinable
    public func slice(_ offset: Int, count length: Int) -> PacketBytes? {
        has(length, at: offset) ? PacketBytes(base + offset, count: length) : nil
    }

    /// Copies `length` bytes of `source` to `offset`; false, and nothing copied, when either end does not fit.
    @inlinable @discardableResult
    public func copy(_ length: Int, of source: PacketBytes, from sourceOffset: Int, to offset: Int) -> Bool {
        guard has(length, at: offset), source.has(length, at: sourceOffset) else { return false }
        (base + offset).copyMemory(from: source.base + sourceOffset, byteCount: length)
        return true
    }

    /// The sum of the 32-bit words, in the machine's byte order, of `length` bytes at `offset`, a multiple of 16; zero
    /// outside the window. One check for all, so that the loop becomes vector instructions.
    func sum(at offset: Int, length: Int) -> UInt64 {
        guard has(length, at: offset) else { return 0 }
        let start = base + offset
        var (first, second): (UInt64, UInt64) = (0, 0)
        var place = 0
        while place &+ 16 <= length {
            let left = start.loadUnaligned(fromByteOffset: place, as: UInt64.self)
            let right = start.loadUnaligned(fromByteOffset: place &+ 8, as: UInt64.self)
            first &+= (left & 0xFFFF_FFFF) &+ (left >> 32)
            second &+= (right & 0xFFFF_FFFF) &+ (right >> 32)
            place &+= 16
        }
        return first &+ second
    }

    /// Whether `length` bytes at `offset` are the same as those of `other` at its `otherOffset`; false outside a window.
    @inlinable
    func equals(_ other: PacketBytes, _ length: Int, at offset: Int, other otherOffset: Int) -> Bool {
        guard has(length, at: offset), other.has(length, at: otherOffset) else { return false }
        var place = 0
        while place &+ 4 <= length {
            guard uint32(at: offset &+ place) == other.uint32(at: otherOffset &+ place) else { return false }
            place &+= 4
        }
        while place < length {
            guard uint8(at: offset &+ place) == other.uint8(at: otherOffset &+ place) else { return false }
            place &+= 1
        }
        return true
    }

    /// The bytes as a pointer for a C call that gets `length` with it; nil when they do not lie in the window.
    @inlinable
    func pointer(at offset: Int, length: Int) -> UnsafeMutablePointer<UInt8>? {
        has(length, at: offset) ? (base + offset).assumingMemoryBound(to: UInt8.self) : nil
    }
}
