import IPsecTypes
import Testing

@Test func bucketsRefillAtTheirRate() {
    var bucket = TokenBucket()
    var allowed = 0
    for _ in 0..<100 where bucket.take(.zero, perSecond: 10) { allowed += 1 }
    #expect(allowed == 10)
    for tenth in 1...20 where bucket.take(Instant(nanoseconds: Int64(tenth) * 100_000_000), perSecond: 10) {
        allowed += 1
    }
    #expect(allowed == 30)
    // A clock that goes back or stands still gives nothing.
    let more = bucket.take(.zero, perSecond: 10)
    #expect(!more)
}

@Test func aBudgetRefillsWithTime() {
    var bucket = TokenBucket()
    let start = Instant.zero
    let granted = (0..<100).filter { _ in bucket.take(start, perSecond: 10) }.count
    #expect(granted == 10)
    let early = bucket.take(start + .milliseconds(50), perSecond: 10)
    #expect(!early)
    let late = bucket.take(start + .milliseconds(160), perSecond: 10)
    #expect(late)
}

@Test func aBucketHoldsItsBurstAndNoMore() {
    var bucket = TokenBucket()
    func taken(_ at: Instant) -> Int { (0..<1000).filter { _ in bucket.take(at, perSecond: 5, burst: 100) }.count }
    #expect(taken(.zero) == 100)
    #expect(taken(.zero + .seconds(2)) == 10)
    // A clock that went back and forth brings no second refill.
    #expect(taken(.zero + .seconds(1)) == 0)
    #expect(taken(.zero + .seconds(2)) == 0)
    #expect(taken(.zero + .seconds(86_400 * 365)) == 100)
}

@Test func aBucketBearsEveryRateAndTime() {
    for rate in [Int.min, -1, 0, 1, 1_000_000, Int.max] {
        var bucket = TokenBucket()
        for at in [Int64.min, -1, 0, 1, Int64.max] { _ = bucket.take(Instant(nanoseconds: at), perSecond: rate) }
    }
}
