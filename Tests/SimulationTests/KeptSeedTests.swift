import Simulation
import Testing

/// Seeds that once failed, with what they found.
struct KeptSeedTests {
    struct Kept: Sendable, CustomTestStringConvertible {
        var kind: ScenarioKind
        var seed: UInt64
        var found: String

        var testDescription: String { "\(kind.rawValue):\(seed)" }
    }

    private static let seeds = [
        Kept(kind: .crash, seed: 93, found: "a port of a NAT that had gone to another host"),
        Kept(kind: .persisted, seed: 111, found: "an epoch used again after a restart, whose thaw was rightly refused"),
        Kept(kind: .persisted, seed: 113, found: "the same epoch, sealed with before that refusal was heeded"),
        Kept(kind: .persisted, seed: 187, found: "recovery that began before the last owner was back"),
        Kept(kind: .clocks, seed: 174, found: "a Child SA left in the data plane"),
        Kept(kind: .adversary, seed: 23, found: "an IKE_SA_INIT response from elsewhere that showed a NAT"),
        Kept(kind: .adversary, seed: 39, found: "the same"),
        Kept(kind: .adversary, seed: 93, found: "the same"),
        Kept(kind: .adversary, seed: 48, found: "a copy of a message that was taken for a forgery"),
        Kept(kind: .clean, seed: 81, found: "a crash token for a successor that the peer knew first"),
        Kept(kind: .rekeying, seed: 47, found: "the same"),
        Kept(kind: .adversary, seed: 2, found: "an answer in clear that was taken for a run of the protocol"),
        Kept(kind: .ppk, seed: 40, found: "a Child SA whose rekeying ended with the IKE SA that it was asked on"),
        Kept(kind: .ppk, seed: 182, found: "an IKE SA that a host set up with itself, by its own messages sent back"),
        Kept(kind: .nat, seed: 693, found: "packets that a NAT led to another host"),
        Kept(kind: .adversary, seed: 462, found: "a NAT that whoever relays a message made appear at one end"),
        Kept(kind: .adversary, seed: 2751, found: "a NAT that whoever relays a message made appear at one end"),
        Kept(kind: .adversary, seed: 2806, found: "a NAT that whoever relays a message made appear at one end"),
        Kept(kind: .eap, seed: 3478, found: "the same, seen again by the second look"),
        Kept(kind: .slowDriver, seed: 1792, found: "rekeyings, Deletes and updates of addresses that crossed"),
        Kept(kind: .eap, seed: 2128, found: "rekeyings, Deletes and updates of addresses that crossed"),
        Kept(kind: .eap, seed: 2600, found: "rekeyings, Deletes and updates of addresses that crossed"),
        Kept(kind: .ppk, seed: 518, found: "rekeyings, Deletes and updates of addresses that crossed"),
        Kept(kind: .ppk, seed: 837, found: "rekeyings, Deletes and updates of addresses that crossed"),
        Kept(kind: .ppk, seed: 1197, found: "rekeyings, Deletes and updates of addresses that crossed"),
        Kept(kind: .hybrid, seed: 402, found: "rekeyings, Deletes and updates of addresses that crossed"),
        Kept(kind: .moving, seed: 1035, found: "rekeyings, Deletes and updates of addresses that crossed"),
        Kept(kind: .moving, seed: 1313, found: "rekeyings, Deletes and updates of addresses that crossed"),
    ]

    @Test(arguments: seeds) func aSeedThatFailedOnceStaysGood(_ kept: Kept) {
        let outcome = ScenarioRun(kind: kept.kind, seed: kept.seed).run()
        #expect(outcome.findings.isEmpty, "\(kept.found): \(outcome)")
    }
}
