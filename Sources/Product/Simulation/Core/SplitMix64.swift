import IPsecTypes

/// Randomness that follows from a seed: the same seed gives the same run on every machine. No floating point.
public struct SplitMix64: RandomNumberGenerator, Sendable {
    private var state: UInt64

    /// Starts the sequence of `seed`.
    public init(seed: UInt64) { state = seed }

    /// The next number.
    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        return Self.mix(state)
    }

    /// A generator of its own, so that draws in one place do not move those in another.
    mutating func fork() -> SplitMix64 { SplitMix64(seed: next()) }

    /// True in `perMille` of 1000 cases.
    mutating func chance(_ perMille: Int) -> Bool {
        perMille > 0 && Int(next() % 1000) < perMille
    }

    mutating func number(_ range: ClosedRange<Int>) -> Int {
        range.lowerBound + Int(next() % UInt64(range.upperBound - range.lowerBound + 1))
    }

    mutating func duration(_ range: ClosedRange<Duration>) -> Duration {
        let (low, high) = (range.lowerBound.wholeNanoseconds, range.upperBound.wholeNanoseconds)
        return .nanoseconds(low + Int64(next() % UInt64(high - low + 1)))
    }

    mutating func pick<Element>(_ choices: [Element]) -> Element {
        precondition(!choices.isEmpty, "there is something to pick from")
        return choices[Int(next() % UInt64(choices.count))]
    }

    static func mix(_ value: UInt64) -> UInt64 {
        var z = value
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// A running digest of everything that went over the wire, and of keys that must be compared but not kept.
struct Digest {
    private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

    mutating func add(_ number: UInt64) {
        value = SplitMix64.mix((value ^ number) &* 0x100_0000_01B3 &+ 1)
    }

    mutating func add(_ bytes: some Sequence<UInt8>) {
        var hash = value
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        value = SplitMix64.mix(hash)
    }

    mutating func add(_ secret: SecretBytes) {
        add(UInt64(secret.count))
        secret.withUnsafeBytes { add($0) }
    }

    static func of(_ bytes: some Sequence<UInt8>) -> UInt64 {
        var digest = Digest()
        digest.add(bytes)
        return digest.value
    }

    static func of(_ secrets: SecretBytes...) -> UInt64 {
        var digest = Digest()
        for secret in secrets { digest.add(secret) }
        return digest.value
    }
}
