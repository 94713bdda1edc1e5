import IPsecTypes

/// EAP-MSCHAPv2 at the peer.
struct MSCHAPv2Peer: PeerMethod {
    private let name: [UInt8]
    private let passwordHash: SecretBytes
    private var expected: [UInt8]?
    private var key: SecretBytes?
    private(set) var outcome: EAPSuccess?
    private(set) var failure: EAPFailure?

    /// Nil when the password is no text or too long.
    init?(identity: String, password: SecretBytes) {
        guard let hash = MSCHAPv2Hashes.passwordHash(password) else { return nil }
        name = Array(identity.utf8)
        passwordHash = hash
    }

    mutating func receive(_ data: [UInt8], using random: inout some RandomNumberGenerator) -> PeerStep {
        let message: MSCHAPv2Message
        do throws(EAPFailure) {
            message = try MSCHAPv2Message.request(data)
        } catch {
            return .failed(error)
        }
        switch message {
        case .challenge(let identifier, let value, _) where expected == nil && failure == nil:
            return respond(to: value, identifier: identifier, using: &random)
        case .success(_, let text): return check(text)
        case .failure(_, let text) where outcome == nil && expected != nil:
            // There is one password to try; a retry would be the same again.
            failure = .refused(MSCHAPv2Refusal(text).description)
            return .response(MSCHAPv2Message.failureResponse.data)
        default: return .failed(.unexpected("an MSCHAPv2 message out of turn"))
        }
    }

    private mutating func respond(
        to challenge: [UInt8],
        identifier: UInt8,
        using random: inout some RandomNumberGenerator
    ) -> PeerStep {
        let peerChallenge = randomBytes(16, using: &random)
        let digest = MSCHAPv2Hashes.challengeHash(
            peerChallenge: peerChallenge,
            authenticatorChallenge: challenge,
            name: name
        )
        guard let response = MSCHAPv2Hashes.challengeResponse(challenge: digest, passwordHash: passwordHash) else {
            return .failed(.notConfigured("the password makes no response"))
        }
        expected = MSCHAPv2Hashes.authenticatorResponse(
            passwordHash: passwordHash,
            response: response,
            challenge: digest
        )
        key = MSCHAPv2Keys.masterSessionKey(passwordHash: passwordHash, response: response)
        return .response(
            MSCHAPv2Message.response(
                identifier: identifier,
                peerChallenge: peerChallenge,
                response: response,
                name: name
            ).data
        )
    }

    /// CheckAuthenticatorResponse (RFC 2759 §8.8): a server that does not know the password ends the conversation here.
    private mutating func check(_ text: [UInt8]) -> PeerStep {
        guard let expected, let key, outcome == nil, failure == nil else {
            return .failed(.unexpected("an MSCHAPv2 success out of turn"))
        }
        guard constantTimeEqual(text.prefix(expected.count), expected) else {
            failure = .serverUnproven
            return .failed(.serverUnproven)
        }
        outcome = EAPSuccess(key: key, identity: "", method: .mschapv2)
        return .response(MSCHAPv2Message.successResponse.data)
    }
}
