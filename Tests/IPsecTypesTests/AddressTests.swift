import IPsecTypes
import Testing

private func v4(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

@Test func addressesAreReadAndPrinted() throws {
    for text in ["0.0.0.0", "255.255.255.255", "::", "2001:db8::1", "fe80::1:2"] {
        #expect(try v4(text).description == text)
    }
    for text in ["", "1.2.3", "1.2.3.4 ", "fe80::1%eth0", "1.2.3.4\0", "gw.example", "1.2.3.256", "::1::"] {
        #expect(IPAddress(text) == nil, "\(text)")
    }
    #expect(IPAddress(bytes: [1, 2, 3] as [UInt8]) == nil)
    #expect(try v4("9.0.0.1") < v4("10.0.0.0"))
    #expect(try v4("255.0.0.0") < v4("::"))
}

@Test func neighboursOfAddressesCarryAndEnd() throws {
    #expect(try v4("10.0.0.255").next == v4("10.0.1.0"))
    #expect(try v4("2001:db8::ffff:ffff:ffff:ffff").next == v4("2001:db8:0:1::"))
    #expect(try v4("2001:db8:0:1::").previous == v4("2001:db8::ffff:ffff:ffff:ffff"))
    for family in IPAddress.Family.allCases {
        #expect(IPAddress.highest(family).next == nil)
        #expect(IPAddress.unspecified(family).previous == nil)
    }
}

@Test func prefixesClearHostBitsAndTextWithHostBitsIsRefused() throws {
    #expect(try IPPrefix(v4("10.1.2.3"), length: 8)?.description == "10.0.0.0/8")
    #expect(try IPPrefix(v4("2001:db8::1"), length: 65)?.description == "2001:db8::/65")
    #expect(try IPPrefix(v4("10.1.2.3"), length: 33) == nil)
    #expect(try IPPrefix(v4("10.1.2.3"), length: -1) == nil)
    #expect(IPPrefix("10.0.0.0/8")?.length == 8)
    #expect(IPPrefix("10.0.0.1")?.length == 32)
    for text in ["10.0.0.1/8", "10.0.0.0/", "10.0.0.0/+8", "10.0.0.0/08x", "10.0.0.0/8/8", "/8", "::/129"] {
        #expect(IPPrefix(text) == nil, "\(text)")
    }
}

@Test func theRangeOfEveryPrefixIsCoveredByThatPrefixAlone() {
    var generator = SeededGenerator(seed: 3)
    for _ in 0..<300 {
        let isIPv4 = generator.chance()
        let address: IPAddress =
            isIPv4
            ? .v4(UInt32(truncatingIfNeeded: generator.next())) : .v6(generator.next(), generator.next())
        let prefix = IPPrefix(address, length: generator.int(0...address.family.bits))
        #expect(prefix?.range.prefixes == prefix.map { [$0] })
        #expect(prefix?.contains(address) == true)
        #expect(prefix?.range.contains(address) == true)
    }
}

@Test func thePrefixesOfAnyRangeCoverItExactlyAndInOrder() {
    var generator = SeededGenerator(seed: 4)
    for round in 0..<300 {
        let range: IPRange?
        if round.isMultiple(of: 2) {
            let (a, b) = (UInt32(truncatingIfNeeded: generator.next()), UInt32(truncatingIfNeeded: generator.next()))
            range = IPRange(.v4(min(a, b)), .v4(max(a, b)))
        } else {
            let (a, b) = (
                IPAddress.v6(generator.next(), generator.next()), IPAddress.v6(generator.next(), generator.next())
            )
            range = IPRange(min(a, b), max(a, b))
        }
        guard let range else { continue }
        let parts = range.prefixes
        #expect(parts.count <= (range.family == .v4 ? 64 : 256))
        #expect(parts.first?.range.first == range.first)
        #expect(parts.last?.range.last == range.last)
        for (left, right) in zip(parts, parts.dropFirst()) {
            #expect(left.range.last.next == right.range.first)
        }
    }
    #expect(IPRange.all(.v4).prefixes.map(\.description) == ["0.0.0.0/0"])
    #expect(IPRange.all(.v6).prefixes.map(\.description) == ["::/0"])
}

@Test func rangesOfTwoFamiliesShareNothing() throws {
    #expect(IPRange.all(.v4).intersection(.all(.v6)) == nil)
    #expect(IPRange(try v4("10.0.0.9"), try v4("10.0.0.1")) == nil)
    #expect(IPRange(try v4("10.0.0.1"), try v4("::1")) == nil)
    #expect(IPRange(try v4("10.0.0.1"), try v4("10.0.0.2"))?.description == "10.0.0.1-10.0.0.2")
}
