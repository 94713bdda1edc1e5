import Foundation
import IKECrypto
import IKEMessage
import IPsecTypes
import Testing

@testable import IKEv2

/// Ten thousand chains of payloads with something wrong inside, sealed with the right keys, thrown at one endpoint that has
/// an honest peer (W17, W19, W21).
@Suite struct SealedMutationTests {
    private static let honestName = Identity.fqdn("c.example")
    private static let honestAddress = IPAddress.v4(0x0A00_0003)
    private static let hostileAddress = IPAddress.v4(0x0A00_0001)

    /// Of each part; each round brings a chain in IKE_AUTH and one in INFORMATIONAL or CREATE_CHILD_SA. Debug builds, which
    /// everybody waits for, run fewer; CULVERT_MUTATIONS is the number of chains of all parts together.
    private static let rounds =
        ProcessInfo.processInfo.environment["CULVERT_MUTATIONS"].flatMap(Int.init).map { max(1, $0 / 8) }
        ?? (_isDebugAssertConfiguration() ? 400 : 1_250)

    /// A line of a file of vectors.
    private struct Line: Decodable {
        var b64: String
        var first_payload: UInt8?
        var bytes: [UInt8] { Data(base64Encoded: b64).map { [UInt8]($0) } ?? [] }
    }

    private static func lines(_ name: String) throws -> [Line] {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Vectors/ike/\(name)")
        return try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
            .map { try JSONDecoder().decode(Line.self, from: Data($0.utf8)) }
    }

    /// One endpoint, its honest peer and a hostile one that knows the keys of its own IKE SAs.
    private final class Arena {
        let target: Node
        let honest: Node
        let hostile: Node
        var now = Instant.zero
        let wall = WallTime(secondsSinceEpoch: 1_800_000_000)
        let attack = certificateA()

        init(seed: UInt64) {
            var right = certificateB()
            right.timing.deadPeerDetection = .seconds(10)
            var friend = certificateA()
            friend.localIdentity = honestName
            let name = honestName.description
            friend.localAuthentication = .certificate(chain: [certificate(honestName)], key: KeyID(name))
            target = Self.node("B", right, seed)
            honest = Self.node("C", friend, seed &+ 1)
            hostile = Self.node("A", attack, seed &+ 2)
            start(honest, friend, honestAddress)
            settle()
        }

        /// Millions of rounds would fill the memory with them.
        func forgetReports() {
            for node in [target, honest, hostile] {
                node.reports.removeAll(keepingCapacity: true)
                node.authorizations.removeAll(keepingCapacity: true)
                node.keepalives.removeAll(keepingCapacity: true)
            }
        }

        private static func node(_ name: String, _ connection: ConnectionConfiguration, _ seed: UInt64) -> Node {
            Node(
                name,
                IKEConfiguration(connections: [connection]),
                seed: seed,
                crypto: SimulatedCryptoProvider(seed: seed &* 1_000_003)
            )
        }

        @discardableResult
        func start(_ node: Node, _ connection: ConnectionConfiguration, _ address: IPAddress) -> IKESAID? {
            let path = Path(
                transport: .udp500,
                local: Endpoint(address, port: 500),
                remote: Endpoint(Pair.addressB, port: 500)
            )
            return node.command(.initiate(connection, path: path), now, wall)
        }

        /// Carries what was sent until nothing is under way. What the hostile peer sends after IKE_SA_INIT is handed to
        /// `intercept` instead.
        func settle(_ intercept: ((Packet) -> Void)? = nil) {
            while true {
                let sent = honest.outbox + hostile.outbox
                honest.outbox = []
                hostile.outbox = []
                for packet in sent {
                    if let intercept, packet.sender == "A", packet.header?.exchangeType == .ikeAuth {
                        intercept(packet)
                    } else {
                        target.receive(packet.bytes, packet.path.reversed, now, wall)
                    }
                }
                let answers = target.outbox
                target.outbox = []
                if sent.isEmpty, answers.isEmpty { return }
                for packet in answers {
                    let receiver = packet.path.remote.address == honestAddress ? honest : hostile
                    receiver.receive(packet.bytes, packet.path.reversed, now, wall)
                }
            }
        }

        func pass(_ duration: Duration) {
            now = now + duration
            for node in [target, honest] { node.timeout(now, wall) }
            settle()
        }

        /// Throws bytes at the target and lets it answer into the void.
        func hit(_ bytes: [UInt8]) {
            let path = Path(
                transport: .udp500,
                local: Endpoint(Pair.addressB, port: 500),
                remote: Endpoint(hostileAddress, port: 500)
            )
            target.receive(bytes, path, now, wall)
            target.outbox = []
        }

        /// A fresh IKE SA after IKE_SA_INIT, and the content of the IKE_AUTH that its initiator would send.
        func halfOpen() -> (IKESA, IKESAID, first: PayloadType, plain: [UInt8])? {
            guard let id = start(hostile, attack, hostileAddress) else { return nil }
            var content: (first: PayloadType, plain: [UInt8])?
            settle { [hostile] packet in
                let keys = hostile.endpoint.engine.newest(id)?.sendKeys
                content = Forge.open(packet.bytes, keys: keys, crypto: hostile.crypto)
            }
            guard let sa = hostile.endpoint.engine.newest(id), let content else { return nil }
            return (sa, id, content.first, content.plain)
        }
    }

    private func mutate(_ bytes: [UInt8], _ random: inout SplitMix64) -> [UInt8] {
        var bytes = bytes
        for _ in 0...(random.next() % 3) where !bytes.isEmpty {
            let index = Int(random.next() % UInt64(bytes.count))
            switch random.next() % 6 {
            case 0: bytes[index] = 0
            case 1: bytes[index] = 0xFF
            case 2: bytes[index] ^= 1 << UInt8(random.next() % 8)
            case 3: bytes.removeLast(bytes.count - index)
            case 4: bytes.insert(UInt8(truncatingIfNeeded: random.next()), at: index)
            default: bytes[index] = UInt8(truncatingIfNeeded: random.next())
            }
        }
        return bytes
    }

    @Test(arguments: 0..<4) func mutatedContentLeavesNothingAndOtherPeersAlone(part: Int) throws {
        var random = SplitMix64(state: UInt64(part) &+ 77)
        let arena = Arena(seed: UInt64(part) * 10 + 1)
        let inner = try Self.lines("ike-inner.jsonl")
        let outer = try Self.lines("ike-encrypted.jsonl")
        for round in 0..<Self.rounds {
            let (sa, id, first, plain) = try #require(arena.halfOpen())
            // Undecryptable or misnumbered messages with the right SPIs come first.
            hitOuter(arena, sa, 1, outer[round % outer.count].bytes)
            let line = inner[round % inner.count]
            let recorded = round % 4 == part
            let type = recorded ? PayloadType(rawValue: line.first_payload ?? 0) : first
            let content = recorded ? line.bytes : mutate(plain, &random)
            if let bytes = Forge.seal(sa, .ikeAuth, 1, first: type, content, crypto: arena.hostile.crypto) {
                arena.hit(bytes)
            }
            inform(arena, inner, outer, &random)
            arena.hostile.command(.forget(id), arena.now, arena.wall)
            arena.forgetReports()
            arena.pass(.milliseconds(40))
        }
        let statistics = arena.target.endpoint.statistics
        #expect(statistics.dropped[.malformedContent] ?? 0 > UInt64(Self.rounds / 4), "it was opened and read")
        #expect(statistics.dropped[.integrity] ?? 0 > UInt64(Self.rounds / 4))
        #expect(statistics.failed > UInt64(Self.rounds / 4) && statistics.established > 1)
        try expectOnlyTheHonestPeer(arena)
    }

    private func hitOuter(_ arena: Arena, _ sa: IKESA, _ messageID: UInt32, _ bytes: [UInt8]) {
        guard bytes.count >= IKEHeader.byteCount else { return arena.hit(bytes) }
        var head = WireWriter()
        head.writeUInt64(sa.initiatorSPI.rawValue)
        head.writeUInt64(sa.responderSPI.rawValue)
        var number = WireWriter()
        number.writeUInt32(messageID)
        arena.hit(head.bytes + bytes[16..<20] + number.bytes + bytes[24...])
    }

    /// The same for INFORMATIONAL and CREATE_CHILD_SA, over an IKE SA that the hostile peer has rightly established.
    private func inform(_ arena: Arena, _ inner: [Line], _ outer: [Line], _ random: inout SplitMix64) {
        let engine = arena.target.endpoint.engine
        func established() -> IKESA? {
            engine.sas.values.first {
                $0.isEstablished && $0.remoteIdentity == nameA && $0.rekeyings == 0 && $0.timers[.superseded] == nil
            }
        }
        if established() == nil {
            arena.start(arena.hostile, arena.attack, Self.hostileAddress)
            arena.settle()
        }
        guard let theirs = established(),
            let ours = arena.hostile.endpoint.engine.sas.values.first(where: { $0.remoteSPI == theirs.localSPI })
        else { return }
        let line = inner[Int(random.next() % UInt64(inner.count))]
        let exchange: ExchangeType = random.next() % 4 == 0 ? .createChildSA : .informational
        let content = random.next() % 2 == 0 ? line.bytes : mutate(line.bytes, &random)
        let type = PayloadType(rawValue: line.first_payload ?? 0)
        hitOuter(arena, ours, theirs.responses.expected, outer[Int(random.next() % UInt64(outer.count))].bytes)
        let number = theirs.responses.expected
        if let bytes = Forge.seal(ours, exchange, number, first: type, content, crypto: arena.hostile.crypto) {
            arena.hit(bytes)
        }
    }

    private func expectOnlyTheHonestPeer(_ arena: Arena) throws {
        // Nobody answers for the hostile peer any more.
        for status in arena.hostile.endpoint.statuses() {
            arena.hostile.command(.forget(status.id), arena.now, arena.wall)
        }
        for _ in 0..<120 { arena.pass(.milliseconds(500)) }
        let engine = arena.target.endpoint.engine
        #expect(engine.sas.count == 1 && engine.current.count == 1 && engine.childOwners.count == 1)
        #expect(engine.byIdentity.count == 1 && engine.operations.isEmpty && engine.refusedCount == 0)
        #expect(arena.target.endpoint.halfOpenCount == 0)
        #expect(arena.target.keys.isEmpty && arena.target.installed.count == 1)
        let mine = try #require(arena.honest.status)
        #expect(mine.phase == .established)
        arena.honest.command(.rekeyIKE(mine.id), arena.now, arena.wall)
        arena.settle()
        arena.honest.command(.rekeyChild(mine.id, try #require(mine.children.first).inboundSPI), arena.now, arena.wall)
        arena.settle()
        #expect(arena.honest.status?.rekeyings == 1)
        #expect(
            arena.target.installed.values.contains {
                $0.parameters.outboundSPI == arena.honest.status?.children.last?.inboundSPI
            }
        )
        #expect(arena.honest.keys.isEmpty && arena.target.keys.isEmpty)
    }
}
