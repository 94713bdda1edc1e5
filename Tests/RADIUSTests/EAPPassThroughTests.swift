import IPsecTypes
import Testing

@testable import RADIUS

@Suite("EAP carried to a RADIUS server (RFC 3579)")
struct EAPPassThroughTests {
    static let identity: [UInt8] = [2, 0, 0, 9, 1] + Array("nemo".utf8)
    static let success: [UInt8] = [3, 7, 0, 4]

    static func eapRequest(_ type: UInt8, identifier: UInt8 = 7) -> [UInt8] { [1, identifier, 0, 6, type, 0] }

    static func answer(
        _ code: RADIUSCode,
        eap: [UInt8]?,
        _ more: [RADIUSAttribute] = [],
        key: SecretBytes? = nil,
        server: Int = 0
    ) -> RADIUSAnswer {
        var attributes = more
        if let eap { attributes.append(eapPacket: eap) }
        return RADIUSAnswer(
            server: server,
            code: code,
            attributes: attributes,
            masterSessionKey: key,
            roundTrip: .zero
        )
    }

    /// A conversation in which the server has asked by a method.
    static func begun(method: UInt8) -> EAPPassThrough {
        var conversation = EAPPassThrough(userName: "nemo", attributes: [])
        _ = conversation.request(identity)
        _ = conversation.take(answer(.accessChallenge, eap: eapRequest(method)))
        return conversation
    }

    @Test("Requests carry User-Name, the EAP packet and, from the second on, the State of the server that is asked")
    func state() throws {
        var conversation = EAPPassThrough(
            userName: "nemo",
            attributes: [RADIUSAttribute(.nasIdentifier, text: "gw")]
        )
        let asked = conversation.request(Self.identity)
        let first = try #require(asked)
        #expect(try first.attributes.text(.userName) == "nemo")
        #expect(try first.attributes.text(.nasIdentifier) == "gw")
        #expect(first.attributes.eapPacket == Self.identity)
        #expect(first.server == nil && first.attributes.first(.state) == nil)
        let state = RADIUSAttribute(.state, [1, 2, 3])
        let step = conversation.take(Self.answer(.accessChallenge, eap: Self.eapRequest(26), [state], server: 1))
        guard case .request(Self.eapRequest(26)) = step else {
            Issue.record("\(step)")
            return
        }
        let askedAgain = conversation.request([2, 7, 0, 6, 26, 3])
        let second = try #require(askedAgain)
        #expect(second.attributes.first(.state) == [1, 2, 3])
        #expect(second.server == 1)
    }

    @Test("An Accept with MPPE keys gives Recv-Key, then Send-Key, filled up to 64 octets")
    func masterSessionKey() throws {
        let secret = VirtualServers.secret
        let request = [UInt8](1...16)
        let receive = [UInt8](repeating: 0xaa, count: 16)
        let send = [UInt8](repeating: 0xbb, count: 16)
        let attributes = [
            hiddenKey(send, type: 16, salt: [0x80, 1], secret: secret, authenticator: request),
            hiddenKey(receive, type: 17, salt: [0x80, 2], secret: secret, authenticator: request),
        ]
        let key = try #require(attributes.masterSessionKey(secret: secret, requestAuthenticator: request))
        #expect(key.isEqual(to: SecretBytes(receive + send + [UInt8](repeating: 0, count: 32))))
        // EAP-TLS makes two halves of 32 octets.
        let long = [UInt8](repeating: 0xcc, count: 32)
        let full = [
            hiddenKey(long, type: 16, salt: [0x80, 1], secret: secret, authenticator: request),
            hiddenKey(long, type: 17, salt: [0x80, 2], secret: secret, authenticator: request),
        ]
        #expect(full.masterSessionKey(secret: secret, requestAuthenticator: request)?.count == 64)
        // One alone, both twice, a wrong secret or salt: no key.
        #expect(Array(attributes.prefix(1)).masterSessionKey(secret: secret, requestAuthenticator: request) == nil)
        #expect((attributes + attributes).masterSessionKey(secret: secret, requestAuthenticator: request) == nil)
        let unsalted = [
            hiddenKey(send, type: 16, salt: [0, 1], secret: secret, authenticator: request), attributes[1],
        ]
        #expect(unsalted.masterSessionKey(secret: secret, requestAuthenticator: request) == nil)
    }

    @Test("E02: an Accept of a method that makes keys, without keys, is refused as msk_missing")
    func keyMissing() {
        for method: UInt8 in [13, 21, 25, 26, 99] {
            let conversation = Self.begun(method: method)
            var copy = conversation
            guard case .refused(_, let reason) = copy.take(Self.answer(.accessAccept, eap: Self.success)) else {
                Issue.record("method \(method) was let in")
                continue
            }
            #expect(reason.hasPrefix("msk_missing"))
        }
        // A conversation in which no method was seen at all is no better.
        var none = EAPPassThrough(userName: "nemo", attributes: [])
        _ = none.request(Self.identity)
        guard case .refused = none.take(Self.answer(.accessAccept, eap: Self.success)) else {
            Issue.record("no method was let in")
            return
        }
    }

    @Test("Methods without keys give none, whatever the server sends")
    func keylessMethod() {
        for method: UInt8 in [4, 6] {
            var conversation = Self.begun(method: method)
            let key = SecretBytes([UInt8](repeating: 1, count: 64))
            guard
                case .accepted(_, nil, _) = conversation.take(
                    Self.answer(.accessAccept, eap: Self.success, key: key)
                )
            else {
                Issue.record("method \(method)")
                continue
            }
        }
    }

    @Test("What contradicts the code is refused and never made up (RFC 3579 §2.6.3)")
    func conflicts() {
        let failure: [UInt8] = [4, 7, 0, 4]
        let key = SecretBytes([UInt8](repeating: 1, count: 64))
        let wrong: [RADIUSAnswer] = [
            Self.answer(.accessAccept, eap: failure, key: key), Self.answer(.accessAccept, eap: nil, key: key),
            Self.answer(.accessAccept, eap: [], key: key),
            Self.answer(.accessAccept, eap: Self.eapRequest(26), key: key),
            Self.answer(.accessReject, eap: Self.success), Self.answer(.accessReject, eap: nil),
            Self.answer(.accessChallenge, eap: Self.success), Self.answer(.accessChallenge, eap: failure),
            Self.answer(.accessChallenge, eap: nil), Self.answer(.accessChallenge, eap: []),
            Self.answer(.accessChallenge, eap: [2, 7, 0, 5, 26]), Self.answer(.accessChallenge, eap: [1, 7, 0, 9, 26]),
        ]
        for answer in wrong {
            var conversation = Self.begun(method: 26)
            guard case .refused(let packet, _) = conversation.take(answer) else {
                Issue.record("\(answer.code) was used")
                continue
            }
            #expect(packet == failure)
        }
    }

    @Test("A Reject's EAP Failure goes to the peer, its Reply-Message to the log, printable")
    func reject() {
        var conversation = Self.begun(method: 26)
        let message = RADIUSAttribute(.replyMessage, text: "no\u{1b}[2J")
        guard
            case .refused([4, 9, 0, 4], let reason) = conversation.take(
                Self.answer(.accessReject, eap: [4, 9, 0, 4], [message])
            )
        else {
            Issue.record("not refused")
            return
        }
        #expect(reason.hasPrefix("Access-Reject: no") && !reason.contains("\u{1b}"))
    }

    @Test("E06: no more than 50 rounds, and nothing but responses")
    func bounds() {
        var conversation = EAPPassThrough(userName: "nemo", attributes: [])
        let rounds = (0..<51).map { _ in conversation.request(Self.identity) != nil }
        #expect(rounds == Array(repeating: true, count: 50) + [false])
        for packet in [[], [2, 0], [2, 0, 0, 5], [1, 0, 0, 5, 1], [3, 0, 0, 4], [2, 0, 0, 6, 1]] as [[UInt8]] {
            var fresh = EAPPassThrough(userName: "nemo", attributes: [])
            let request = fresh.request(packet)
            #expect(request == nil)
        }
    }

    @Test("Authorization is read from an Accept; a value that does not fit makes it a refusal (RFC 2865 §5)")
    func authorization() {
        let key = SecretBytes([UInt8](repeating: 1, count: 64))
        let attributes = [
            RADIUSAttribute(.framedIPAddress, [10, 99, 0, 17]), RADIUSAttribute(.filterID, text: "ops"),
            RADIUSAttribute(.class, Array("staff".utf8)), RADIUSAttribute(.class, [0xff, 1]),
            RADIUSAttribute(.sessionTimeout, number: 3600), RADIUSAttribute(.acctInterimInterval, number: 300),
            RADIUSAttribute(.serviceType, number: 2), RADIUSAttribute(.userName, text: "nemo@sea"),
        ]
        var conversation = Self.begun(method: 26)
        guard
            case .accepted(_, .some, let authorization) = conversation.take(
                Self.answer(.accessAccept, eap: Self.success, attributes, key: key)
            )
        else {
            Issue.record("refused")
            return
        }
        #expect(authorization.framedIPv4 == IPAddress("10.99.0.17"))
        #expect(authorization.groups == ["ops", "staff"])
        #expect(authorization.classes.count == 2)
        #expect(authorization.sessionTimeout == 3600 && authorization.interimInterval == 300)
        #expect(authorization.userName == "nemo@sea")
        for bad in [RADIUSAttribute(.sessionTimeout, [1]), RADIUSAttribute(.serviceType, number: 6)] {
            var other = Self.begun(method: 26)
            guard case .refused = other.take(Self.answer(.accessAccept, eap: Self.success, [bad], key: key)) else {
                Issue.record("\(bad.type) was accepted")
                continue
            }
        }
    }
}
