import IPsecTypes

/// An ESP packet of the simulation: real header, real IV, and instead of encryption a tag that depends on every key byte.
struct SimulatedESP {
    static let byteCount = 48

    var spi: SPI
    var sequence: UInt64
    var iv: UInt64
    /// Names the inner packet in the world's ledger of traffic.
    var number: UInt64
    var source: UInt32
    var destination: UInt32
    var tag: UInt64 = 0

    func tag(keyDigest: UInt64) -> UInt64 {
        var digest = Digest()
        digest.add(keyDigest)
        for part in [UInt64(spi.rawValue), sequence, iv, number, UInt64(source) << 32 | UInt64(destination)] {
            digest.add(part)
        }
        return digest.value
    }

    var bytes: [UInt8] {
        var writer = WireWriter(capacity: Self.byteCount)
        writer.writeUInt32(spi.rawValue)
        writer.writeUInt64(sequence)
        writer.writeUInt64(iv)
        writer.writeUInt64(number)
        writer.writeUInt32(source)
        writer.writeUInt32(destination)
        writer.writeUInt64(tag)
        writer.writeUInt32(0)
        return writer.bytes
    }

    static func parse(_ bytes: [UInt8]) -> SimulatedESP? {
        try? read(bytes.span)
    }

    private static func read(_ bytes: Span<UInt8>) throws(ParseError) -> SimulatedESP {
        var reader = WireReader(count: bytes.count)
        var packet = SimulatedESP(
            spi: SPI(try reader.readUInt32(bytes)),
            sequence: try reader.readUInt64(bytes),
            iv: try reader.readUInt64(bytes),
            number: try reader.readUInt64(bytes),
            source: try reader.readUInt32(bytes),
            destination: try reader.readUInt32(bytes)
        )
        packet.tag = try reader.readUInt64(bytes)
        guard try reader.readUInt32(bytes) == 0 else { throw .badValue }
        try reader.expectEnd()
        return packet
    }
}
