import IPsecTypes

/// MS-CHAP-V2 in AVPs of EAP-TTLS (RFC 5281 §11.2.4): the challenge comes from the TLS session, not from the server.
struct TTLSMSCHAPv2: Sendable {
    /// MS-CHAP-Challenge, 16 octets.
    let challenge: [UInt8]
    /// Ident, 1 octet.
    let ident: [UInt8]

    /// Derives both; nil when the session cannot.
    init?(_ engine: any TLSEngine) {
        guard let material = engine.exportKey(label: "ttls challenge", context: nil, count: 17), material.count == 17
        else { return nil }
        let octets = material.withUnsafeBytes { Array($0) }
        challenge = Array(octets.prefix(16))
        ident = Array(octets.suffix(1))
    }

    /// What a peer sends (RFC 2548 §2.3.2): Ident, Flags, 16 octets of challenge, 8 reserved, 24 of response.
    static func parse(_ bytes: [UInt8]) throws(EAPFailure) -> (ident: [UInt8], challenge: [UInt8], response: [UInt8]) {
        do throws(ParseError) {
            let span = bytes.span
            var reader = WireReader(count: span.count)
            let ident = try reader.readBytes(span, count: 1)
            try reader.skip(1)
            let challenge = try reader.readBytes(span, count: 16)
            try reader.skip(8)
            let response = try reader.readBytes(span, count: 24)
            try reader.expectEnd()
            return (ident, challenge, response)
        } catch {
            throw .malformed(error)
        }
    }

    /// The attributes of a peer's answer, and the proof it must get for them.
    func answer(
        name: String,
        passwordHash: SecretBytes,
        peerChallenge: [UInt8]
    ) -> (avps: [TTLSAVP], proof: [UInt8])? {
        let digest = digest(name: Array(name.utf8), peerChallenge: peerChallenge)
        guard let response = MSCHAPv2Hashes.challengeResponse(challenge: digest, passwordHash: passwordHash) else {
            return nil
        }
        let value = ident + [0] + peerChallenge + [UInt8](repeating: 0, count: 8) + response
        let proof = MSCHAPv2Hashes.authenticatorResponse(
            passwordHash: passwordHash,
            response: response,
            challenge: digest
        )
        let avps = [
            TTLSAVP(.userName, Array(name.utf8)), TTLSAVP(.msCHAPChallenge, challenge),
            TTLSAVP(.msCHAP2Response, value),
        ]
        return (avps, ident + proof)
    }

    /// The server's proof (RFC 2548 §2.3.3); nil when the response is wrong.
    func proof(
        name: String,
        passwordHash: SecretBytes,
        peerChallenge: [UInt8],
        response: [UInt8]
    ) -> [UInt8]? {
        let digest = digest(name: Array(name.utf8), peerChallenge: peerChallenge)
        let expected = MSCHAPv2Hashes.challengeResponse(challenge: digest, passwordHash: passwordHash) ?? []
        guard constantTimeEqual(expected, response) else { return nil }
        return ident
            + MSCHAPv2Hashes.authenticatorResponse(passwordHash: passwordHash, response: response, challenge: digest)
    }

    private func digest(name: [UInt8], peerChallenge: [UInt8]) -> [UInt8] {
        MSCHAPv2Hashes.challengeHash(peerChallenge: peerChallenge, authenticatorChallenge: challenge, name: name)
    }
}
