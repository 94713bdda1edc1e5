import IPsecTypes
import Testing

@Test func comparisonInConstantTimeIsComparison() {
    #expect(constantTimeEqual([1, 2, 3], [1, 2, 3]))
    #expect(!constantTimeEqual([1, 2, 3], [1, 2, 4]))
    #expect(!constantTimeEqual([1, 2, 3], [1, 2]))
    #expect(constantTimeEqual([], []))
}

@Test func secretsAreCopiedComparedSlicedAndNeverPrinted() {
    let secret = SecretBytes([1, 2, 3, 4])
    #expect(secret.isEqual(to: SecretBytes([1, 2, 3, 4])))
    #expect(!secret.isEqual(to: SecretBytes([1, 2, 3])))
    #expect(secret.slice(1, count: 2).isEqual(to: SecretBytes([2, 3])))
    #expect("\(secret)" == "<redacted>")
    #expect(Mirror(reflecting: secret).children.isEmpty)
    #expect(SecretBytes(count: 3) { $0[1] = 9 }.isEqual(to: SecretBytes([0, 9, 0])))
}

@Test func instantsSaturateInsteadOfTrapping() {
    let (early, late) = (Instant(nanoseconds: .min), Instant(nanoseconds: .max))
    #expect(late + .seconds(1) == late)
    #expect(early - .seconds(1) == early)
    #expect(late - early == .nanoseconds(Int64.max))
    #expect(early - late == .nanoseconds(Int64.min))
    #expect(Instant.zero + .seconds(1_000_000_000_000) == late)
    #expect(Instant.zero + .milliseconds(1500) == Instant(nanoseconds: 1_500_000_000))
    #expect(WallTime(secondsSinceEpoch: .max).advanced(bySeconds: 1) == WallTime(secondsSinceEpoch: .max))
    #expect(WallTime(secondsSinceEpoch: .min).advanced(bySeconds: -1) == WallTime(secondsSinceEpoch: .min))
}

@Test func anIVCounterNeverRepeatsAndEndsWithItsEpoch() {
    var counter = IVCounter(epoch: 0xABCD)
    #expect(counter.next() == 0xABCD_0000_0000_0000)
    #expect(counter.next() == 0xABCD_0000_0000_0001)
    #expect(counter.used == 2)
    var last = IVCounter(epoch: 1, startingAt: IVCounter.limit)
    #expect(last.next() == 0x0001_FFFF_FFFF_FFFF)
    #expect(last.next() == nil)
    #expect(last.next() == nil)
}
