import IKECrypto
import IPsecTypes
import Testing

@Suite struct PuzzleTests {
    private let provider = StandardCryptoProvider()

    @Test func solverAndCheckerAgreeWithAnotherHMAC() {
        // The cookie of RFC 8019 §4.4, and the first keys of four octets with 12 zero bits, found with Python's hmac. (The
        // keys that the RFC prints beside it fit HMAC-SHA-256 in no way of reading them.)
        let cookie = Hex("739ae7492d8a810cf5e8dc0f9626c9dda773c5a3").bytes
        let keys = ["000000df", "000028b7", "00002ed1", "0000340a"].map { Hex($0).bytes }
        func isSolved(_ difficulty: UInt8, _ keys: [[UInt8]]) -> Bool {
            Puzzle.isSolved(by: keys, subject: cookie, prf: .hmacSHA256, difficulty: difficulty, provider: provider)
        }
        let attempts = Puzzle.attempts(for: 12)
        let found = Puzzle.solve(
            subject: cookie,
            prf: .hmacSHA256,
            difficulty: 12,
            attempts: attempts,
            provider: provider
        )
        #expect(found == keys.flatMap { $0 })
        #expect(isSolved(12, keys))
        #expect(!isSolved(13, keys), "the last two have 12")
        #expect(!isSolved(12, Array(keys.prefix(3))))
        #expect(!isSolved(12, Array(keys.prefix(3)) + [keys[0]]), "a key twice")
        #expect(!isSolved(8, Array(keys.prefix(3)) + [[1, 2, 3]]), "another length")
    }

    @Test(arguments: [PRFAlgorithm.hmacSHA256, .hmacSHA384, .hmacSHA512])
    func whatIsSolvedHolds(prf: PRFAlgorithm) throws {
        let subject = Array("a cookie".utf8)
        let attempts = Puzzle.attempts(for: 8)
        let solution = try #require(
            Puzzle.solve(subject: subject, prf: prf, difficulty: 8, attempts: attempts, provider: provider)
        )
        let keys = (0..<4).map { Array(solution[($0 * 4)..<($0 * 4 + 4)]) }
        #expect(Puzzle.isSolved(by: keys, subject: subject, prf: prf, difficulty: 8, provider: provider))
    }

    @Test func aSolverGivesUp() {
        let none = Puzzle.solve(subject: [1], prf: .hmacSHA256, difficulty: 200, attempts: 1_000, provider: provider)
        #expect(none == nil)
        #expect(
            Puzzle.solve(subject: [1], prf: PRFAlgorithm(rawValue: 9), difficulty: 8, attempts: 9, provider: provider)
                == nil
        )
    }
}
