import IKEMessage
import IPsecTypes

/// IKE_AUTH: who, by which certificates, and the proof (W13, W14, A01, A04, A07, A11, A13, S12).
extension Impairment {
    static let authentication: [Impairment] = identities + certificates + proofs + order

    /// Changes our identity payload, IDi or IDr as the role has it.
    private static func identity(_ name: String, _ body: [UInt8]?) -> Impairment {
        Impairment(name, ["W13"], .authentication, .refused, .refused) { draft in
            let type: UInt8 = draft.isResponse ? 36 : 35
            if let body { draft.replace(type, body) } else { draft.remove(type) }
        }
    }

    private static let identities: [Impairment] = [
        identity("noIdentity", nil),
        identity("identityOfNoOctets", []),
        identity("identityOfThreeOctets", [2, 0, 0]),
        identity("identityType0", [0, 0, 0, 0] + Array("agent0.example".utf8)),
        identity("identityType255", [255, 0, 0, 0] + Array("agent0.example".utf8)),
        identity("identityIPv4Of3", [1, 0, 0, 0, 10, 0, 0]),
        identity("identityIPv4Of5", [1, 0, 0, 0, 10, 0, 0, 1, 1]),
        identity("identityIPv6Of15", [5, 0, 0, 0] + [UInt8](repeating: 1, count: 15)),
        identity("identityEmptyName", [2, 0, 0, 0]),
        identity("identityNameOf600", [2, 0, 0, 0] + [UInt8](repeating: 0x61, count: 600)),
        identity("identityNameOf60KB", [2, 0, 0, 0] + [UInt8](repeating: 0x61, count: 60_000)),
        identity("identityWithNUL", [2, 0, 0, 0] + Array("agent0.example\u{0}.evil".utf8)),
        identity("identityWithLineEnd", [2, 0, 0, 0] + Array("agent0.example\r\nx".utf8)),
        identity("identityBadDN", [9, 0, 0, 0, 0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF, 1]),
        identity("identityEmptyDN", [9, 0, 0, 0, 0x30, 0]),
        identity("identityDeepDN", [9, 0, 0, 0] + [UInt8](repeating: 0x30, count: 1000)),
        identity("identityNull", [13, 0, 0, 0]),
        identity("identityNullWithData", [13, 0, 0, 0, 1]),
        Impairment("addressAsName", ["A11"], .authentication, .refused, .refused) {
            $0.replace($0.isResponse ? 36 : 35, [2, 0, 0, 0] + Array("10.0.0.1".utf8))
        },
        Impairment("trailingDot", ["A11"], .authentication, .refused, .refused) {
            $0.edit($0.isResponse ? 36 : 35) { $0.body.append(0x2E) }
        },
        Impairment("otherWantedIdentity", ["A12"], .authentication, .refused, nil) {
            $0.replace(36, [2, 0, 0, 0] + Array("nobody.example".utf8))
        },
    ]

    private static func chain(
        _ name: String,
        _ asInitiator: Verdict = .refused,
        _ asResponder: Verdict = .refused,
        _ change: @escaping @Sendable ([RawPayload]) -> [RawPayload]
    ) -> Impairment {
        Impairment(name, ["W14"], .authentication, asInitiator, asResponder) { draft in
            let certificates = draft.payloads.filter { $0.type == cert }
            draft.remove(cert)
            draft.payloads.insert(contentsOf: change(certificates), at: 1)
        }
    }

    private static func encoding(_ value: UInt8) -> Impairment {
        chain("certificateEncoding\(value)") { $0.map { RawPayload(cert, [value] + $0.body.dropFirst()) } }
    }

    private static let certificates: [Impairment] =
        [0, 1, 2, 7, 11, 12, 13, 15, 201, 255].map(encoding) + [
            chain("noCertificates") { _ in [] },
            chain("eightCertificates", .works, .works) { chain in
                chain + Array(repeating: chain[chain.count - 1], count: 8 - chain.count)
            },
            chain("nineCertificates") { chain in
                chain + Array(repeating: chain[chain.count - 1], count: 9 - chain.count)
            },
            chain("fiftyCertificates") { Array(repeating: $0[0], count: 50) },
            chain("emptyCertificate") { [RawPayload(cert, [4])] + $0.dropFirst() },
            chain("certificateOfNoOctets") { [RawPayload(cert, [])] + $0.dropFirst() },
            chain("certificateOf60KB", .works, .works) {
                [$0[0], RawPayload(cert, [4] + [UInt8](repeating: 0x30, count: 58_000))]
            },
            chain("hashAndURL") {
                [RawPayload(cert, [12] + [UInt8](repeating: 1, count: 20) + Array("http://192.0.2.1/c".utf8))]
                    + $0.dropFirst()
            },
            chain("leafLast") { Array($0.reversed()) },
        ]

    private static func proof(
        _ name: String,
        _ threats: [String] = ["A01"],
        _ change: @escaping @Sendable ([UInt8]) -> [UInt8]
    ) -> Impairment {
        Impairment(name, threats, .authentication, .refused, .refused) { $0.edit(auth) { $0.body = change($0.body) } }
    }

    private static let proofs: [Impairment] =
        [0, 4, 5, 12, 19, 40, 82].map { offset in
            proof("signatureOctet\(offset)") { body in
                guard offset < body.count else { return [] }
                var body = body
                body[offset] ^= 1
                return body
            }
        }
        + [0, 1, 2, 3, 9, 10, 11, 12, 13, 255].map { method in
            proof("authMethod\(method)", method == 13 ? ["A13"] : ["A01", "A04"]) { [method] + $0.dropFirst() }
        } + [
            Impairment("noAUTH", ["A01"], .authentication, .refused, .refused) { $0.remove(auth) },
            proof("emptySignature") { Array($0.prefix(4)) },
            proof("zeroSignature") { $0.prefix(12) + [UInt8](repeating: 0, count: max(0, $0.count - 12)) },
            proof("signatureCut") { Array($0.dropLast()) },
            proof("signatureLonger") { $0 + [0] },
            proof("signatureOf50KB") { $0 + [UInt8](repeating: 0, count: 50_000) },
            proof("authOfThreeOctets") { Array($0.prefix(3)) },
            proof("algorithmIdentifierLength255") { Array($0.prefix(4)) + [255] + $0.dropFirst(5) },
            proof("algorithmIdentifierLength0") { Array($0.prefix(4)) + [0] + $0.dropFirst(5) },
            proof("algorithmIdentifierSHA1", ["A04", "A07"]) {
                // sha1WithRSAEncryption.
                Array($0.prefix(4)) + [15, 0x30, 13, 6, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 13, 1, 1, 5, 5, 0]
                    + $0.suffix(64)
            },
        ]

    private static let order: [Impairment] = [
        Impairment("initialContactOfOthers", ["S12"], .authentication, .works, .works) {
            $0.payloads.append(RawPayload(notify, [0, 0, 0x40, 0x00]))
        },
        Impairment("authSentThreeTimes", ["S02", "S03"], .authentication, .works, .works) { $0.copies = 3 },
        Impairment("authNotSent", ["S15", "R05"], .authentication, .refused, .refused) { $0.copies = 0 },
        Impairment("eapPayloadUnasked", ["A10"], .authentication, .works, .works) {
            $0.payloads.append(RawPayload(48, [1, 1, 0, 5, 1]))
        },
        Impairment("eapInsteadOfAUTH", ["A10"], .authentication, .refused, .refused) {
            $0.remove(auth)
            $0.payloads.append(RawPayload(48, [1, 1, 0, 5, 1]))
        },
        Impairment("unknownCriticalPayloadInAUTH", ["W07"], .authentication, .refused, .refused) {
            $0.payloads.append(RawPayload(200, [1], flags: 0x80))
        },
        Impairment("unknownPayloadInAUTH", ["W07"], .authentication, .works, .works) {
            $0.payloads.append(RawPayload(200, [1]))
        },
        Impairment("authenticationFailedBesideAUTH", ["A12"], .authentication, .works, .refused) {
            $0.payloads.append(RawPayload(notify, [0, 0, 0, 24]))
        },
    ]
}
