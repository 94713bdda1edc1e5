public import IPsecTypes

/// Why a packet was not sealed.
public enum SealFault: Error, Hashable, Sendable, CaseIterable {
    /// Sequence numbers or IVs are used up: the SA must be replaced.
    case exhausted
    /// The frame has no room for header, padding and ICV.
    case noRoom
    /// libcrypto refused.
    case libcrypto
}

/// Where a sealed packet lies in its frame.
public struct SealedPacket: Hashable, Sendable {
    /// The offset of its SPI.
    public var offset: Int
    /// Its length to the end of the ICV.
    public var length: Int
}

/// The sending side of an ESP SA in either mode (RFC 4303 §3.3). One worker owns it.
public struct OutboundSA: ~Copyable {
    /// The SPI it writes.
    public let spi: SPI
    private let cipher: ESPCipher
    private var nextSequence: UInt64
    private let lastSequence: UInt64
    private var ivs: IVCounter

    /// Most bytes that sealing adds: header 8, IV 16, padding 15, trailer 2, ICV 32.
    public static let maximumOverhead = 73
    /// Room a frame needs in front of the inner packet.
    public static let headroom = 24

    /// Makes the SA. `firstSequence` and `firstIV` are above their defaults only when an SA is taken over: numbers may skip
    /// ahead, never back (law 5).
    public init(
        spi: SPI,
        suite: ESPSuite,
        keys: ESPKeys,
        ivEpoch: UInt16,
        firstSequence: UInt64 = 1,
        firstIV: UInt64 = 0
    ) throws(ESPSetupError) {
        self.spi = spi
        cipher = try ESPCipher(suite, keys, sealing: true)
        // RFC 4303 §3.3.3: the first packet has number 1 and the counter never wraps.
        nextSequence = max(1, firstSequence)
        lastSequence = suite.extendedSequenceNumbers ? .max : UInt64(UInt32.max)
        ivs = IVCounter(epoch: ivEpoch, startingAt: firstIV)
    }

    /// Sequence numbers used so far, skipped ones included.
    public var sequencesUsed: UInt64 { nextSequence &- 1 }

    /// Whether an SA without ESN has used so many numbers that it should be replaced; false with ESN.
    public var isNearExhaustion: Bool { nextSequence == 0 || nextSequence > lastSequence &- 1 << 30 }

    /// Passes over `count` sequence numbers: for a takeover, or for another worker that seals with them.
    public mutating func reserve(_ count: UInt64) -> Range<UInt64>? {
        guard nextSequence != 0, nextSequence <= lastSequence, count <= lastSequence &- nextSequence else { return nil }
        let first = nextSequence
        nextSequence &+= count
        return first..<nextSequence
    }

    /// Bytes that sealing adds to an inner packet of `length` bytes.
    public func overhead(_ length: Int) -> Int {
        8 &+ cipher.ivLength &+ padding(length) &+ 2 &+ cipher.icvLength
    }

    private func padding(_ length: Int) -> Int {
        let over = (length &+ 2) % cipher.alignment
        return over == 0 ? 0 : cipher.alignment &- over
    }

    /// Seals the inner packet of `length` bytes at `offset` of `frame` in place. `nextHeader` is 4 for IPv4, 41 for IPv6, and
    /// what ``TransportSplit`` says in transport mode.
    public mutating func seal(
        _ frame: PacketBytes,
        at offset: Int,
        length: Int,
        nextHeader: UInt8
    ) throws(SealFault) -> SealedPacket {
        let head = 8 &+ cipher.ivLength
        let padding = padding(length)
        let start = offset &- head
        let total = head &+ length &+ padding &+ 2 &+ cipher.icvLength
        guard length >= 0, let packet = frame.slice(start, count: total) else { throw .noRoom }
        // After the last number of an ESN counter `nextSequence` is 0.
        guard nextSequence != 0, nextSequence <= lastSequence else { throw .exhausted }
        guard let iv = ivs.next() else { throw .exhausted }
        let sequence = nextSequence
        nextSequence &+= 1
        packet.set32(spi.rawValue, at: 0)
        packet.set32(UInt32(truncatingIfNeeded: sequence), at: 4)
        // RFC 4303 §2.4: padding bytes count 1, 2, 3...
        var pad = 0
        while pad < padding {
            packet.set8(UInt8(truncatingIfNeeded: pad &+ 1), at: head &+ length &+ pad)
            pad &+= 1
        }
        packet.set8(UInt8(truncatingIfNeeded: padding), at: head &+ length &+ padding)
        packet.set8(nextHeader, at: head &+ length &+ padding &+ 1)
        guard cipher.seal(packet, iv: iv, sequence: sequence, plaintextLength: length &+ padding &+ 2) else {
            throw .libcrypto
        }
        return SealedPacket(offset: start, length: total)
    }
}
