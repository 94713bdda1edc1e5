/// An IKE SPI (RFC 7296 §2.6): eight bytes, zero only before the responder has chosen.
public struct IKESPI: Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
    /// The number in host order.
    public var rawValue: UInt64

    /// Makes an SPI.
    public init(_ rawValue: UInt64) { self.rawValue = rawValue }

    /// The SPI of a responder that has not answered.
    public static var zero: IKESPI { IKESPI(0) }

    /// Numeric order.
    public static func < (left: IKESPI, right: IKESPI) -> Bool { left.rawValue < right.rawValue }

    /// 16 hexadecimal digits.
    public var description: String { paddedHex(rawValue, digits: 16) }
}

/// An ESP SPI (RFC 4303 §2.1). 0 means none and 1-255 are reserved.
public struct SPI: Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
    /// The number in host order.
    public var rawValue: UInt32

    /// Makes an SPI.
    public init(_ rawValue: UInt32) { self.rawValue = rawValue }

    /// Numeric order.
    public static func < (left: SPI, right: SPI) -> Bool { left.rawValue < right.rawValue }

    /// 8 hexadecimal digits.
    public var description: String { paddedHex(UInt64(rawValue), digits: 8) }

    /// Whether RFC 4303 §2.1 lets an SA use this value.
    public var isUsable: Bool { rawValue > 255 }
}

/// Lower-case hexadecimal, padded with zeros.
public func paddedHex(_ value: UInt64, digits: Int) -> String {
    let text = String(value, radix: 16)
    return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
}

/// Hands out SPIs that carry node and shard bits yet look random (law 5).
///
/// A counter is concatenated with the node and shard bits and sent through a keyed permutation (a four-round Feistel
/// network over a 64-bit mixing function), so no SPI repeats before the counter wraps and an outsider cannot guess the
/// next one. The permutation is for spreading, not for secrecy: SPIs travel in clear.
public struct SPIAllocator: Sendable {
    /// Bits for the node: up to 16 gateways in a cluster.
    public static let nodeBits = 4
    /// Bits for the shard: up to 16 control threads a node.
    public static let shardBits = 4

    private let key: [UInt64]
    private let node: UInt64
    private let shard: UInt64
    private var espCounter: UInt64
    private var ikeCounter: UInt64

    /// Makes an allocator for one shard. `key` is shared by the cluster; the counters start at a random place.
    public init(node: UInt8, shard: UInt8, key: (UInt64, UInt64), start: UInt64) {
        precondition(node < 1 << Self.nodeBits && shard < 1 << Self.shardBits, "node and shard have four bits each")
        self.key = [key.0, key.1, key.0 &+ 0x9E37_79B9_7F4A_7C15, key.1 ^ 0xD1B5_4A32_D192_ED03]
        self.node = UInt64(node)
        self.shard = UInt64(shard)
        espCounter = start & 0xFF_FFFF
        ikeCounter = start
    }

    /// The next ESP SPI; never 0...255.
    public mutating func nextSPI() -> SPI {
        while true {
            espCounter = (espCounter &+ 1) & 0xFF_FFFF
            let plain = node << 28 | shard << 24 | espCounter
            let spi = SPI(UInt32(truncatingIfNeeded: permute(plain, halfBits: 16)))
            if spi.isUsable { return spi }
        }
    }

    /// The next IKE SPI; never 0.
    public mutating func nextIKESPI() -> IKESPI {
        while true {
            ikeCounter = ikeCounter &+ 1
            let plain = node << 60 | shard << 56 | ikeCounter & 0xFF_FFFF_FFFF_FFFF
            let spi = IKESPI(permute(plain, halfBits: 32))
            if spi != .zero { return spi }
        }
    }

    /// The node and shard that allocated `spi`.
    public func owner(of spi: SPI) -> (node: UInt8, shard: UInt8) {
        let plain = unpermute(UInt64(spi.rawValue), halfBits: 16)
        return (UInt8(plain >> 28), UInt8(plain >> 24 & 0xF))
    }

    /// The node and shard that allocated `spi`.
    public func owner(of spi: IKESPI) -> (node: UInt8, shard: UInt8) {
        let plain = unpermute(spi.rawValue, halfBits: 32)
        return (UInt8(plain >> 60), UInt8(plain >> 56 & 0xF))
    }

    private func permute(_ value: UInt64, halfBits: UInt64) -> UInt64 {
        let mask: UInt64 = (1 << halfBits) - 1
        var left = value >> halfBits
        var right = value & mask
        for round in key { (left, right) = (right, left ^ (mix(right ^ round) & mask)) }
        return left << halfBits | right
    }

    private func unpermute(_ value: UInt64, halfBits: UInt64) -> UInt64 {
        let mask: UInt64 = (1 << halfBits) - 1
        var left = value >> halfBits
        var right = value & mask
        for round in key.reversed() { (left, right) = (right ^ (mix(left ^ round) & mask), left) }
        return left << halfBits | right
    }

    private func mix(_ value: UInt64) -> UInt64 {
        var z = value &+ 0x9E37_79B9_7F4A_7C15
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
