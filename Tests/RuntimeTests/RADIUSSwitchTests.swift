import IKEMessage
import IKEv2
import IPsecTypes
import PacketIO
import Synchronization
import Testing

@testable import RADIUS
@testable import Runtime

/// A reload puts other RADIUS servers into force, and nothing that is under way is lost.
@Suite struct RADIUSSwitchTests {
    private static func request(_ session: UInt64, _ response: [UInt8]?) -> EAPServerRequest {
        let endpoint = Endpoint(.v4(0xc000_0201), port: 4500)
        return EAPServerRequest(
            ikeSA: IKESAID(rawValue: session),
            session: EAPSessionID(session),
            connection: "users",
            settings: "radius",
            claimed: .fqdn("alice.lab"),
            response: response,
            path: Path(transport: .udp4500, local: endpoint, remote: endpoint)
        )
    }

    private static func step(_ desk: RADIUSSwitch, _ session: UInt64, _ response: [UInt8]?) throws -> EAPServerStep {
        let box = Waiting<EAPServerStep>()
        desk.step(request(session, response), now: SystemClock.now, wallClock: SystemClock.wall) { box.finish($0) }
        return try #require(box.wait(seconds: 5))
    }

    /// Challenges once, then rejects, and acknowledges records; each packet goes through `note`.
    private static func server(_ note: @escaping @Sendable (RADIUSPacket) -> Void) throws -> LoopbackServer {
        try LoopbackServer { request in
            note(request)
            if request.code == .accountingRequest {
                return RADIUSPacket(code: .accountingResponse, identifier: 0, attributes: [])
            }
            var attributes: [RADIUSAttribute] = []
            guard request.attributes.first(.state) == nil else {
                attributes.append(eapPacket: [4, 9, 0, 4])
                return RADIUSPacket(code: .accessReject, identifier: 0, attributes: attributes)
            }
            attributes.append(eapPacket: [1, 9, 0, 6, 26, 1])
            attributes.append(RADIUSAttribute(.state, [1, 2, 3]))
            return RADIUSPacket(code: .accessChallenge, identifier: 0, attributes: attributes)
        }
    }

    private static func desk(_ parts: RADIUSService.Parts?) throws -> RADIUSSwitch {
        try RADIUSSwitch(parts, logger: LoopbackServer.quiet, handlers: LoopbackServer.handlers)
    }

    @Test func aConversationEndsWhereItBeganAndTheNextOneGoesToTheNewServer() throws {
        let old = Atomic<Int>(0)
        let new = Atomic<Int>(0)
        let first = try Self.server { _ in old.add(1, ordering: .relaxed) }
        let second = try Self.server { _ in new.add(1, ordering: .relaxed) }
        let desk = try Self.desk(first.parts)
        defer { desk.stop(grace: 0) }
        guard case .request = try Self.step(desk, 1, nil) else {
            Issue.record("no challenge")
            return
        }
        #expect(try desk.replace(second.parts))
        #expect(try desk.replace(second.parts) == false)
        guard case .request = try Self.step(desk, 2, nil) else {
            Issue.record("no challenge of the new server")
            return
        }
        #expect(old.load(ordering: .relaxed) == 1 && new.load(ordering: .relaxed) == 1)
        guard case .failed(_, let reason) = try Self.step(desk, 1, [2, 9, 0, 6, 26, 2]) else {
            Issue.record("not rejected")
            return
        }
        #expect(reason.contains("Access-Reject"))
        #expect(old.load(ordering: .relaxed) == 2 && new.load(ordering: .relaxed) == 1)
        desk.end(EAPSessionID(1))
        guard case .failed = try Self.step(desk, 1, [2, 9, 0, 6, 26, 2]) else {
            Issue.record("not forgotten")
            return
        }
    }

    @Test func anotherSecretIsAChange() throws {
        let server = try Self.server { _ in }
        let desk = try Self.desk(server.parts)
        defer { desk.stop(grace: 0) }
        var parts = server.parts
        parts.access[0].secret = SecretBytes(Array("another one of the loopback".utf8))
        #expect(try desk.replace(parts))
        #expect(try desk.replace(nil))
        #expect(desk.current == nil)
        guard case .failed(_, let reason) = try Self.step(desk, 1, nil) else {
            Issue.record("let in by nobody")
            return
        }
        #expect(reason.contains("eap_unconfigured"))
    }

    @Test func recordsThatNobodyTookGoToTheNewServer() async throws {
        let silent = try LoopbackServer { _ in nil }
        let ids = Mutex<[String]>([])
        let server = try Self.server { packet in
            if let id = try? packet.attributes.text(.acctSessionID) { ids.withLock { $0.append(id) } }
        }
        let desk = try Self.desk(silent.parts)
        defer { desk.stop(grace: 0) }
        for id in ["one", "two"] {
            desk.account(AccountingRecord(.start, sessionID: id, at: SystemClock.wall, identification: []))
        }
        #expect(desk.current?.status()?.waitingRecords == 2)
        #expect(try desk.replace(server.parts))
        var count = 0
        while Set(ids.withLock { $0 }).count < 2, count < 500 {
            count += 1
            try await Task.sleep(for: .milliseconds(10))
        }
        #expect(Set(ids.withLock { $0 }) == ["one", "two"])
    }

    @Test func settingsThatCannotStartLeaveTheOldOnes() throws {
        let server = try Self.server { _ in }
        let desk = try Self.desk(server.parts)
        defer { desk.stop(grace: 0) }
        let taken = try DatagramPort(bind: Endpoint(.v4(0x7f00_0001), port: 0), longest: 512)
        var parts = server.parts
        parts.localAddress = .v4(0x7f00_0001)
        parts.dynamicPort = taken.port
        parts.dynamicClients = [DynamicClient(address: .v4(0x7f00_0001), secret: LoopbackServer.secret)]
        #expect(throws: IOFailure.self) { try desk.replace(parts) }
        guard case .request = try Self.step(desk, 1, nil) else {
            Issue.record("the old server is gone")
            return
        }
        _ = taken.port
    }
}
