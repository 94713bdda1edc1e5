public import IPsecTypes

/// The Internet checksum (RFC 1071) and its incremental update (RFC 1624).
public enum Checksum {
    /// Adds the 16-bit words of `length` bytes at `offset` to a running sum; bytes outside the window count as zero.
    public static func sum(_ bytes: PacketBytes, at offset: Int, length: Int, adding start: UInt64 = 0) -> UInt64 {
        guard offset >= 0, offset < bytes.count else { return start }
        let end = offset &+ min(max(0, length), bytes.count &- offset)
        // RFC 1071 §2: the sum may be taken in any byte order and any word size, and is turned round at the end.
        let whole = (end &- offset) & ~15
        var position = offset &+ whole
        var folded = bytes.sum(at: offset, length: whole)
        while folded > 0xFFFF { folded = (folded >> 16) &+ (folded & 0xFFFF) }
        var total = start &+ UInt64(UInt16(truncatingIfNeeded: folded).bigEndian)
        while position &+ 1 < end {
            total &+= UInt64(bytes.uint16(at: position) ?? 0)
            position &+= 2
        }
        if position < end { total &+= UInt64(bytes.uint8(at: position) ?? 0) << 8 }
        return total
    }

    /// Folds a running sum into the checksum field's value.
    public static func finish(_ sum: UInt64) -> UInt16 {
        var folded = sum
        while folded > 0xFFFF { folded = (folded >> 16) &+ (folded & 0xFFFF) }
        return ~UInt16(truncatingIfNeeded: folded)
    }

    /// The checksum after one 16-bit word that it covers changed (RFC 1624 §3, equation 3).
    @inlinable
    public static func updated(_ checksum: UInt16, from old: UInt16, to new: UInt16) -> UInt16 {
        var sum = UInt32(~checksum) &+ UInt32(~old) &+ UInt32(new)
        sum = (sum >> 16) &+ (sum & 0xFFFF)
        sum = (sum >> 16) &+ (sum & 0xFFFF)
        return ~UInt16(truncatingIfNeeded: sum)
    }

    /// The running sum of the pseudo-header that TCP, UDP and ICMPv6 checksums begin with (RFC 8200 §8.1, RFC 9293 §3.1).
    public static func pseudoHeader(
        source: IPAddress,
        destination: IPAddress,
        ipProtocol: UInt8,
        length: Int
    ) -> UInt64 {
        words(source) &+ words(destination) &+ UInt64(ipProtocol) &+ UInt64(length >> 16) &+ UInt64(length & 0xFFFF)
    }

    static func words(_ address: IPAddress) -> UInt64 {
        switch address {
        case .v4(let value): UInt64(value >> 16) &+ UInt64(value & 0xFFFF)
        case .v6(let high, let low): words(high) &+ words(low)
        }
    }

    private static func words(_ half: UInt64) -> UInt64 {
        (half >> 48) &+ (half >> 32 & 0xFFFF) &+ (half >> 16 & 0xFFFF) &+ (half & 0xFFFF)
    }
}
