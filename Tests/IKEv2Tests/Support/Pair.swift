import IKECrypto
import IKEMessage
import IKEv2
import IPsecTypes
import Testing

/// Two nodes, a wire between them, and a clock that moves only when told.
final class Pair {
    let a: Node
    let b: Node
    var now = Instant.zero
    var wall = WallTime(secondsSinceEpoch: 1_800_000_000)
    var wire: [Packet] = []
    /// Every packet that was ever sent.
    var trace: [Packet] = []
    /// Returns false for a packet that is to be lost.
    var delivers: (Packet) -> Bool = { _ in true }
    /// What a NAT in front of A makes of A's endpoint.
    var translate: ((Endpoint) -> Endpoint)?
    /// What a NAT in front of B makes of the path of a packet that comes in.
    var rewriteAtB: ((inout Path) -> Void)?
    /// Actions that a test has B make.
    var bActions: [IKEAction] = []
    /// Moments at which a node sent on a Child SA that the other one had not installed.
    var losses: [String] = []
    var watchesTraffic = false

    static let addressA = IPAddress.v4(0x0A00_0001)
    static let addressB = IPAddress.v4(0xC000_0201)

    init(
        _ connectionA: ConnectionConfiguration,
        _ connectionB: ConnectionConfiguration,
        more: [ConnectionConfiguration] = [],
        seed: UInt64 = 1,
        crypto: (any CryptoProvider)? = nil
    ) {
        a = Node(
            "A",
            IKEConfiguration(connections: [connectionA]),
            seed: seed &* 2,
            crypto: crypto ?? SimulatedCryptoProvider(seed: seed &* 1_000_003)
        )
        b = Node(
            "B",
            IKEConfiguration(connections: [connectionB] + more),
            seed: seed &* 2 &+ 1,
            crypto: crypto ?? SimulatedCryptoProvider(seed: seed &* 1_000_033)
        )
        for node in [a, b] { node.preSharedKeys["psk"] = SecretBytes(Array("a shared secret of enough length".utf8)) }
    }

    var pathA: Path {
        Path(
            transport: .udp500,
            local: Endpoint(Self.addressA, port: 500),
            remote: Endpoint(Self.addressB, port: 500)
        )
    }

    // MARK: Driving

    @discardableResult
    func initiate(_ connection: ConnectionConfiguration) -> IKESAID {
        a.command(.initiate(connection, path: pathA), now, wall) ?? IKESAID(rawValue: 0)
    }

    func command(_ node: Node, _ command: IKECommand) {
        node.command(command, now, wall)
        collect()
    }

    func event(_ node: Node, _ event: IKEEvent) {
        node.handle(event, now, wall)
        collect()
    }

    /// Puts on the wire what the nodes have sent.
    func collect() {
        for node in [a, b] {
            trace += node.outbox
            wire += node.outbox
            node.outbox = []
        }
        if watchesTraffic { checkTraffic() }
    }

    /// Delivers the oldest packet; false when there is none.
    @discardableResult
    func step() -> Bool {
        collect()
        guard !wire.isEmpty else { return false }
        deliver(wire.removeFirst())
        return true
    }

    func deliver(_ packet: Packet) {
        guard delivers(packet) else { return }
        inject(packet)
    }

    /// Delivers a packet whatever ``delivers`` says.
    func inject(_ packet: Packet) {
        var path = packet.path.reversed
        if packet.sender == "A" {
            if let translate { path.remote = translate(path.remote) }
            rewriteAtB?(&path)
            b.receive(packet.bytes, path, now, wall)
        } else {
            if rewriteAtB != nil { path.remote.address = Self.addressB }
            if let translate {
                path.local = Endpoint(
                    Self.addressA,
                    port: path.local.port == translatedPort(500, translate) ? 500 : 4500
                )
            }
            a.receive(packet.bytes, path, now, wall)
        }
        collect()
    }

    private func translatedPort(_ port: UInt16, _ translate: (Endpoint) -> Endpoint) -> UInt16 {
        translate(Endpoint(Self.addressA, port: port)).port
    }

    /// Delivers until nothing is on the wire.
    func settle() {
        var steps = 0
        while step() {
            steps += 1
            if steps > 10_000 {
                Issue.record("the wire never gets empty")
                return
            }
        }
    }

    /// Lets time pass, with every deadline on the way.
    func run(_ duration: Duration) {
        let end = now + duration
        settle()
        while let next = [a.endpoint.nextDeadline, b.endpoint.nextDeadline].compactMap({ $0 }).min(), next <= end {
            advance(to: max(now, next))
            a.timeout(now, wall)
            b.timeout(now, wall)
            settle()
        }
        advance(to: end)
    }

    func advance(to instant: Instant) {
        let seconds = (instant - now).components.seconds
        now = instant
        wall = wall.advanced(bySeconds: seconds)
    }

    // MARK: Looking

    var statusA: IKESAStatus? { a.endpoint.statuses().first }
    var statusB: IKESAStatus? { b.endpoint.statuses().first }
    var childA: ChildSAStatus? { statusA?.children.last }
    var childB: ChildSAStatus? { statusB?.children.last }

    /// Whatever leaves must find a receiver (an in-flight packet has as long as the inbound half lingers).
    private func checkTraffic() {
        for (sender, receiver) in [(a, b), (b, a)] {
            for child in sender.installed.values where child.sends {
                if receiver.installed[child.parameters.outboundSPI] == nil {
                    losses.append("\(sender.name) sends on \(child.parameters.outboundSPI) at \(now.nanoseconds)")
                }
            }
        }
    }

    /// Both ends have the same IKE SA, and the same Child SAs with the same keys and mirrored selectors.
    func expectAgreement(children: Int = 1, _ location: SourceLocation = #_sourceLocation) {
        guard let left = statusA, let right = statusB else {
            Issue.record("not established", sourceLocation: location)
            return
        }
        #expect(a.endpoint.statuses().count == 1, sourceLocation: location)
        #expect(b.endpoint.statuses().count == 1, sourceLocation: location)
        #expect(left.phase == .established && right.phase == .established, sourceLocation: location)
        #expect(left.initiatorSPI == right.initiatorSPI, sourceLocation: location)
        #expect(left.responderSPI == right.responderSPI, sourceLocation: location)
        #expect(left.suite == right.suite, sourceLocation: location)
        #expect(left.children.count == children && right.children.count == children, sourceLocation: location)
        #expect(a.installed.count == children && b.installed.count == children, sourceLocation: location)
        for child in left.children {
            guard let ours = a.installed[child.inboundSPI]?.parameters,
                let theirs = b.installed[child.outboundSPI]?.parameters
            else {
                Issue.record("no counterpart of \(child.inboundSPI)", sourceLocation: location)
                continue
            }
            #expect(ours.outboundSPI == theirs.inboundSPI && theirs.outboundSPI == ours.inboundSPI)
            #expect(ours.suite == theirs.suite, sourceLocation: location)
            #expect(ours.localSelectors == theirs.remoteSelectors, sourceLocation: location)
            #expect(ours.remoteSelectors == theirs.localSelectors, sourceLocation: location)
            #expect(ours.inboundKeys.encryption.isEqual(to: theirs.outboundKeys.encryption))
            #expect(ours.outboundKeys.encryption.isEqual(to: theirs.inboundKeys.encryption))
            #expect(ours.outboundKeys.salt.isEqual(to: theirs.inboundKeys.salt))
            #expect(!ours.outboundKeys.encryption.isEqual(to: ours.inboundKeys.encryption))
            #expect(a.installed[child.inboundSPI]?.sends == true, "A sends", sourceLocation: location)
            #expect(b.installed[child.outboundSPI]?.sends == true, "B sends", sourceLocation: location)
        }
        #expect(a.keys.isEmpty && b.keys.isEmpty, "private keys are used or discarded", sourceLocation: location)
    }

    /// Nothing is left on a node.
    func expectNothing(_ node: Node, _ location: SourceLocation = #_sourceLocation) {
        #expect(node.endpoint.statuses().isEmpty, sourceLocation: location)
        #expect(node.endpoint.halfOpenCount == 0, sourceLocation: location)
        #expect(node.installed.isEmpty, sourceLocation: location)
        #expect(node.keys.isEmpty, sourceLocation: location)
    }
}

extension Pair {
    /// Delivers until a packet that fits is the next one.
    func settle(until fits: (Packet) -> Bool) {
        collect()
        while let next = wire.first, !fits(next) { step() }
    }
}

/// The first message of an initiator of its own.
func initialRequest(_ seed: UInt64, from port: UInt16 = 500, address: UInt32 = 0x0A00_0001) -> Packet {
    let pair = Pair(pskA(), pskB(), seed: seed)
    var path = pair.pathA
    path.local = Endpoint(.v4(address), port: port)
    pair.a.command(.initiate(pskA(), path: path), pair.now, pair.wall)
    return pair.a.outbox[0]
}
