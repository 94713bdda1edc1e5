/// SplitMix64: the same seed gives the same run everywhere.
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

    mutating func bytes(_ lengths: ClosedRange<Int>) -> [UInt8] {
        (0..<int(lengths)).map { _ in UInt8.random(in: 0...255, using: &self) }
    }

    mutating func chance(_ oneIn: Int) -> Bool { int(1...oneIn) == 1 }

    mutating func optional<T>(_ make: (inout SeededGenerator) -> T) -> T? { chance(3) ? nil : make(&self) }

    mutating func list<T>(_ counts: ClosedRange<Int>, _ make: (inout SeededGenerator) -> T) -> [T] {
        (0..<int(counts)).map { _ in make(&self) }
    }

    mutating func uint8() -> UInt8 { UInt8.random(in: 0...255, using: &self) }
    mutating func uint16() -> UInt16 { UInt16.random(in: 0...65_535, using: &self) }
    mutating func uint32() -> UInt32 { UInt32.random(in: 0...UInt32.max, using: &self) }
}
