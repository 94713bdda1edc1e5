import Foundation
import IKECrypto
import IKEMessage
import IPsecTypes
import Testing

@testable import IKEv2

/// Recorded connections: of two strongSwan 6, of one that called us, and of ours that called one. X25519 and ML-KEM-768, a PPK,
/// a Child SA and the IKE SA rekeyed with IKE_FOLLOWUP_KE. What was sent is opened, derived and authenticated here, message by
/// message, and every key is the one in strongSwan's log.
///
/// The messages are not driven through the engine. The recordings have what both ends derived, not what our end drew: its SPIs
/// come from a permutation under a key that was not written down, and every key and every AUTH depends on them, so that an
/// engine which chooses others cannot open one recorded message. Its private values would be no obstacle, since the engine
/// asks for shared secrets, and those are here. A recording that is to be driven has to note the allocator's key and start.
@Suite struct RecordedExchangeTests {
    private struct Recording: Decodable {
        struct Message: Decodable {
            var from: String
            var bytes: String
        }
        var psk: String
        var ppk: String
        var ppk_id: String
        var shared: [String: String]
        var sk_d: [String: String]
        var int_auth: [String: String]
        var auth: [String: String]
        var child_keys: [[String]]
        var messages: [Message]
    }

    /// A whole message: what was inside, and what AUTH covers of it.
    private struct Opened {
        var payloads: [Payload]
        var octets: [UInt8]
    }

    private var recording: Recording
    private let crypto = StandardCryptoProvider()
    private let schedule = IKEKeySchedule(provider: StandardCryptoProvider())
    private let suite = IKESuite(
        encryption: .aesGCM16,
        keyBits: 256,
        prf: .hmacSHA384,
        keyExchange: .x25519,
        additionalKeyExchanges: [.mlKEM768]
    )

    init() throws { recording = try Self.read("strongswan6-hybrid") }

    private static func read(_ name: String) throws -> Recording {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Vectors/ike/\(name).json")
        return try JSONDecoder().decode(Recording.self, from: Data(contentsOf: file))
    }

    private func bytes(_ text: String?) throws -> [UInt8] {
        let digits = try #require(text)
        return try #require(Hex.decode(digits.utf8))
    }

    private func secret(_ name: String) throws -> SecretBytes { SecretBytes(try bytes(recording.shared[name])) }

    /// The datagrams of one message, in order.
    private func datagrams(_ exchange: ExchangeType, _ id: UInt32, response: Bool) throws -> [[UInt8]] {
        try recording.messages.map { try bytes($0.bytes) }.filter { datagram in
            guard let header = try? IKEHeader.parse(datagram.span) else { return false }
            return header.exchangeType == exchange && header.messageID == id
                && header.flags.contains(.response) == response
        }
    }

    private func open(_ exchange: ExchangeType, _ id: UInt32, response: Bool, _ keys: IKEKeys) throws -> Opened {
        let datagrams = try datagrams(exchange, id, response: response)
        var plain: [UInt8] = []
        var first = PayloadType.none
        for (index, datagram) in datagrams.enumerated() {
            let header = try IKEHeader.parse(datagram.span)
            let envelope = try ProtectedEnvelope.parse(header, datagram.span)
            if index == 0 { first = envelope.first }
            // The initiator of everything here is the original initiator.
            let sender = response ? keys.responder : keys.initiator
            plain += try crypto.open(message: datagram, bodyOffset: envelope.bodyOffset, keys: sender)
        }
        let head = Array(try #require(datagrams.first).prefix(IntermediateState.headLength))
        return Opened(
            payloads: try IKEMessage.parseChain(first: first, plain),
            octets: try #require(IntermediateState.octets(head: head, first: first, plain: plain))
        )
    }

    private func concatenated(_ keys: ESPKeys) -> [UInt8] {
        [keys.encryption, keys.salt].flatMap { $0.withUnsafeBytes { [UInt8]($0) } }
    }

    @Test(arguments: ["strongswan6-hybrid", "strongswan6-initiator-culvert", "strongswan6-responder-culvert"])
    func everyMessageOpensAndEveryKeyIsTheSame(name: String) throws {
        var tests = self
        tests.recording = try Self.read(name)
        try tests.replay()
    }

    private func replay() throws {
        let request = try #require(datagrams(.ikeSAInit, 0, response: false).first)
        let response = try #require(datagrams(.ikeSAInit, 0, response: true).first)
        let asked = try IKEMessage.parse(request)
        let answered = try IKEMessage.parse(response)
        for type in [NotifyType.usePPK, .intermediateExchangeSupported] {
            #expect(asked.payloads.notify(type) != nil && answered.payloads.notify(type) != nil)
        }
        let nonces = NoncePair(
            initiatorNonce: try #require(asked.payloads.nonce),
            responderNonce: try #require(answered.payloads.nonce)
        )
        let offered = try #require(asked.payloads.securityAssociation)
        #expect(ProposalSelection.acceptIKE(answered.payloads.securityAssociation, offered: offered.proposals) == suite)
        let (spiI, spiR) = (answered.header.initiatorSPI, answered.header.responderSPI)
        let initial = try schedule.initialKeys(
            suite: suite,
            sharedSecret: try secret("initial"),
            nonces: nonces,
            initiatorSPI: spiI,
            responderSPI: spiR
        )
        #expect(initial.skD.isEqual(to: SecretBytes(try bytes(recording.sk_d["initial"]))))

        // IKE_INTERMEDIATE, in fragments on the way there and whole on the way back.
        let encapsulationKey = try open(.ikeIntermediate, 1, response: false, initial)
        let ciphertext = try open(.ikeIntermediate, 1, response: true, initial)
        #expect(encapsulationKey.payloads.onlyKeyExchange?.data.count == KeyExchangeMethod.mlKEM768.publicValueLength)
        #expect(ciphertext.payloads.onlyKeyExchange?.data.count == KeyExchangeMethod.mlKEM768.responderValueLength)
        var state = IntermediateState()
        state.count = 1
        state.initiatorAuth = try crypto.prf(suite.prf, key: initial.skPi, [.bytes(encapsulationKey.octets)]).bytes
        state.responderAuth = try crypto.prf(suite.prf, key: initial.skPr, [.bytes(ciphertext.octets)]).bytes
        #expect(try state.initiatorAuth == bytes(recording.int_auth["initiator"]))
        #expect(try state.responderAuth == bytes(recording.int_auth["responder"]))
        let second = try schedule.keys(
            after: initial,
            suite: suite,
            sharedSecret: try secret("intermediate"),
            nonces: nonces,
            initiatorSPI: spiI,
            responderSPI: spiR
        )
        #expect(second.skD.isEqual(to: SecretBytes(try bytes(recording.sk_d["intermediate"]))))
        let ppk = SecretBytes(Array(recording.ppk.utf8))
        let keys = second.replacing(try schedule.mixed(second.ppkPart, prf: suite.prf, ppk: ppk))
        #expect(keys.skD.isEqual(to: SecretBytes(try bytes(recording.sk_d["ppk"]))))

        try authenticates(request, nonces.responderNonce, keys, state, response: false)
        try authenticates(response, nonces.initiatorNonce, keys, state, response: true)
        try makesChildren(keys, nonces)
        try rekeysIKE(keys)
    }

    private func authenticates(
        _ message: [UInt8],
        _ nonce: [UInt8],
        _ keys: IKEKeys,
        _ state: IntermediateState,
        response: Bool
    ) throws {
        let opened = try open(.ikeAuth, 2, response: response, keys)
        let identity = response ? opened.payloads.identificationResponder : opened.payloads.identificationInitiator
        let octets = try AuthenticationOctets.make(
            message: message,
            otherNonce: nonce,
            identification: try #require(identity).restOfPayload,
            prf: suite.prf,
            skP: response ? keys.skPr : keys.skPi,
            intermediate: state.authenticated,
            provider: crypto
        )
        let proof = try #require(opened.payloads.authentication)
        let psk = SecretBytes(Array(recording.psk.utf8))
        #expect(crypto.isValidSharedKeyAuthentication(proof.data, prf: suite.prf, secret: psk, octets: octets))
        let other = octets.dropLast() + [octets[octets.count - 1] ^ 1]
        #expect(!crypto.isValidSharedKeyAuthentication(proof.data, prf: suite.prf, secret: psk, octets: Array(other)))
        let name = try #require(opened.payloads.notify(.ppkIdentity)).data
        #expect(name == (response ? [] : [PPKSettings.IdentifierType.fixed.rawValue] + Array(recording.ppk_id.utf8)))
    }

    private func makesChildren(_ keys: IKEKeys, _ nonces: NoncePair) throws {
        let esp = ESPSuite(encryption: .aesGCM16, keyBits: 256)
        let first = try schedule.childKeys(
            suite: esp,
            prf: suite.prf,
            skD: keys.skD,
            sharedSecret: nil,
            nonces: nonces
        )
        #expect(try concatenated(first.initiator) == bytes(recording.child_keys[0][0]))
        #expect(try concatenated(first.responder) == bytes(recording.child_keys[0][1]))
        let asked = try open(.createChildSA, 3, response: false, keys)
        let answered = try open(.createChildSA, 3, response: true, keys)
        let link = try #require(answered.payloads.notify(.additionalKeyExchange))
        let followUp = try open(.ikeFollowupKE, 4, response: false, keys)
        #expect(followUp.payloads.notify(.additionalKeyExchange)?.data == link.data)
        let last = try open(.ikeFollowupKE, 4, response: true, keys)
        #expect(last.payloads.notify(.additionalKeyExchange) == nil)
        #expect(last.payloads.onlyKeyExchange?.method == .mlKEM768)
        let second = try schedule.childKeys(
            suite: esp,
            prf: suite.prf,
            skD: keys.skD,
            sharedSecret: try secret("child"),
            additionalSecrets: [try secret("child_followup")],
            nonces: NoncePair(
                initiatorNonce: try #require(asked.payloads.nonce),
                responderNonce: try #require(answered.payloads.nonce)
            )
        )
        #expect(try concatenated(second.initiator) == bytes(recording.child_keys[1][0]))
        #expect(try concatenated(second.responder) == bytes(recording.child_keys[1][1]))
    }

    private func rekeysIKE(_ keys: IKEKeys) throws {
        let asked = try open(.createChildSA, 6, response: false, keys)
        let answered = try open(.createChildSA, 6, response: true, keys)
        #expect(answered.payloads.notify(.additionalKeyExchange) != nil)
        _ = try open(.ikeFollowupKE, 7, response: false, keys)
        _ = try open(.ikeFollowupKE, 7, response: true, keys)
        let offered = try #require(asked.payloads.securityAssociation?.proposals)
        let chosen = try #require(answered.payloads.securityAssociation?.proposals.first)
        #expect(ProposalSelection.acceptIKE(answered.payloads.securityAssociation, offered: offered) == suite)
        let next = try schedule.rekeyedKeys(
            suite: suite,
            oldPRF: suite.prf,
            oldSKd: keys.skD,
            sharedSecret: try secret("ike"),
            additionalSecrets: [try secret("ike_followup")],
            nonces: NoncePair(
                initiatorNonce: try #require(asked.payloads.nonce),
                responderNonce: try #require(answered.payloads.nonce)
            ),
            initiatorSPI: try #require(offered.first?.ikeSPI),
            responderSPI: try #require(chosen.ikeSPI)
        )
        #expect(next.skD.isEqual(to: SecretBytes(try bytes(recording.sk_d["rekeyed"]))))
        // The Delete of the old IKE SA, under its keys.
        #expect(try open(.informational, 8, response: false, keys).payloads.deletes.first?.protocolID == .ike)
    }
}

extension SecretBytes {
    fileprivate var bytes: [UInt8] { withUnsafeBytes { [UInt8]($0) } }
}
