import IPsecTypes

/// EAP-MSCHAPv2 at the server (draft-kamath-pppext-eap-mschapv2-00).
struct MSCHAPv2Server: ServerMethod {
    private enum State: Sendable {
        case idle
        /// The challenge is out; `after` is the refusal that it came with.
        case challenged(after: EAPFailure?)
        /// A response waits for the user's password.
        case asking(peerChallenge: [UInt8], response: [UInt8], name: [UInt8])
        /// The proof of our own knowledge is out.
        case proved(EAPSuccess)
        /// The refusal is out.
        case refused(EAPFailure)
    }

    private let serverName: String
    private var retries: Int
    private var state = State.idle
    private var challenge: [UInt8] = []

    /// - Parameters:
    ///   - serverName: the Name of our challenges.
    ///   - retries: further passwords that a peer may try in this conversation.
    init(serverName: String, retries: Int) {
        self.serverName = serverName
        self.retries = min(max(retries, 0), 3)
    }

    mutating func start(identifier: UInt8, using random: inout some RandomNumberGenerator) -> ServerStep {
        challenge = randomBytes(16, using: &random)
        state = .challenged(after: nil)
        let name = Array(serverName.utf8.prefix(64))
        return .request(MSCHAPv2Message.challenge(identifier: identifier, value: challenge, name: name).data)
    }

    mutating func receive(
        _ data: [UInt8],
        identifier: UInt8,
        using random: inout some RandomNumberGenerator
    ) -> ServerStep {
        let message: MSCHAPv2Message
        do throws(EAPFailure) {
            message = try MSCHAPv2Message.response(data)
        } catch {
            return .failed(error)
        }
        switch (state, message) {
        case (.challenged, .response(_, let peerChallenge, let response, let name)):
            guard let identity = try? EAPIdentityText.parse(name) else { return .failed(.badIdentity) }
            state = .asking(peerChallenge: peerChallenge, response: response, name: name)
            return .lookUp(EAPCredentialQuestion(identity: identity, method: .mschapv2, presented: nil))
        case (.proved(let success), .successResponse): return .done(success)
        // The peer did not believe our proof.
        case (.proved, .failureResponse): return .failed(.refused("the peer refused our proof"))
        // A retry that was not offered ends as the refusal it follows.
        case (.refused(let failure), _): return .failed(failure)
        // One that was offered may be declined.
        case (.challenged(let refusal), .failureResponse): return .failed(refusal ?? .refused("the peer gave up"))
        default: return .failed(.unexpected("an MSCHAPv2 message out of turn"))
        }
    }

    mutating func answer(
        _ credential: EAPCredential,
        identifier: UInt8,
        using random: inout some RandomNumberGenerator
    ) -> ServerStep {
        guard case .asking(let peerChallenge, let response, let name) = state else {
            return .failed(.unexpected("an answer about a user that was not asked for"))
        }
        let identity = String(decoding: name, as: UTF8.self)
        // An unknown user costs the same steps as a known one.
        let known = MSCHAPv2Hashes.passwordHash(credential)
        let hash = known ?? SecretBytes(randomBytes(16, using: &random))
        let digest = MSCHAPv2Hashes.challengeHash(
            peerChallenge: peerChallenge,
            authenticatorChallenge: challenge,
            name: name
        )
        let expected = MSCHAPv2Hashes.challengeResponse(challenge: digest, passwordHash: hash) ?? []
        let isRight = constantTimeEqual(expected, response)
        guard isRight, known != nil else { return refuse(identity, identifier: identifier, using: &random) }
        let proof = MSCHAPv2Hashes.authenticatorResponse(passwordHash: hash, response: response, challenge: digest)
        state = .proved(
            EAPSuccess(
                key: MSCHAPv2Keys.masterSessionKey(passwordHash: hash, response: response),
                identity: identity,
                method: .mschapv2
            )
        )
        return .request(MSCHAPv2Message.success(identifier: identifier, message: proof + Array(" M=OK".utf8)).data)
    }

    /// A Failure request, with a new challenge (draft-kamath-pppext-eap-mschapv2-00 §2.1) while retries are left.
    private mutating func refuse(
        _ identity: String,
        identifier: UInt8,
        using random: inout some RandomNumberGenerator
    ) -> ServerStep {
        let mayRetry = retries > 0
        challenge = randomBytes(16, using: &random)
        let failure = EAPFailure.wrongPassword(identity: identity)
        state = mayRetry ? .challenged(after: failure) : .refused(failure)
        if mayRetry { retries &-= 1 }
        let text = "E=691 R=\(mayRetry ? 1 : 0) C=\(Hex.encode(challenge).uppercased()) V=3 M=Authentication failed"
        return .request(MSCHAPv2Message.failure(identifier: identifier, message: Array(text.utf8)).data)
    }
}
