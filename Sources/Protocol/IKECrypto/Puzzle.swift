import IPsecTypes

/// Proof of work before an IKE SA (RFC 8019 §7.1.3): four keys whose PRF over a string ends in enough zero bits.
///
/// Checking costs four PRF calls; solving costs about `4 * 2^difficulty` of them, so a solver belongs on a pool of threads.
public enum Puzzle {
    /// Keys in a solution.
    public static let keyCount = 4

    /// Whether `keys` solve the puzzle.
    ///
    /// - Parameters:
    ///   - keys: as the peer sent them; anything but four different keys of one length is no solution.
    ///   - subject: the cookie's content in IKE_SA_INIT.
    ///   - difficulty: how many bits at the end of each output must be zero.
    public static func isSolved(
        by keys: [[UInt8]],
        subject: [UInt8],
        prf: PRFAlgorithm,
        difficulty: UInt8,
        provider: any CryptoProvider
    ) -> Bool {
        // RFC 8019 §7.1.3: the keys differ and have one size.
        guard keys.count == keyCount, Set(keys).count == keyCount, Set(keys.map(\.count)).count == 1 else {
            return false
        }
        return keys.allSatisfy { (zeroBits(of: $0, subject, prf, provider) ?? -1) >= Int(difficulty) }
    }

    /// Finds a solution: keys of four octets that count up from zero.
    ///
    /// - Parameter attempts: gives up after so many PRF calls. An unlucky solver needs several times the expected number;
    ///   see ``attempts(for:)``.
    /// - Returns: the keys one after the other; nil when it gave up or the PRF failed.
    public static func solve(
        subject: [UInt8],
        prf: PRFAlgorithm,
        difficulty: UInt8,
        attempts: UInt32,
        provider: any CryptoProvider
    ) -> [UInt8]? {
        var solution = WireWriter(capacity: 4 * keyCount)
        var found = 0
        for number in 0..<attempts {
            var key = WireWriter(capacity: 4)
            key.writeUInt32(number)
            guard let bits = zeroBits(of: key.bytes, subject, prf, provider) else { return nil }
            guard bits >= Int(difficulty) else { continue }
            solution.writeBytes(key.bytes)
            found += 1
            if found == keyCount { return solution.bytes }
        }
        return nil
    }

    /// So many PRF calls that fewer than one puzzle in a million is given up: four keys are found in `4 * 2^difficulty` calls
    /// on average, and in eight times that many but for `e^-32 * 32^3 / 3!` of all cases.
    public static func attempts(for difficulty: UInt8) -> UInt32 { 32 << UInt32(min(difficulty, 26)) }

    /// Zero bits at the end of the PRF's output; nil when the PRF fails.
    private static func zeroBits(
        of key: [UInt8],
        _ subject: [UInt8],
        _ prf: PRFAlgorithm,
        _ provider: any CryptoProvider
    ) -> Int? {
        guard let output = try? provider.prf(prf, key: SecretBytes(key), [.bytes(subject)]) else { return nil }
        return output.withUnsafeBytes { bytes in
            var bits = 0
            for byte in bytes.reversed() {
                bits += min(byte.trailingZeroBitCount, 8)
                if byte != 0 { break }
            }
            return bits
        }
    }
}
