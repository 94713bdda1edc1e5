import IPsecTypes
import Testing

@Test func allSPIsOfAShardDifferUntilTheCounterWraps() {
    var allocator = SPIAllocator(node: 3, shard: 5, key: (1, 2), start: 0xFFFF_FF00)
    var seen: Set<UInt32> = []
    for _ in 0..<100_000 {
        let spi = allocator.nextSPI()
        #expect(spi.isUsable)
        seen.insert(spi.rawValue)
    }
    #expect(seen.count == 100_000)
}

@Test func allIKESPIsOfAShardDifferAndNoneIsZero() {
    var allocator = SPIAllocator(node: 0, shard: 0, key: (0, 0), start: .max)
    var seen: Set<UInt64> = []
    for _ in 0..<20_000 { seen.insert(allocator.nextIKESPI().rawValue) }
    #expect(seen.count == 20_000)
    #expect(!seen.contains(0))
}

@Test func shardsOfAClusterNeverCollideAndOwnWhatTheyAllocated() {
    var spis: Set<UInt32> = []
    var ikeSPIs: Set<UInt64> = []
    var count = 0
    for node in 0..<16 as Range<UInt8> {
        for shard in 0..<16 as Range<UInt8> {
            var allocator = SPIAllocator(node: node, shard: shard, key: (7, 9), start: 42)
            for _ in 0..<40 {
                let (spi, ike) = (allocator.nextSPI(), allocator.nextIKESPI())
                #expect(allocator.owner(of: spi) == (node, shard))
                #expect(allocator.owner(of: ike) == (node, shard))
                spis.insert(spi.rawValue)
                ikeSPIs.insert(ike.rawValue)
                count += 1
            }
        }
    }
    #expect(spis.count == count)
    #expect(ikeSPIs.count == count)
}

@Test func neighbouringSPIsLookUnrelatedAndDependOnTheKey() {
    var one = SPIAllocator(node: 1, shard: 1, key: (1, 1), start: 5)
    var other = SPIAllocator(node: 1, shard: 1, key: (1, 2), start: 5)
    var differingBits = 0
    var previous = one.nextSPI().rawValue
    _ = other.nextSPI()
    for _ in 0..<1000 {
        let next = one.nextSPI().rawValue
        differingBits += (next ^ previous).nonzeroBitCount
        previous = next
        #expect(next != other.nextSPI().rawValue)
    }
    // Half of 32 bits, give or take.
    #expect((14_000...18_000).contains(differingBits))
}

@Test func spisPrintWithTheirZeros() {
    #expect(SPI(0xABC).description == "00000abc")
    #expect(IKESPI(1).description == "0000000000000001")
    #expect(!SPI(255).isUsable)
}
