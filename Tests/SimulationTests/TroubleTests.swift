import IKECrypto
import IKEv2
import IPsecTypes
import Testing

@testable import Simulation

/// What happens around an IKE SA: civil clocks that are set, machines that sleep, an adversary on the path.
struct TroubleTests {
    private func established(_ lease: Int64? = nil) -> ScriptedPair {
        let pair = ScriptedPair(seed: 5)
        pair.leaseSeconds = lease
        pair.connect()
        pair.run(for: .seconds(1))
        #expect(pair.saCounts == (1, 1))
        return pair
    }

    /// R09: deadlines are monotonic. A lease of two hours ends after two hours, whatever the civil clock says meanwhile, also
    /// where the IKE SA is rekeyed in between.
    @Test(arguments: [31_536_000, -31_536_000, 1, -1] as [Int64])
    func aStepOfTheCivilClockNeitherEndsNorProlongsALease(by seconds: Int64) {
        let pair = established(7200)
        pair.stepGatewayClock(by: seconds)
        pair.run(for: .seconds(7190))
        #expect(pair.saCounts == (1, 1))
        #expect(pair.timeline.contains { $0.host == "gateway" && $0.event == .ikeRekeyed })
        pair.run(for: .seconds(20))
        #expect(pair.saCounts == (0, 0))
        #expect(pair.findings.isEmpty)
    }

    @Test func aKeyThatOpensWhatItsOwnHostSealedIsAReflection() throws {
        let ledger = KeyUseLedger()
        let providers = [0, 1].map { RecordingCryptoProvider(seed: 1, host: $0, ledger: ledger) }
        let keys = try SKKeys(
            cipher: .aesGCM16,
            integrity: .none,
            encryptionKey: SecretBytes([UInt8](repeating: 1, count: 32)),
            salt: SecretBytes([UInt8](repeating: 2, count: 4)),
            integrityKey: SecretBytes([UInt8]())
        )
        let head = [UInt8](repeating: 0, count: 32)
        let body = try providers[0].seal([1], associatedData: head, iv: [UInt8](repeating: 0, count: 8), keys: keys)
        _ = try providers[1].open(message: head + body, bodyOffset: 32, keys: keys)
        #expect(ledger.takeReflections().isEmpty)
        _ = try providers[0].open(message: head + body, bodyOffset: 32, keys: keys)
        #expect(ledger.takeReflections().count == 1)
    }

    /// R02, R05: puzzles before IKE_SA_INIT and before IKE_AUTH keep no honest agent out, whatever the network does and
    /// however much junk arrives in the agent's name.
    @Test func puzzlesOfBothKindsLetTheHonestThroughAFlood() throws {
        var puzzles = 0
        for seed in UInt64(1)...24 where Scenario(kind: .flood, seed: seed).demandsPuzzles {
            let outcome = ScenarioRun(kind: .flood, seed: seed).run()
            #expect(outcome.findings.isEmpty, "\(outcome)")
            puzzles = max(puzzles, outcome.statistics.puzzles)
            if puzzles >= 4 { break }
        }
        #expect(puzzles >= 4, "two for each IKE SA that was set up")
    }

    /// S15: who parks the IKE_AUTH of others, or never sends one, leaves nothing behind.
    @Test func handshakesThatAreParkedHalfWayEnd() {
        let pair = ScriptedPair(seed: 9)
        pair.drop { exchange, _ in exchange == 35 }
        for _ in 0..<20 {
            pair.connect()
            pair.run(for: .seconds(1))
        }
        #expect(pair.halfOpenCount > 0)
        pair.drop(where: nil)
        pair.run(for: .seconds(60))
        #expect(pair.halfOpenCount == 0)
        #expect(pair.saCounts.agent <= 1 && pair.saCounts.gateway == pair.saCounts.agent)
        #expect(pair.findings.isEmpty)
    }
}
