import Foundation
import IKEMessage
import IKEv2
import IPsecTypes
import Logging
import PacketIO
import Synchronization
import Testing

@testable import RADIUS
@testable import Runtime

/// A RADIUS server on the loopback interface, in a thread of its own: what it answers is the test's.
final class LoopbackServer: Sendable {
    static let secret = SecretBytes(Array("a secret of the loopback".utf8))
    let port: UInt16

    init(_ answer: @escaping @Sendable (RADIUSPacket) -> RADIUSPacket?) throws {
        let ready = Waiting<UInt16>()
        let thread = Thread {
            guard let socket = try? DatagramPort(bind: Endpoint(.v4(0x7f00_0001), port: 0), longest: 4096) else {
                return
            }
            ready.finish(socket.port)
            // A test takes less than this; then the thread ends by itself.
            for _ in 0..<20_000 {
                for datagram in (try? socket.receive()) ?? [] {
                    guard let request = try? RADIUSPacket(parsing: datagram.bytes), var made = answer(request) else {
                        continue
                    }
                    made.identifier = request.identifier
                    made.sealAnswer(to: request.authenticator, Self.secret)
                    socket.send(made.encoded, to: datagram.source)
                }
                usleep(1000)
            }
        }
        thread.start()
        port = try #require(ready.wait(seconds: 5))
    }

    /// A service that has this server alone, for both purposes.
    var parts: RADIUSService.Parts {
        var settings = RADIUSClientSettings()
        settings.timeout = .milliseconds(200)
        settings.budget = .seconds(2)
        let server = RADIUSServer(
            name: "loop",
            endpoint: Endpoint(.v4(0x7f00_0001), port: port),
            secret: Self.secret
        )
        return RADIUSService.Parts(access: [server], accounting: [server], settings: settings, nasIdentifier: "gw")
    }

    static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    static let handlers = RADIUSService.Handlers(dynamic: { _, answer in answer(nil) }, health: { _, _ in })

    var service: RADIUSService {
        get throws { try RADIUSService(parts, logger: Self.quiet, handlers: Self.handlers) }
    }
}

@Suite("RADIUS service over the loopback interface")
struct RADIUSServiceTests {
    private static func request(_ claimed: Identity, _ response: [UInt8]?, session: UInt64 = 1) -> EAPServerRequest {
        let endpoint = Endpoint(.v4(0xc000_0201), port: 4500)
        return EAPServerRequest(
            ikeSA: IKESAID(rawValue: 1),
            session: EAPSessionID(session),
            connection: "users",
            settings: "radius",
            claimed: claimed,
            response: response,
            path: Path(transport: .udp4500, local: endpoint, remote: endpoint)
        )
    }

    private func step(_ service: RADIUSService, _ request: EAPServerRequest) throws -> EAPServerStep {
        let box = Waiting<EAPServerStep>()
        service.step(request) { box.finish($0) }
        return try #require(box.wait(seconds: 5))
    }

    /// Challenges by MSCHAPv2, then rejects: and remembers nothing of its own.
    private static let challenges: @Sendable (RADIUSPacket) -> RADIUSPacket? = { request in
        var attributes: [RADIUSAttribute] = []
        guard request.attributes.first(.state) == nil else {
            attributes.append(eapPacket: [4, 9, 0, 4])
            return RADIUSPacket(code: .accessReject, identifier: 0, attributes: attributes)
        }
        attributes.append(eapPacket: [1, 9, 0, 6, 26, 1])
        attributes.append(RADIUSAttribute(.state, [1, 2, 3]))
        return RADIUSPacket(code: .accessChallenge, identifier: 0, attributes: attributes)
    }

    @Test("An IDi that is a name is the EAP identity; the server's challenge and its Failure come back")
    func named() throws {
        let seen = Mutex<[RADIUSPacket]>([])
        let server = try LoopbackServer { request in
            seen.withLock { $0.append(request) }
            return Self.challenges(request)
        }
        let service = try server.service
        defer { service.stop(grace: 0) }
        guard case .request([1, 9, 0, 6, 26, 1]) = try step(service, Self.request(.fqdn("alice.lab"), nil)) else {
            Issue.record("no challenge")
            return
        }
        let first = try #require(seen.withLock { $0.first })
        #expect(first.attributes.first?.type == .messageAuthenticator)
        #expect(try first.attributes.text(.userName) == "alice.lab")
        #expect(first.attributes.eapPacket == [2, 0, 0, 14, 1] + Array("alice.lab".utf8))
        #expect(try first.attributes.text(.nasIdentifier) == "gw")
        #expect(try first.attributes.text(.callingStationID) == "192.0.2.1:4500")
        guard
            case .failed([4, 9, 0, 4], let reason) = try step(
                service,
                Self.request(.fqdn("alice.lab"), [2, 9, 0, 6, 26, 2])
            )
        else {
            Issue.record("not refused")
            return
        }
        #expect(reason.contains("alice.lab by loop: Access-Reject"))
    }

    @Test("A peer whose IDi is an address is asked who it is")
    func asked() throws {
        let server = try LoopbackServer(Self.challenges)
        let service = try server.service
        defer { service.stop(grace: 0) }
        let claimed = Identity.address(.v4(1))
        guard case .request([1, 1, 0, 5, 1]) = try step(service, Self.request(claimed, nil)) else {
            Issue.record("not asked")
            return
        }
        guard
            case .request([1, 9, 0, 6, 26, 1]) = try step(
                service,
                Self.request(claimed, [2, 1, 0, 8, 1] + Array("bob".utf8))
            )
        else {
            Issue.record("no challenge")
            return
        }
    }

    @Test("E06: no identity, one for another request, an endless and an unprintable one end the conversation")
    func hostileIdentity() throws {
        let server = try LoopbackServer(Self.challenges)
        let service = try server.service
        defer { service.stop(grace: 0) }
        let long = [UInt8](repeating: 0x61, count: 60_000)
        let length = long.count + 5
        let answers: [[UInt8]] = [
            [2, 1, 0, 5, 1], [2, 2, 0, 8, 1, 0x62, 0x6f, 0x62], [2, 1, 0, 8, 3, 0x62, 0x6f, 0x62],
            [2, 1, 0, 7, 1, 0xff, 0xfe], [2, 1, 0, 9, 1, 0x62, 0x6f, 0x62], [],
            [2, 1, UInt8(truncatingIfNeeded: length >> 8), UInt8(truncatingIfNeeded: length), 1] + long,
        ]
        for (index, answer) in answers.enumerated() {
            let session = UInt64(index + 10)
            _ = try step(service, Self.request(.address(.v4(1)), nil, session: session))
            guard case .failed = try step(service, Self.request(.address(.v4(1)), answer, session: session)) else {
                Issue.record("\(answer.prefix(8)) was taken")
                continue
            }
        }
    }

    @Test("No server: the conversation fails within the budget as radius_unreachable")
    func unreachable() throws {
        let server = try LoopbackServer { _ in nil }
        let service = try server.service
        defer { service.stop(grace: 0) }
        let started = SystemClock.now
        guard case .failed(_, let reason) = try step(service, Self.request(.fqdn("alice.lab"), nil)) else {
            Issue.record("not refused")
            return
        }
        #expect(reason.contains("radius_unreachable"))
        #expect(SystemClock.now - started < .seconds(4))
    }

    @Test("An acceptance is found by its token only, and no certificate's token finds it")
    func acceptances() {
        let acceptances = RADIUSAcceptances()
        let entry = RADIUSAcceptances.Entry(userName: "bob", authorization: RADIUSAuthorization(), server: "loop")
        let token = acceptances.add(entry)
        #expect(acceptances.entry(token) == entry)
        #expect(acceptances.entry(0) == nil && acceptances.entry(1) == nil && acceptances.entry(token + 1) == nil)
        #expect(PeerRegistry().peer(token) == nil)
    }
}
