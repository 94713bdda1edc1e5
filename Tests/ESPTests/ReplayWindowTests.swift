import ESP
import Testing

/// What RFC 4303 appendix A means, said slowly: remember everything, and look for the one number in the 2^32 that start at
/// the bottom of the window.
private struct NaiveWindow {
    let size: UInt64
    let extended: Bool
    var highest: UInt64 = 0
    var seen: Set<UInt64> = []

    func candidate(_ low: UInt32) -> UInt64? {
        var sequence = UInt64(low)
        if extended {
            // Work with a bias so that numbers below zero stay representable.
            let bottom = Int128(highest) - Int128(size) + 1
            var guess = (bottom >> 32) << 32 | Int128(low)
            if guess < bottom { guess += 1 << 32 }
            guard guess > 0, guess <= Int128(UInt64.max) else { return nil }
            sequence = UInt64(guess)
        }
        guard sequence > 0, !seen.contains(sequence), sequence > highest || highest - sequence < size else {
            return nil
        }
        return sequence
    }

    mutating func accept(_ sequence: UInt64) -> Bool {
        guard candidate(UInt32(truncatingIfNeeded: sequence)) == sequence else { return false }
        seen.insert(sequence)
        highest = max(highest, sequence)
        return true
    }
}

private func compare(size: Int, extended: Bool, start: UInt64, seed: UInt64, steps: Int) {
    var generator = SeededGenerator(seed: seed)
    var window = ReplayWindow(size: size, extended: extended, highest: start)
    var naive = NaiveWindow(size: UInt64(window.size), extended: extended, highest: start)
    if start > 0 { for back in 0..<UInt64(window.size) where back < start { naive.seen.insert(start - back) } }
    for step in 0..<steps {
        let limit: UInt64 = extended ? .max : UInt64(UInt32.max)
        let forward: UInt64
        switch UInt64.random(in: 0..<20, using: &generator) {
        case 0: forward = UInt64.random(in: 1...UInt64(size) * 3, using: &generator)
        case 1: forward = extended ? UInt64.random(in: 1..<(1 << 31), using: &generator) : 70
        case 2..<9: forward = UInt64.random(in: 1...3, using: &generator)
        default: forward = 0
        }
        var low: UInt32
        if forward > 0 {
            let (sum, overflow) = naive.highest.addingReportingOverflow(forward)
            low = UInt32(truncatingIfNeeded: overflow ? limit : min(sum, limit))
        } else {
            let back = UInt64.random(in: 0...UInt64(size) + 70, using: &generator)
            low = UInt32(truncatingIfNeeded: naive.highest &- back)
        }
        if UInt64.random(in: 0..<50, using: &generator) == 0 { low = UInt32.random(in: 0 ... .max, using: &generator) }
        let expected = naive.candidate(low)
        let found = window.candidate(low)
        guard found == expected else {
            Issue.record(
                "seed \(seed) step \(step): \(low) gave \(String(describing: found)), not \(String(describing: expected))"
            )
            return
        }
        // Some candidates fail their integrity check and must leave no trace.
        guard let sequence = found, UInt64.random(in: 0..<10, using: &generator) > 0 else { continue }
        let accepted = window.accept(sequence)
        #expect(accepted && naive.accept(sequence))
        let again = window.accept(sequence)
        #expect(!again)
        #expect(window.highest == naive.highest)
    }
}

@Test(arguments: [64, 128, 1024, 4096], [false, true])
func windowAgreesWithANaiveModel(size: Int, extended: Bool) {
    for seed in 1...6 as ClosedRange<UInt64> {
        compare(size: size, extended: extended, start: 0, seed: seed, steps: 2000)
    }
}

@Test(arguments: [0xFFFF_F000, 0x1_0000_0000 - 70, 0x1_0000_0005, 0x7_FFFF_FFF0, UInt64.max - (1 << 33)] as [UInt64])
func windowAgreesAcrossSubspaces(start: UInt64) {
    for seed in 1...6 as ClosedRange<UInt64> {
        compare(size: 64, extended: true, start: start, seed: seed, steps: 1500)
        compare(size: 4096, extended: true, start: start, seed: seed, steps: 1500)
    }
}

@Test func sequenceZeroIsNeverAccepted() {
    let short = ReplayWindow(size: 64, extended: false)
    let long = ReplayWindow(size: 64, extended: true)
    #expect(short.candidate(0) == nil)
    #expect(long.candidate(0) == nil)
    #expect(long.candidate(1) == 1)
}

@Test func numbersBelowTheFirstSubspaceAreRefused() {
    let window = ReplayWindow(size: 4096, extended: true)
    #expect(window.candidate(.max) == nil)
    #expect(window.candidate(UInt32.max - 4000) == nil)
    #expect(window.candidate(UInt32.max - 4096) != nil)
}

@Test func wrapOfTheLowerHalfEntersTheNextSubspace() {
    var window = ReplayWindow(size: 64, extended: true, highest: 0xFFFF_FFFE)
    let first = window.accept(0xFFFF_FFFF)
    #expect(first)
    #expect(window.candidate(0) == 0x1_0000_0000)
    let wrapped = window.accept(0x1_0000_0000)
    #expect(wrapped)
    #expect(window.candidate(0xFFFF_FFFF) == nil)
    #expect(window.candidate(0) == nil)
    #expect(window.candidate(5) == 0x1_0000_0005)
}

@Test func withoutESNTheCounterDoesNotWrap() {
    var window = ReplayWindow(size: 64, extended: false, highest: 0xFFFF_FFFE)
    let last = window.accept(0xFFFF_FFFF)
    #expect(last)
    #expect(window.candidate(1) == nil)
}

@Test func windowSizesAreRoundedAndClamped() {
    let small = ReplayWindow(size: 1, extended: true).size
    let odd = ReplayWindow(size: 100, extended: true).size
    let huge = ReplayWindow(size: 1 << 30, extended: true).size
    #expect(small == 64)
    #expect(odd == 128)
    #expect(huge == ReplayWindow.maximumSize)
}
