import IKEMessage
import IKEv2
import IPsecTypes
import Testing

/// Freezing, thawing, reloading: who owns an IKE SA and its keys.
@Suite struct OwnershipTests {
    @Test(arguments: [true, false]) func aThawedIKESAGoesOnWithAnotherEpoch(thawsInitiator: Bool) throws {
        let pair = establishedPair()
        let node = thawsInitiator ? pair.a : pair.b
        let status = try #require(node.status)
        let snapshot = node.endpoint.snapshot(status.id, now: pair.now)
        let frozen = try #require(snapshot)
        #expect(frozen.childSPIs == status.children.map(\.inboundSPI))
        pair.command(node, .forget(status.id))
        #expect(node.status == nil)
        #expect(!node.installed.isEmpty, "the data plane is left alone")
        #expect(node.command(.thaw(frozen, ivEpoch: frozen.ivEpoch), pair.now, pair.wall) == nil, "the epoch is used")
        #expect(node.command(.thaw(frozen, ivEpoch: 5), pair.now, pair.wall) != nil)
        pair.expectAgreement()
        pair.command(pair.a, .probe(try #require(pair.statusA?.id)))
        pair.command(pair.b, .rekeyChild(try #require(pair.statusB?.id), try #require(pair.childB).inboundSPI))
        pair.run(.seconds(6))
        pair.expectAgreement()
        pair.command(pair.a, .rekeyIKE(try #require(pair.statusA?.id)))
        pair.run(.seconds(6))
        pair.expectAgreement()
        #expect(pair.statusA?.rekeyings == 1)
    }

    @Test func anOutstandingRequestSurvivesFreezingWithTheSameBytes() throws {
        let pair = establishedPair()
        let id = try #require(pair.statusA?.id)
        pair.delivers = { _ in false }
        pair.command(pair.a, .probe(id))
        pair.settle()
        let snapshot = pair.a.endpoint.snapshot(id, now: pair.now)
        let frozen = try #require(snapshot)
        let request = try #require(pair.trace.last).bytes
        pair.command(pair.a, .forget(id))
        pair.command(pair.a, .thaw(frozen, ivEpoch: 9))
        #expect(pair.trace.last?.bytes == request)
        pair.delivers = { _ in true }
        pair.run(.seconds(3))
        pair.expectAgreement()
    }

    @Test func aReloadClosesWhatIsNoLongerConfiguredAndKeepsTheRest() throws {
        let pair = establishedPair()
        pair.command(pair.b, .reload(IKEConfiguration(connections: [pskB()])))
        pair.run(.seconds(1))
        pair.expectAgreement()
        pair.command(pair.b, .reload(IKEConfiguration(connections: [])))
        pair.settle()
        #expect(closes(pair.b) == [.configurationRemoved])
        pair.expectNothing(pair.a)
    }

    @Test func noIVIsUsedTwice() {
        let pair = establishedPair()
        pair.run(.seconds(2 * 3600))
        // SPIs of header, direction and IV: unique, retransmissions apart.
        var seen: [[UInt8]: [UInt8]] = [:]
        for packet in pair.trace where packet.header?.nextPayload == .encrypted {
            let key = Array(packet.bytes[0..<16]) + Array(packet.sender.utf8) + Array(packet.bytes[32..<40])
            if let before = seen[key] { #expect(before == packet.bytes) }
            seen[key] = packet.bytes
        }
        #expect(seen.count > 20)
    }
}
