import IPsecTypes
import PacketIO
import Testing

@Test func aFrameTakesHeadroomAndTailroomAndNoMore() throws {
    let batch = PacketBatch(capacity: 2, room: 100, headroom: 28)
    let index = try #require([UInt8](0..<50).withUnsafeBytes { batch.append($0) })
    #expect(batch.headroom(index) == 28 && batch.tailroom(index) == 50)
    #expect(batch.advanceStart(index, by: -28) && !batch.advanceStart(index, by: -1))
    #expect(batch[index].length == 78)
    #expect(batch.advanceStart(index, by: 30))
    #expect(batch.bytes(index).first == 2)
    #expect(!batch.advanceStart(index, by: 49) && batch.advanceStart(index, by: 48))
    #expect(batch[index].length == 0)
    #expect(batch.setLength(index, 50) && !batch.setLength(index, 51))
}

@Test func droppingFramesKeepsTheOrderAndEverySlotOnce() throws {
    var generator = SplitMix64(state: 7)
    let batch = PacketBatch(capacity: 32, room: 64)
    for _ in 0..<200 {
        while batch.count < batch.capacity {
            _ = try #require([UInt8(batch.count)].withUnsafeBytes { batch.append($0) })
        }
        let kept = (0..<32).filter { _ in Bool.random(using: &generator) }
        let before = (0..<32).map { batch.bytes($0)[0] }
        batch.retain { kept.contains($0) }
        #expect((0..<batch.count).map { batch.bytes($0)[0] } == kept.map { before[$0] })
        #expect(Set((0..<32).map { batch[$0].slot }).count == 32)
    }
}

@Test func addressesSurviveTheirPlainForm() throws {
    for text in ["0.0.0.0", "192.0.2.7", "255.255.255.255", "::", "2001:db8::1", "fe80::1"] {
        let address = try #require(IPAddress(text))
        #expect(PacketAddress(address, port: 4500).endpoint == Endpoint(address, port: 4500))
    }
    #expect(PacketAddress().endpoint == nil)
}
