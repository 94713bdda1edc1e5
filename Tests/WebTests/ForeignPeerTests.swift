import EAP
import EAPDoubles
import Foundation
import IPsecTypes
import Synchronization
import Testing
import Web

@testable import RADIUS

/// eapol_test of wpa_supplicant as the peer of our server, with just enough RADIUS between them.
@Suite(.serialized) struct ForeignPeerTests {
    /// Answers the Access-Requests of one conversation.
    private final class Gate: Sendable {
        let socket: LoopbackSocket
        let outcome = Mutex<Result<EAPSuccess, EAPFailure>?>(nil)
        private let isOver = Mutex(false)

        init() throws { socket = try LoopbackSocket() }

        func serve(_ make: (UInt8) -> EAPServer, users: @escaping @Sendable (EAPCredentialQuestion) -> EAPCredential) {
            var random = SeededGenerator(seed: UInt64(today.secondsSinceEpoch))
            var begun: EAPServer?
            while !isOver.withLock({ $0 }) {
                guard let (bytes, port) = socket.receive(), let request = try? RADIUSPacket(parsing: bytes),
                    let packet = request.attributes.eapPacket
                else { continue }
                // eapol_test begins with its Identity response to a request of its own making.
                var server = begun ?? make(request.attributes.eapPacket?.dropFirst().first ?? 0)
                if begun == nil { _ = server.handle(.start, using: &random) }
                defer { begun = server }
                var action = server.handle(.packet(packet), using: &random)
                while true {
                    if case .lookUp(let question) = action {
                        action = server.handle(.credential(users(question)), using: &random)
                    } else if case .verify = action {
                        action = server.handle(.certificate(.accepted(identity: "alice.test")), using: &random)
                    } else {
                        break
                    }
                }
                socket.send(answer(action, to: request), to: port)
            }
        }

        func stop() { isOver.withLock { $0 = true } }

        private func answer(_ action: EAPServerAction, to request: RADIUSPacket) -> [UInt8] {
            var answer = RADIUSPacket(code: .accessChallenge, identifier: request.identifier)
            switch action {
            case .send(let packet):
                answer.attributes.append(eapPacket: packet)
                answer.attributes.append(RADIUSAttribute(.state, [1]))
            case .succeeded(let packet, let success):
                outcome.withLock { $0 = .success(success) }
                answer.code = .accessAccept
                answer.attributes.append(eapPacket: packet)
                if let key = success.key {
                    for (type, part) in [(17, key.slice(0, count: 32)), (16, key.slice(32, count: 32))] {
                        answer.attributes.append(hidden(UInt8(type), part, request.authenticator))
                    }
                }
            case .failed(let packet, let failure):
                outcome.withLock { $0 = .failure(failure) }
                answer.code = .accessReject
                answer.attributes.append(eapPacket: packet)
            case .lookUp, .verify: break
            }
            answer.sealAnswer(to: request.authenticator, radiusSecret)
            return answer.encoded
        }

        /// MS-MPPE-Send-Key or MS-MPPE-Recv-Key (RFC 2548 §2.4).
        private func hidden(_ type: UInt8, _ key: SecretBytes, _ authenticator: [UInt8]) -> RADIUSAttribute {
            let salt: [UInt8] = [0x80, type]
            let plain = SecretBytes([UInt8(key.count)] + key.withUnsafeBytes { Array($0) })
            let hidden =
                HiddenValues.hide(password: plain, secret: radiusSecret, authenticator: authenticator + salt) ?? []
            let value = salt + hidden
            return RADIUSAttribute(.vendorSpecific, [0, 0, 1, 55, type, UInt8(value.count + 2)] + value)
        }
    }

    private func meet(
        _ settings: EAPServerSettings,
        _ house: TLSHouse,
        password: String = "correct horse",
        _ network: String
    ) throws -> (outcome: Result<EAPSuccess, EAPFailure>?, isContent: Bool, output: String) {
        let folder = try ScratchFolder()
        let ca = try folder.write("ca.pem", certificate: house.authority)
        let certificate = try folder.write("client.pem", certificate: house.client)
        let key = try folder.write("client.key", key: house.client)
        let file = try folder.write(
            "peer.conf",
            """
            network={
              key_mgmt=IEEE8021X
              eapol_flags=0
              identity="alice"
              password="\(password)"
              ca_cert="\(ca)"
              domain_match="radius.test"
              client_cert="\(certificate)"
              private_key="\(key)"
              fragment_size=600
              \(network)
            }

            """
        )
        let gate = try Gate()
        let engines = try TLSProvider(house.serverSettings())
        let thread = Thread {
            gate.serve({ identifier in
                EAPServer(
                    settings: settings,
                    engines: engines,
                    isServerAuthenticated: true,
                    wallClock: today,
                    firstIdentifier: identifier
                )
            }) { $0.identity == "alice" ? .password(SecretBytes(text: "correct horse")) : .refused }
        }
        thread.start()
        defer { gate.stop() }
        let arguments = ["-c", file, "-a", "127.0.0.1", "-p", "\(gate.socket.port)", "-s", "testing123", "-t", "10"]
        let (status, output) = try run("/usr/bin/eapol_test", arguments)
        return (gate.outcome.withLock { $0 }, status == 0 && output.contains("mismatch: 0"), output)
    }

    private static let methods: [(EAPMethodType, TTLSInnerMethod, String)] = [
        (.mschapv2, .pap, "eap=MSCHAPV2"),
        (.tls, .pap, "eap=TLS\nphase1=\"tls_disable_tlsv1_3=1\""),
        (.ttls, .eap(.mschapv2), "eap=TTLS\nphase2=\"autheap=MSCHAPV2\"\nanonymous_identity=\"nobody\""),
        (.ttls, .eap(.gtc), "eap=TTLS\nphase2=\"autheap=GTC\"\nanonymous_identity=\"nobody\""),
        (.ttls, .pap, "eap=TTLS\nphase2=\"auth=PAP\"\nanonymous_identity=\"nobody\""),
        (.ttls, .mschapv2, "eap=TTLS\nphase2=\"auth=MSCHAPV2\"\nanonymous_identity=\"nobody\""),
    ]

    @Test(.enabled(if: isInstalled("eapol_test")), arguments: methods)
    func wpaSupplicantGetsInAndAgreesOnTheKey(
        method: EAPMethodType,
        inner: TTLSInnerMethod,
        network: String
    ) throws {
        let house = try TLSHouse(padding: 12, lastingYears: true)
        // TLS is offered first, so that a Nak leads to MSCHAPv2.
        let methods: [EAPMethodType] = method == .mschapv2 ? [.tls, .mschapv2] : [method]
        let settings = EAPServerSettings(methods: methods, innerMethods: [inner], packetSize: 700)
        let (outcome, isContent, output) = try meet(settings, house, network)
        let success = try outcome?.get()
        #expect(isContent && success?.method == method, "\(output.suffix(3000))")
        #expect(success?.identity == (method == .tls ? "alice.test" : "alice"))
    }

    @Test(.enabled(if: isInstalled("eapol_test"))) func wpaSupplicantWithAWrongPasswordStaysOut() throws {
        let house = try TLSHouse(lastingYears: true)
        let (outcome, isContent, _) = try meet(
            EAPServerSettings(methods: [.mschapv2]),
            house,
            password: "guess",
            "eap=MSCHAPV2"
        )
        guard case .failure(.wrongPassword(identity: "alice")) = outcome, !isContent else {
            Issue.record("\(String(describing: outcome))")
            return
        }
    }

    /// E04: Debian's wpa_supplicant speaks EAP-TLS up to TLS 1.2; without that it tries 1.1, in vain.
    @Test(.enabled(if: isInstalled("eapol_test"))) func wpaSupplicantWithTLS11StaysOut() throws {
        let house = try TLSHouse(lastingYears: true)
        let (outcome, isContent, _) = try meet(
            EAPServerSettings(methods: [.tls]),
            house,
            "eap=TLS\nphase1=\"tls_disable_tlsv1_2=1\""
        )
        guard case .failure(.tls("unsupported protocol")) = outcome, !isContent else {
            Issue.record("\(String(describing: outcome))")
            return
        }
    }
}
