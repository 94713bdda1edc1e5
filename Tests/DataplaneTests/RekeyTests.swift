import ESP
import IPsecTypes
import PacketIO
import Testing

@testable import Dataplane

private let reply = ipPacket("10.20.0.3", "10.99.0.7")
private let request = ipPacket("10.99.0.7", "10.20.0.3")

private func spi(_ wire: [Wire]) -> [UInt32] {
    wire.map { $0.bytes.prefix(4).reduce(0) { $0 << 8 | UInt32($1) } }
}

private func successor() -> ChildPair {
    var child = ChildPair()
    child.agentSPI = SPI(0x1000_0002)
    child.gatewaySPI = SPI(0x2000_0002)
    child.seed = 50
    return child
}

@Test func trafficMovesToTheNewSAOnlyWhenItIsActivated() throws {
    let (old, new) = (ChildPair(), successor())
    var agent = try Bench()
    var gateway = try Bench()
    let oldHandle = try agent.install(old.agent)
    try gateway.install(old.gateway)
    let newHandle = try agent.install(new.agent, sendNow: false)
    try gateway.install(new.gateway, sendNow: false)
    let before = agent.fromTUN([request])
    #expect(spi(before) == [old.gatewaySPI.rawValue])
    agent.path.apply(.activate(newHandle))
    let after = agent.fromTUN([request])
    #expect(spi(after) == [new.gatewaySPI.rawValue])
    // Packets of both are accepted in any order, also after the old one stopped sending.
    agent.path.apply(.deactivate(oldHandle))
    let again = agent.fromTUN([request])
    #expect(spi(again) == [new.gatewaySPI.rawValue])
    let arrived = gateway.fromNetwork(after + before + again)
    #expect(arrived.count == 3)
}

@Test func answersTheVeryFirstPacketOfThePeer() throws {
    // The peer began this child without an older one beside it: its first packet opens the way for the answer, and no
    // command of the control plane may come too late for that.
    var child = ChildPair()
    var agent = try Bench()
    var gateway = try Bench()
    let first = try agent.install(child.agent)
    let handle = try gateway.install(child.gateway.heard, sendNow: false)
    #expect(gateway.fromTUN([reply]).isEmpty)
    #expect(gateway.fromNetwork(agent.fromTUN([request])).count == 1)
    #expect(spi(gateway.fromTUN([reply])) == [child.agentSPI.rawValue])
    #expect(agent.fromNetwork(gateway.fromTUN([reply])).count == 1)
    // What the control plane says later changes nothing.
    gateway.path.apply(.activate(handle))
    #expect(gateway.fromTUN([reply]).count == 1)
    // Without the permission, as the loser of a collision, and after the order to stop, it stays silent.
    agent.path.apply(.remove(first))
    for stopped in [false, true] {
        child = successor()
        var silent = try Bench()
        try agent.install(child.agent)
        let late = try silent.install(stopped ? child.gateway.heard : child.gateway, sendNow: false)
        if stopped { silent.path.apply(.deactivate(late)) }
        #expect(silent.fromNetwork(agent.fromTUN([request])).count == 1)
        #expect(silent.fromTUN([reply]).isEmpty)
        agent = try Bench()
    }
}

extension ChildSAParameters {
    /// The same, sending by itself once the peer was heard.
    fileprivate var heard: ChildSAParameters {
        var changed = self
        changed.sendsWhenHeard = true
        return changed
    }
}

@Test func deactivatedSAStillAccepts() throws {
    let child = ChildPair()
    var agent = try Bench()
    var gateway = try Bench()
    try agent.install(child.agent)
    let handle = try gateway.install(child.gateway)
    gateway.path.apply(.deactivate(handle))
    let arrived = gateway.fromNetwork(agent.fromTUN([request]))
    #expect(arrived == [request])
    let wire = gateway.fromTUN([ipPacket("10.20.0.3", "10.99.0.7")])
    #expect(wire.isEmpty)
    gateway.path.apply(.activate(handle))
    let back = gateway.fromTUN([ipPacket("10.20.0.3", "10.99.0.7")])
    #expect(back.count == 1)
}

@Test func removedSAIsUnknownAndItsSlotGone() throws {
    let child = ChildPair()
    var agent = try Bench()
    var gateway = try Bench()
    try agent.install(child.agent)
    weak var gone: SAHandle?
    do {
        let handle = try gateway.install(child.gateway)
        gone = handle
        gateway.path.apply(.remove(handle))
        gateway.path.apply(.remove(handle))
    }
    #expect(gone == nil)
    let arrived = gateway.fromNetwork(agent.fromTUN([request]))
    #expect(arrived.isEmpty)
    let drops = gateway.allDrops
    #expect(drops == [.unknownSPI: 1])
}

@Test func lateActivationOfARemovedSADoesNothing() throws {
    let child = ChildPair()
    var gateway = try Bench()
    let handle = try gateway.install(child.gateway)
    gateway.path.apply(.remove(handle))
    gateway.path.apply(.activate(handle))
    let wire = gateway.fromTUN([ipPacket("10.20.0.3", "10.99.0.7")])
    #expect(wire.isEmpty)
}

@Test func packetsForAnotherWorkersSAAreHandedOver() throws {
    let child = ChildPair()
    let rings = [try HandoverRings(), try HandoverRings()]
    var agent = try Bench()
    try agent.install(child.agent)
    var first = try Bench(index: 0, handovers: rings)
    var second = try Bench(index: 1, handovers: rings)
    let handle = try first.makeHandle(child.gateway, owner: 1)
    for command in [WorkerCommand.install(handle), .activate(handle)] {
        first.path.apply(command)
        second.path.apply(command)
    }
    // ESP that the kernel gave to the wrong worker.
    let passed = first.fromNetwork(agent.fromTUN([request, request]))
    #expect(passed.isEmpty)
    rings[1].inbound.drain(into: second.batch)
    #expect(second.batch.count == 2)
    #expect(second.receive(on: .rawESP) == [request, request])
    // A packet from the wrong TUN queue.
    let wire = first.fromTUN([ipPacket("10.20.0.3", "10.99.0.7")])
    #expect(wire.isEmpty)
    rings[1].outbound.drain(into: second.batch)
    second.path.send(second.batch, answers: second.answers)
    #expect(second.batch.count == 1 && second.batch[0].remote == PacketAddress(child.agentEnd))
    let drops = (first.allDrops, second.allDrops)
    #expect(drops.0.isEmpty && drops.1.isEmpty)
}
