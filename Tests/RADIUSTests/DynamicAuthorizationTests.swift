import IPsecTypes
import Testing

@testable import RADIUS

@Suite("Dynamic authorization (RFC 5176)")
struct DynamicAuthorizationTests {
    static let secret = SecretBytes(Array("coa secret of the lab".utf8))
    static let client = Endpoint(.v4(0xc000_0209), port: 4000)
    static let start = WallTime(secondsSinceEpoch: 1_700_000_000)

    static func server() -> DynamicAuthorization {
        DynamicAuthorization(
            clients: [DynamicClient(address: client.address, secret: secret)],
            nasIdentifier: "gw-fra1",
            nasAddresses: [.v4(0xcb00_7109)]
        )
    }

    static func packet(
        _ code: RADIUSCode,
        _ attributes: [RADIUSAttribute],
        at: WallTime? = start,
        secret: SecretBytes = secret,
        identifier: UInt8 = 5
    ) -> RADIUSPacket {
        var all = attributes
        if let at { all.append(RADIUSAttribute(.eventTimestamp, number: UInt32(at.secondsSinceEpoch))) }
        var packet = RADIUSPacket(code: code, identifier: identifier, attributes: all)
        packet.sealRequest(secret, random: RADIUSPacket.zeros)
        return packet
    }

    static let session = RADIUSAttribute(.acctSessionID, text: "01J")

    /// The Error-Cause of a NAK, whose authenticators are checked; 0 for an ACK.
    static func cause(_ bytes: [UInt8], of request: RADIUSPacket) throws -> UInt32 {
        let answer = try RADIUSPacket(parsing: bytes)
        #expect(answer.attributes.first?.type == .messageAuthenticator)
        try answer.checkAnswer(to: request.authenticator, secret, needsMessageAuthenticator: true)
        let isACK = answer.code == .disconnectACK || answer.code == .coaACK
        #expect(answer.code.rawValue == request.code.rawValue + (isACK ? 1 : 2))
        return try answer.attributes.number(.errorCause) ?? 0
    }

    private func refusal(_ packet: RADIUSPacket) throws -> UInt32? {
        var server = Self.server()
        guard case .answer(let bytes) = server.receive(packet.encoded, from: Self.client, wallClock: Self.start) else {
            return nil
        }
        return try Self.cause(bytes, of: packet)
    }

    private func discard(_ bytes: [UInt8], from: Endpoint = Self.client, at: WallTime = Self.start) -> DynamicDiscard? {
        var server = Self.server()
        guard case .discarded(let reason) = server.receive(bytes, from: from, wallClock: at) else { return nil }
        return reason
    }

    @Test("A Disconnect-Request is asked of the sessions and acknowledged")
    func disconnect() throws {
        var server = Self.server()
        let proxy = RADIUSAttribute(.proxyState, [9, 9])
        let packet = Self.packet(
            .disconnectRequest,
            [Self.session, proxy, RADIUSAttribute(.nasIdentifier, text: "gw-fra1")]
        )
        guard case .request(let request) = server.receive(packet.encoded, from: Self.client, wallClock: Self.start)
        else {
            Issue.record("not taken")
            return
        }
        #expect(request.kind == .disconnect)
        #expect(request.selection.sessionID == "01J")
        let answer = server.answer(request, nil)
        #expect(try Self.cause(answer, of: packet) == 0)
        // RFC 5176 §3.1: Proxy-State comes back.
        #expect(try RADIUSPacket(parsing: answer).attributes.first(.proxyState) == [9, 9])
    }

    @Test("A CoA-Request carries what is to change; the NAK has its Error-Cause")
    func change() throws {
        var server = Self.server()
        let packet = Self.packet(
            .coaRequest,
            [Self.session, RADIUSAttribute(.sessionTimeout, number: 60), RADIUSAttribute(.filterID, text: "ops")]
        )
        guard case .request(let request) = server.receive(packet.encoded, from: Self.client, wallClock: Self.start),
            case .change(let authorization) = request.kind
        else {
            Issue.record("not taken")
            return
        }
        #expect(authorization.sessionTimeout == 60)
        #expect(authorization.groups == ["ops"])
        let answer = server.answer(request, .sessionNotFound)
        #expect(try Self.cause(answer, of: packet) == 503)
    }

    @Test("E10: a CoA of ten minutes ago, one from the future and one without a time are discarded")
    func replayOld() {
        let packet = Self.packet(.coaRequest, [Self.session, RADIUSAttribute(.sessionTimeout, number: 60)])
        #expect(discard(packet.encoded, at: Self.start.advanced(bySeconds: 600)) == .notCurrent)
        #expect(discard(packet.encoded, at: Self.start.advanced(bySeconds: -600)) == .notCurrent)
        #expect(discard(packet.encoded, at: Self.start.advanced(bySeconds: 299)) == nil)
        #expect(discard(Self.packet(.coaRequest, [Self.session], at: nil).encoded) == .notCurrent)
    }

    @Test("E10: a repetition gets the same answer and changes nothing; played back from elsewhere it gets none")
    func replay() throws {
        var server = Self.server()
        let packet = Self.packet(.disconnectRequest, [Self.session])
        guard case .request(let request) = server.receive(packet.encoded, from: Self.client, wallClock: Self.start)
        else {
            Issue.record("not taken")
            return
        }
        // While the sessions are asked nothing is said twice.
        guard case .discarded(.replayed) = server.receive(packet.encoded, from: Self.client, wallClock: Self.start)
        else {
            Issue.record("taken twice")
            return
        }
        let answer = server.answer(request, nil)
        guard case .answer(answer) = server.receive(packet.encoded, from: Self.client, wallClock: Self.start) else {
            Issue.record("another answer")
            return
        }
        let elsewhere = Endpoint(Self.client.address, port: 4001)
        guard case .discarded(.replayed) = server.receive(packet.encoded, from: elsewhere, wallClock: Self.start) else {
            Issue.record("answered elsewhere")
            return
        }
    }

    @Test("E10: after a change of settings a request that was carried out before is played back in vain")
    func replayAfterReload() throws {
        var server = Self.server()
        let packet = Self.packet(.disconnectRequest, [Self.session])
        guard case .request(let request) = server.receive(packet.encoded, from: Self.client, wallClock: Self.start)
        else {
            Issue.record("not taken")
            return
        }
        let answer = server.answer(request, nil)
        var next = server.reconfigured(
            clients: [DynamicClient(address: Self.client.address, secret: Self.secret)],
            nasIdentifier: "gw-fra1",
            nasAddresses: []
        )
        guard case .answer(answer) = next.receive(packet.encoded, from: Self.client, wallClock: Self.start) else {
            Issue.record("taken twice")
            return
        }
        var stranger = server.reconfigured(clients: [], nasIdentifier: "gw-fra1", nasAddresses: [])
        guard
            case .discarded(.unknownClient) = stranger.receive(packet.encoded, from: Self.client, wallClock: Self.start)
        else {
            Issue.record("a client of before is still one")
            return
        }
    }

    @Test("E10: strangers, other secrets, missing and changed authenticators are discarded without an answer")
    func forged() throws {
        let good = Self.packet(.disconnectRequest, [Self.session])
        #expect(discard(good.encoded, from: Endpoint(.v4(1), port: 4000)) == .unknownClient)
        let other = Self.packet(.disconnectRequest, [Self.session], secret: SecretBytes([1, 2, 3]))
        #expect(discard(other.encoded) == .messageAuthenticatorWrong)
        var bare = good
        bare.attributes.removeFirst()
        #expect(discard(bare.encoded) == .messageAuthenticatorMissing)
        var changed = good
        changed.authenticator[0] ^= 1
        #expect(discard(changed.encoded) == .authenticatorWrong)
        #expect(discard([1, 2, 3]) == .malformed)
        #expect(discard(Self.packet(.accountingRequest, [Self.session]).encoded) == .unexpectedCode)
    }

    @Test("What we do not serve is refused with its Error-Cause (RFC 5176 §3.5)")
    func refusals() throws {
        let timeout = RADIUSAttribute(.sessionTimeout, number: 60)
        let cases: [(RADIUSCode, [RADIUSAttribute], UInt32)] = [
            (.disconnectRequest, [], 402), (.coaRequest, [timeout], 402), (.coaRequest, [Self.session], 402),
            (.disconnectRequest, [Self.session, timeout], 401),
            (.coaRequest, [Self.session, RADIUSAttribute(.framedMTU, number: 1400)], 401),
            (.coaRequest, [Self.session, RADIUSAttribute(.serviceType, number: 17)], 405),
            (.disconnectRequest, [Self.session, RADIUSAttribute(.nasIdentifier, text: "other")], 403),
            (.disconnectRequest, [Self.session, RADIUSAttribute(.nasIPAddress, [1, 2, 3, 4])], 403),
            (.coaRequest, [Self.session, RADIUSAttribute(.sessionTimeout, [1])], 407),
        ]
        for (code, attributes, cause) in cases {
            #expect(try refusal(Self.packet(code, attributes)) == cause)
        }
    }

    @Test("The memory is bounded: full, it refuses instead of forgetting what could be played back")
    func bounded() throws {
        var server = Self.server()
        for index in 0..<DynamicAuthorization.memoryLimit {
            let packet = Self.packet(.disconnectRequest, [RADIUSAttribute(.acctSessionID, text: "\(index)")])
            _ = server.receive(packet.encoded, from: Self.client, wallClock: Self.start)
        }
        let over = Self.packet(.disconnectRequest, [RADIUSAttribute(.acctSessionID, text: "over")])
        guard case .answer(let bytes) = server.receive(over.encoded, from: Self.client, wallClock: Self.start) else {
            Issue.record("it was taken")
            return
        }
        #expect(try Self.cause(bytes, of: over) == 506)
        let later = Self.start.advanced(bySeconds: 601)
        let fresh = Self.packet(.disconnectRequest, [Self.session], at: later)
        guard case .request = server.receive(fresh.encoded, from: Self.client, wallClock: later) else {
            Issue.record("it did not forget")
            return
        }
    }
}
