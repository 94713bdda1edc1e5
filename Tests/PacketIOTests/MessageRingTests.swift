import CLinux
import Glibc
import IPsecTypes
import PacketIO
import Synchronization
import Testing

@Test(arguments: 0..<20)
func aRingHandsOverWhatWasPushedInOrderWhateverTheLengths(_ seed: Int) throws {
    var generator = SplitMix64(state: UInt64(seed))
    let ring = try MessageRing(capacity: 2048)
    var model: [[UInt8]] = []
    var taken = 0
    for step in 0..<3000 {
        if Bool.random(using: &generator) {
            let length =
                Int.random(in: 0...ring.maximumLength, using: &generator) >> Int.random(in: 0...6, using: &generator)
            let bytes = [UInt8](repeating: UInt8(truncatingIfNeeded: step), count: length)
            let cut = Int.random(in: 0...length, using: &generator)
            let pushed = bytes.withUnsafeBytes {
                ring.push(
                    tag: UInt64(length),
                    UnsafeRawBufferPointer(rebasing: $0[..<cut]),
                    UnsafeRawBufferPointer(rebasing: $0[cut...])
                )
            }
            if pushed { model.append(bytes) }
            #expect(pushed || !ring.isEmpty, "an empty ring takes every message of a legal length")
        } else {
            let limit = Int.random(in: 1...8, using: &generator)
            var got: [[UInt8]] = []
            ring.drain(limit: limit) { tag, bytes in
                #expect(Int(tag) == bytes.count)
                got.append(Array(bytes))
            }
            #expect(got == Array(model.prefix(limit)))
            model.removeFirst(got.count)
            taken += got.count
        }
    }
    #expect(taken > 100)
}

@Test func aFullRingRefusesAndCounts() throws {
    let ring = try MessageRing(capacity: 1024)
    let bytes = [UInt8](repeating: 1, count: 240)
    #expect((0..<6).map { _ in ring.push(tag: 0, bytes) } == [true, true, true, true, false, false])
    #expect(!ring.push(tag: 0, [UInt8](repeating: 1, count: 257)), "longer than a quarter")
    #expect(ring.refusedCount == 3)
    #expect(ring.drain { _, _ in } == 4)
    #expect(ring.isEmpty && ring.push(tag: 0, bytes))
}

@Test func messagesLeftByALimitWakeTheConsumerAgain() throws {
    let ring = try MessageRing(capacity: 1024)
    let poller = try Poller()
    try poller.add(ring.signal.descriptor, .readable, token: 5)
    for _ in 0..<3 { #expect(ring.push(tag: 1, [1])) }
    #expect(try poller.wait(timeout: .zero) == 1)
    #expect(ring.drain(limit: 2) { _, _ in } == 2)
    #expect(try poller.wait(timeout: .zero) == 1)
    #expect(ring.drain { _, _ in } == 1)
    #expect(try poller.wait(timeout: .zero) == 0)
}

/// What a producer thread needs.
private final class Producer: Sendable {
    let ring: MessageRing
    let number: UInt64
    static let messages: UInt64 = 20_000

    init(_ ring: MessageRing, _ number: UInt64) {
        self.ring = ring
        self.number = number
    }

    func run() {
        for count in 0..<Self.messages {
            let bytes = [UInt8](repeating: UInt8(truncatingIfNeeded: count), count: Int(count % 61))
            while !ring.push(tag: number << 32 | count, bytes) { sched_yield() }
        }
    }
}

@Test func manyProducersLoseNothingAndNoWakeUpIsMissed() throws {
    let ring = try MessageRing(capacity: 16_384)
    var threads: [pthread_t] = []
    for number in 0..<4 {
        var thread = pthread_t()
        let producer = Unmanaged.passRetained(Producer(ring, UInt64(number))).toOpaque()
        let failed = pthread_create(
            &thread,
            nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<Producer>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            },
            producer
        )
        try #require(failed == 0)
        threads.append(thread)
    }
    let poller = try Poller()
    try poller.add(ring.signal.descriptor, [.readable, .edge], token: 1)
    var next = [UInt64](repeating: 0, count: 4)
    var wrong = 0
    while next.contains(where: { $0 < Producer.messages }) {
        try #require(try poller.wait(timeout: .seconds(10)) == 1, "a wake-up was missed at \(next)")
        ring.drain(limit: 100) { tag, bytes in
            let producer = Int(tag >> 32)
            let count = tag & 0xffff_ffff
            let expected = UInt8(truncatingIfNeeded: count)
            if count != next[producer] || bytes.count != Int(count % 61) || bytes.contains(where: { $0 != expected }) {
                wrong += 1
            }
            next[producer] += 1
        }
    }
    for thread in threads { pthread_join(thread, nil) }
    #expect(wrong == 0)
    #expect(ring.isEmpty)
}
