import IPsecTypes
import Testing

struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func int(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self) }
}

@Test func theReaderReadsNetworkOrder() throws {
    let bytes: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17]
    var reader = WireReader(count: bytes.count)
    #expect(try reader.readUInt8(bytes.span) == 1)
    #expect(try reader.readUInt16(bytes.span) == 0x0203)
    #expect(try reader.readUInt32(bytes.span) == 0x0405_0607)
    #expect(try reader.readUInt64(bytes.span) == 0x0809_0A0B_0C0D_0E0F)
    #expect(throws: ParseError.trailingBytes) { try reader.expectEnd() }
    #expect(try reader.readRemaining(bytes.span) == [16, 17])
    try reader.expectEnd()
}

@Test func theWriterIsTheReadersMirror() throws {
    var writer = WireWriter()
    writer.writeUInt8(1)
    writer.writeUInt16(0xFFFE)
    writer.writeUInt32(3)
    writer.writeUInt64(.max)
    writer.writeBytes([7, 8])
    writer.writeZeros(2)
    writer.patchUInt16(0xABCD, at: 1)
    writer.patchUInt32(9, at: 3)
    let bytes = writer.bytes
    var reader = WireReader(count: bytes.count)
    #expect(try reader.readUInt8(bytes.span) == 1)
    #expect(try reader.readUInt16(bytes.span) == 0xABCD)
    #expect(try reader.readUInt32(bytes.span) == 9)
    #expect(try reader.readUInt64(bytes.span) == .max)
    #expect(try reader.readRemaining(bytes.span) == [7, 8, 0, 0])
}

@Test func noCallOfTheReaderTrapsWhateverTheArguments() {
    var generator = SeededGenerator(seed: 1)
    let lengths = [Int.min, -1, 0, 1, 2, 7, 100, 65_535, Int.max]
    for _ in 0..<5000 {
        let bytes = [UInt8](repeating: 7, count: generator.int(0...12))
        // A count that lies about the span must not trap either.
        var reader = WireReader(count: generator.chance() ? bytes.count : generator.int(0...20))
        for _ in 0..<8 {
            let length = lengths[generator.int(0...(lengths.count - 1))]
            switch generator.int(0...7) {
            case 0: _ = try? reader.readUInt8(bytes.span)
            case 1: _ = try? reader.readUInt16(bytes.span)
            case 2: _ = try? reader.readUInt32(bytes.span)
            case 3: _ = try? reader.readUInt64(bytes.span)
            case 4: _ = try? reader.readBytes(bytes.span, count: length)
            case 5: _ = try? reader.skip(length)
            case 6: if let part = try? reader.slice(length) { reader = part }
            default: _ = try? reader.readRemaining(bytes.span)
            }
            #expect(reader.remaining >= 0)
        }
    }
}

extension SeededGenerator {
    mutating func chance() -> Bool { int(0...1) == 0 }
}

@Test func aSliceCannotReadBeyondItself() throws {
    let bytes: [UInt8] = [1, 2, 3, 4]
    var reader = WireReader(count: 4)
    var part = try reader.slice(2)
    var copy = part
    #expect(throws: ParseError.truncated) { try copy.readUInt32(bytes.span) }
    #expect(try part.readUInt16(bytes.span) == 0x0102)
    #expect(part.isAtEnd)
    #expect(try reader.readUInt16(bytes.span) == 0x0304)
    #expect(throws: ParseError.truncated) { try reader.slice(1) }
}
