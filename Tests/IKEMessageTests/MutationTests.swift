import IKEMessage
import IPsecTypes
import Testing

/// Changes to a valid message of the kinds that found bugs elsewhere: bits, truncation, lengths, splices.
extension SeededGenerator {
    mutating func mutated(_ seed: [UInt8]) -> [UInt8] {
        var bytes = seed
        for _ in 0..<int(1...3) where !bytes.isEmpty {
            let at = int(0...(bytes.count - 1))
            switch int(0...5) {
            case 0: bytes[at] ^= 1 << UInt8(int(0...7))
            case 1: bytes[at] = [0, 1, 4, 0x7F, 0x80, 0xFE, 0xFF][int(0...6)]
            case 2: bytes.removeLast(int(0...(bytes.count - at)))
            case 3: bytes.insert(contentsOf: self.bytes(1...6), at: at)
            case 4: bytes.removeSubrange(at..<min(bytes.count, at + int(1...8)))
            default: bytes[at] = uint8()
            }
        }
        return bytes
    }
}

/// The header's length is made to fit again, or nothing behind the header would be reached.
private func fitted(_ message: [UInt8]) -> [UInt8] {
    guard message.count >= 28 else { return message }
    var message = message
    for index in 0..<4 { message[24 + index] = UInt8(truncatingIfNeeded: message.count >> (8 * (3 - index))) }
    return message
}

@Test(arguments: 0..<4)
func noMutationOfAMessageTrapsTheParser(part: Int) {
    var generator = SeededGenerator(seed: UInt64(part) + 1000)
    var seeds: [[UInt8]] = []
    for _ in 0..<50 {
        var payloads = generator.list(1...2) { $0.smallPayload() }
        if generator.chance(4) { payloads.append(generator.sealed()) }
        seeds.append(IKEMessage(header: generator.header(), payloads: payloads).serialise())
    }
    var violations: [String] = []
    var accepted = 0
    for round in 0..<15_000 {
        let mutated = generator.mutated(seeds[round % seeds.count])
        let bytes = generator.chance(8) ? mutated : fitted(mutated)
        if (try? IKEMessage.parse(bytes)) != nil { accepted += 1 }
        if let violation = IKEMessageProperties.violation(message: bytes) {
            violations.append("\(violation): \(bytes)")
        }
    }
    #expect(violations.isEmpty)
    // Mutations that never parse would show nothing about writing, ones that always do nothing about refusing.
    #expect((1000...14_000).contains(accepted))
}

@Test(arguments: 0..<4)
func noMutationOfDecryptedContentTrapsTheParser(part: Int) {
    var generator = SeededGenerator(seed: UInt64(part) + 2000)
    var seeds: [[UInt8]] = []
    for _ in 0..<50 {
        let (first, bytes) = IKEMessage.serialiseChain(generator.list(1...2) { $0.smallPayload() })
        seeds.append([first.rawValue] + bytes)
    }
    var violations: [String] = []
    for round in 0..<15_000 {
        let bytes = generator.mutated(seeds[round % seeds.count])
        if let violation = IKEMessageProperties.violation(decrypted: bytes) {
            violations.append("\(violation): \(bytes)")
        }
    }
    #expect(violations.isEmpty)
}

@Test func everyLengthFieldAtItsEdgesIsSurvived() throws {
    // W21: each 16-bit word of a message in turn becomes 0, 1, 2...8, its value plus and minus one, and the maximum.
    var generator = SeededGenerator(seed: 21)
    for maker in SeededGenerator.makers {
        var bytes = IKEMessage(header: generator.header(), payloads: [maker(&generator)]).serialise()
        bytes = fitted(Array(bytes.prefix(120)))
        for offset in 28..<max(28, bytes.count - 1) {
            let value = UInt16(bytes[offset]) << 8 | UInt16(bytes[offset + 1])
            for edge in [0, 1, 2, 3, 4, 5, 6, 7, 8, 255, 256, 65_534, 65_535, value &- 1, value &+ 1] as [UInt16] {
                var changed = bytes
                changed[offset] = UInt8(edge >> 8)
                changed[offset + 1] = UInt8(edge & 255)
                #expect(IKEMessageProperties.violation(message: changed) == nil)
            }
        }
    }
}

extension SeededGenerator {
    /// A payload of at most 120 octets, so that mutations hit structure rather than data.
    mutating func smallPayload() -> Payload {
        while true {
            let candidate = payload()
            if IKEMessage.serialiseChain([candidate]).bytes.count <= 120 { return candidate }
        }
    }
}
