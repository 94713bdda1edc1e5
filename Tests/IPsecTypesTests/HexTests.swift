import IPsecTypes
import Testing

@Test func hexadecimalReadsWhatItWrites() {
    for count in 0...64 {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 5) }
        #expect(Hex.decode(Hex.encode(bytes).utf8) == bytes)
        #expect(Hex.decode(Hex.encode(bytes).uppercased().utf8) == bytes)
    }
}

@Test func whatIsNotPairsOfDigitsIsNoHexadecimal() {
    for text in ["0", "abc", "0x", "-0", "+f", " 0", "0g", "é0", "٠٠", "00 00", "00\n"] {
        #expect(Hex.decode(text.utf8) == nil, "\(text)")
    }
}
