import IKEMessage
import IKEv2
import IPsecTypes
import Testing

/// Simultaneous exchanges (RFC 7296 §2.8.1, §2.8.2, §2.25). Each runs with many seeds, so that either end has the lowest
/// nonce, and in both orders of delivery.
@Suite struct CollisionTests {
    static let seeds = Array(UInt64(1)...24)

    /// Starts commands on both ends before anything is delivered.
    private func collide(
        _ seed: UInt64,
        _ left: (IKESAStatus) -> IKECommand,
        _ right: (IKESAStatus) -> IKECommand,
        swapped: Bool = false
    ) throws -> Pair {
        let pair = establishedPair(seed: seed)
        let a = try #require(pair.statusA)
        let b = try #require(pair.statusB)
        pair.watchesTraffic = true
        pair.command(pair.a, left(a))
        pair.command(pair.b, right(b))
        if swapped { pair.wire.reverse() }
        return pair
    }

    private func rekeyChild(_ status: IKESAStatus) -> IKECommand {
        .rekeyChild(status.id, status.children[0].inboundSPI)
    }
    private func closeChild(_ status: IKESAStatus) -> IKECommand {
        .closeChild(status.id, status.children[0].inboundSPI)
    }
    private func rekeyIKE(_ status: IKESAStatus) -> IKECommand { .rekeyIKE(status.id) }
    private func close(_ status: IKESAStatus) -> IKECommand { .close(status.id, .requested) }

    // MARK: Child SAs

    @Test(arguments: seeds, [false, true])
    func simultaneousChildRekeyingsLeaveOneSA(seed: UInt64, swapped: Bool) throws {
        let pair = try collide(seed, rekeyChild, rekeyChild, swapped: swapped)
        // req1: N(REKEY_SA,SPIa1), SA(..,SPIa2,..), Ni1 -->    <-- req2: N(REKEY_SA,SPIb1), SA(..,SPIb2,..), Ni2
        // resp2: SA(..,SPIa3,..), Nr1 -->                      <-- resp1: SA(..,SPIb3,..), Nr2
        // D of the old SA by the winner, D of the redundant one by the loser
        pair.settle()
        #expect(pair.trace.count == 4 + 4 + 4)
        pair.run(.seconds(6))
        pair.expectAgreement()
        #expect(pair.losses.isEmpty, "\(pair.losses)")
    }

    @Test(arguments: seeds) func theLowestNonceLoses(seed: UInt64) throws {
        let pair = try collide(seed, rekeyChild, rekeyChild)
        pair.run(.seconds(6))
        // Both ends call the same one redundant.
        let redundantA = pair.a.reports.compactMap { redundant($0) }
        let redundantB = pair.b.reports.compactMap { redundant($0) }
        #expect(redundantA.count == 1 && redundantB.count == 1)
        #expect(redundantA.first?.inboundSPI == redundantB.first?.outboundSPI)
    }

    private func redundant(_ report: IKEReport) -> ChildSAStatus? {
        if case .childClosed(_, let status, .redundant) = report { status } else { nil }
    }

    @Test(arguments: seeds) func aDelayedRekeyingFindsItsSAReplaced(seed: UInt64) throws {
        let pair = try collide(seed, rekeyChild, rekeyChild)
        // req1 is lost; B finishes its rekeying, and deletes the old SA, before A's retransmission arrives.
        pair.wire.removeAll { $0.sender == "A" }
        pair.settle()
        #expect(pair.statusB?.children.count == 1)
        // resend req1 -->
        // <-- resp1: N(CHILD_SA_NOT_FOUND)
        pair.run(.seconds(7))
        pair.expectAgreement()
        #expect(pair.losses.isEmpty, "\(pair.losses)")
        #expect(childFailure(pair.a) == nil, "the notify is expected")
    }

    @Test(arguments: seeds) func aRekeyingWhoseResponseIsLateLosesNothing(seed: UInt64) throws {
        let pair = try collide(seed, rekeyChild, rekeyChild)
        var lost = false
        pair.delivers = { packet in
            if packet.sender == "B", packet.isResponse, !lost {
                lost = true
                return false
            }
            return true
        }
        pair.run(.seconds(8))
        pair.expectAgreement()
        #expect(pair.losses.isEmpty, "\(pair.losses)")
    }

    @Test(arguments: seeds, [false, true])
    func aRekeyingAgainstADeleteEndsWithoutTheSA(seed: UInt64, swapped: Bool) throws {
        let pair = try collide(seed, rekeyChild, closeChild, swapped: swapped)
        // N(REKEY_SA) -->        <-- D
        // D -->                  <-- N(TEMPORARY_FAILURE) or N(CHILD_SA_NOT_FOUND)
        pair.run(.seconds(12))
        pair.expectAgreement(children: 0)
        #expect(pair.trace.allSatisfy { $0.header?.exchangeType != .ikeSAInit } || pair.trace.count < 20)
    }

    @Test(arguments: seeds, [false, true])
    func aDeleteAgainstADeleteIsAnsweredEmpty(seed: UInt64, swapped: Bool) throws {
        let pair = try collide(seed, closeChild, closeChild, swapped: swapped)
        pair.settle()
        #expect(pair.trace.count == 8)
        pair.expectAgreement(children: 0)
    }

    @Test func aRekeyingOfAnSAThatOnlyOneEndHasMakesItAnew() throws {
        let pair = establishedPair()
        let status = try #require(pair.statusA)
        // B loses the child: its Delete never reaches A, whose answer is forged away.
        pair.delivers = { $0.sender != "B" }
        pair.command(pair.b, .closeChild(try #require(pair.statusB?.id), try #require(pair.childB).inboundSPI))
        pair.settle()
        pair.delivers = { _ in true }
        pair.command(pair.a, .rekeyChild(status.id, status.children[0].inboundSPI))
        pair.run(.seconds(12))
        // Either the Delete went through in the end, or a new SA was made: never one end alone.
        #expect(pair.statusA?.children.count == pair.statusB?.children.count)
    }

    // MARK: IKE SAs

    @Test(arguments: seeds, [false, true])
    func simultaneousIKERekeyingsLeaveOneIKESAWithAllChildren(seed: UInt64, swapped: Bool) throws {
        let pair = try collide(seed, rekeyIKE, rekeyIKE, swapped: swapped)
        pair.settle()
        pair.expectAgreement()
        pair.run(.seconds(60))
        pair.expectAgreement()
        #expect(closes(pair.a).isEmpty && closes(pair.b).isEmpty)
        #expect(pair.losses.isEmpty, "\(pair.losses)")
        pair.command(pair.a, rekeyChild(try #require(pair.statusA)))
        pair.run(.seconds(6))
        pair.expectAgreement()
    }

    @Test(arguments: seeds) func anIKERekeyingThatThePeerDidNotNoticeIsForgotten(seed: UInt64) throws {
        let pair = try collide(seed, rekeyIKE, rekeyIKE)
        // <-- B's request is lost; A's goes through, and so does A's Delete of the old IKE SA.
        pair.wire.removeAll { $0.sender == "B" }
        pair.settle()
        pair.expectAgreement()
        pair.run(.seconds(60))
        pair.expectAgreement()
        #expect(closes(pair.a).isEmpty && closes(pair.b).isEmpty)
    }

    @Test(arguments: seeds) func anIKERekeyingWhoseResponseIsLateSettlesToo(seed: UInt64) throws {
        let pair = try collide(seed, rekeyIKE, rekeyIKE)
        var lost = 0
        pair.delivers = { packet in
            if packet.sender == "A", packet.isResponse, lost < 2 {
                lost += 1
                return false
            }
            return true
        }
        pair.run(.seconds(60))
        pair.expectAgreement()
        #expect(closes(pair.a).isEmpty && closes(pair.b).isEmpty)
    }

    @Test(arguments: seeds, [false, true])
    func aChildRekeyingAgainstAnIKERekeyingIsPutOff(seed: UInt64, swapped: Bool) throws {
        let pair = try collide(seed, rekeyChild, rekeyIKE, swapped: swapped)
        let old = try #require(pair.childA).inboundSPI
        // N(REKEY_SA), SA, Ni, KEi, TSi, TSr -->       <-- SA, Ni, KEi
        // N(TEMPORARY_FAILURE) -->                      <-- N(TEMPORARY_FAILURE)
        pair.run(.seconds(20))
        pair.expectAgreement()
        #expect(pair.statusA?.rekeyings == 1)
        #expect(pair.childA?.inboundSPI != old)
        #expect(pair.losses.isEmpty, "\(pair.losses)")
        let put = pair.trace.filter { $0.isResponse && $0.header?.exchangeType == .createChildSA }
        #expect(put.count >= 3)
    }

    @Test(arguments: seeds, [false, true])
    func aNewChildAgainstAnIKERekeyingIsPutOff(seed: UInt64, swapped: Bool) throws {
        let extra = child("extra", local: [networkA], remote: [networkB])
        let pair = try collide(seed, { .addChild($0.id, extra) }, rekeyIKE, swapped: swapped)
        pair.run(.seconds(20))
        pair.expectAgreement(children: 2)
    }

    @Test(arguments: seeds, [false, true])
    func aChildDeleteAgainstAnIKERekeyingIsAnsweredAsUsual(seed: UInt64, swapped: Bool) throws {
        let pair = try collide(seed, closeChild, rekeyIKE, swapped: swapped)
        pair.run(.seconds(20))
        pair.expectAgreement(children: 0)
        #expect(pair.statusA?.rekeyings == 1)
    }

    @Test(arguments: seeds, [false, true])
    func anIKEDeleteAgainstAnIKERekeyingEndsIt(seed: UInt64, swapped: Bool) throws {
        let pair = try collide(seed, close, rekeyIKE, swapped: swapped)
        pair.run(.seconds(60))
        pair.expectNothing(pair.a)
        pair.expectNothing(pair.b)
        #expect(closes(pair.a) == [.requested] && closes(pair.b) == [.deletedByPeer])
        #expect(pair.a.endpoint.nextDeadline == nil && pair.b.endpoint.nextDeadline == nil)
    }

    @Test(arguments: seeds, [false, true])
    func anIKEDeleteAgainstAChildRekeyingEndsIt(seed: UInt64, swapped: Bool) throws {
        let pair = try collide(seed, close, rekeyChild, swapped: swapped)
        pair.run(.seconds(60))
        pair.expectNothing(pair.a)
        pair.expectNothing(pair.b)
    }

    @Test(arguments: seeds, [false, true])
    func anIKEDeleteAgainstAnIKEDeleteIsAnsweredAsUsual(seed: UInt64, swapped: Bool) throws {
        let pair = try collide(seed, close, close, swapped: swapped)
        pair.run(.seconds(1))
        pair.expectNothing(pair.a)
        pair.expectNothing(pair.b)
    }
}
