import EAP
import EAPDoubles
import IKEMessage
import IKEv2
import IPsecTypes
import Runtime
import Synchronization
import Testing

private let noon = WallTime(secondsSinceEpoch: 1_795_435_200)

/// Both roles of the desk against each other.
@Suite struct LocalEAPDeskTests {
    private struct Users: EAPUserDirectory {
        var groups: [String: [String]] = ["alice": ["staff"]]

        func credential(for question: EAPCredentialQuestion) -> EAPCredential {
            question.identity == "alice" || question.identity == "ghost"
                ? .password(SecretBytes(text: "correct horse")) : .refused
        }

        func groups(of identity: String) -> [String]? { groups[identity] }
    }

    private func desk(
        _ methods: [EAPMethodType],
        name: String = "alice",
        password: String = "correct horse"
    ) -> LocalEAPDesk {
        LocalEAPDesk(
            servers: [
                "users": LocalEAPDesk.Server(
                    settings: EAPServerSettings(methods: methods),
                    engines: PlainTLSProvider(),
                    users: Users(),
                    judge: nil
                )
            ],
            peers: [
                "me": LocalEAPDesk.Peer(
                    settings: EAPPeerSettings(
                        identity: name,
                        methods: methods,
                        password: SecretBytes(text: password)
                    ),
                    engines: PlainTLSProvider(),
                    judge: nil
                )
            ],
            pool: BoundedPool(name: "eap-test", threads: 1, limit: 4)
        )
    }

    private func serve(_ desk: LocalEAPDesk, _ response: [UInt8]?, isOnlyProof: Bool) async -> EAPServerStep {
        await withCheckedContinuation { done in
            desk.step(
                EAPServerRequest(
                    ikeSA: IKESAID(rawValue: 1),
                    session: EAPSessionID(1),
                    connection: "c",
                    settings: "users",
                    claimed: .keyID([1]),
                    isOnlyProof: isOnlyProof,
                    response: response,
                    path: Path(
                        transport: .udp500,
                        local: Endpoint(.v4(0xC000_0201), port: 500),
                        remote: Endpoint(.v4(0xC000_0202), port: 500)
                    )
                ),
                now: .zero,
                wallClock: noon
            ) { done.resume(returning: $0) }
        }
    }

    private func answer(_ desk: LocalEAPDesk, _ request: [UInt8], isOnlyProof: Bool) async -> EAPPeerStep {
        await withCheckedContinuation { done in
            desk.step(
                EAPPeerRequest(
                    ikeSA: IKESAID(rawValue: 2),
                    session: EAPSessionID(2),
                    connection: "c",
                    settings: "me",
                    isOnlyProof: isOnlyProof,
                    request: request
                ),
                now: .zero,
                wallClock: noon
            ) { done.resume(returning: $0) }
        }
    }

    /// Talks until the server has decided; the peer hears the last packet as well.
    private func talk(_ desk: LocalEAPDesk, isOnlyProof: Bool = false) async -> (EAPServerStep, EAPPeerStep?) {
        var response: [UInt8]?
        for _ in 0..<60 {
            let step = await serve(desk, response, isOnlyProof: isOnlyProof)
            let packet: [UInt8]
            switch step {
            case .request(let bytes): packet = bytes
            case .succeeded(let bytes, _, _), .failed(let bytes, _): packet = bytes
            }
            let reply = await answer(desk, packet, isOnlyProof: isOnlyProof)
            guard case .request = step, case .response(let bytes) = reply else { return (step, reply) }
            response = bytes
        }
        Issue.record("no end")
        return (.failed(failure: [], reason: ""), nil)
    }

    @Test func aUserOfTheDirectoryGetsInWithItsGroups() async throws {
        let (server, peer) = await talk(desk([.mschapv2]))
        guard case .succeeded(let packet, let key?, let verified) = server,
            case .succeeded(let peerKey?, authenticatesServer: false) = peer
        else {
            Issue.record("\(server) \(String(describing: peer))")
            return
        }
        #expect(EAPPayload(packet: packet) != nil && key.isEqual(to: peerKey))
        let eap = try #require(verified.eap)
        #expect(eap == EAPIdentity(name: "alice", method: "mschapv2", isMutual: false, groups: ["staff"]))
        #expect(verified.token == 0)
    }

    @Test func whoProvesItselfAndIsNoUserStaysOut() async {
        guard case (.failed(_, let reason), _) = await talk(desk([.mschapv2], name: "ghost")) else {
            Issue.record("let in")
            return
        }
        #expect(reason.hasPrefix("eap_unknown_user"))
        guard case (.failed(_, let wrong), _) = await talk(desk([.mschapv2], password: "guess")) else {
            Issue.record("let in")
            return
        }
        #expect(wrong.hasPrefix("eap_password"))
    }

    /// Without a judge nobody's certificate is good; E07: EAP-only refuses MSCHAPv2.
    @Test func certificatesNeedAJudgeAndEAPOnlyASafeMethod() async {
        guard case (.failed(_, let reason), _) = await talk(desk([.tls]), isOnlyProof: true) else {
            Issue.record("accepted")
            return
        }
        #expect(reason.hasPrefix("eap_certificate"))
        guard case (.failed(_, let weak), _) = await talk(desk([.mschapv2]), isOnlyProof: true) else {
            Issue.record("accepted")
            return
        }
        #expect(weak.hasPrefix("eap_no_safe_method"))
    }

    @Test func unknownSettingsAndForgottenConversationsAreRefused() async {
        let desk = desk([.mschapv2])
        guard case .request = await serve(desk, nil, isOnlyProof: false) else {
            Issue.record("no request")
            return
        }
        desk.end(EAPSessionID(1))
        guard case .failed(let packet, _) = await serve(desk, [2, 1, 0, 6, 1, 65], isOnlyProof: false) else {
            Issue.record("remembered")
            return
        }
        #expect(packet == [4, 1, 0, 4])
        let empty = LocalEAPDesk(pool: BoundedPool(name: "eap-test", threads: 1, limit: 4))
        guard case .failed = await serve(empty, nil, isOnlyProof: false) else {
            Issue.record("served")
            return
        }
    }
}
