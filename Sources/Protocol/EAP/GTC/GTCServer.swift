import IPsecTypes

/// EAP-GTC at the server (RFC 3748 §5.6): one question, and the password in clear as answer.
///
/// ``EAPServer`` offers it only where the server has authenticated already, by TLS around it or by IKE.
struct GTCServer: ServerMethod {
    private let identity: String
    private var presented: SecretBytes?
    private var isAsked = false

    init(identity: String) { self.identity = identity }

    mutating func start(identifier: UInt8, using random: inout some RandomNumberGenerator) -> ServerStep {
        isAsked = true
        return .request(Array("Password: ".utf8))
    }

    mutating func receive(
        _ data: [UInt8],
        identifier: UInt8,
        using random: inout some RandomNumberGenerator
    ) -> ServerStep {
        guard isAsked, presented == nil else { return .failed(.unexpected("a second password")) }
        guard !data.isEmpty, data.count <= EAPLimits.password else {
            return .failed(.tooLarge(what: "a password", count: data.count, limit: EAPLimits.password))
        }
        let password = SecretBytes(data)
        presented = password
        return .lookUp(EAPCredentialQuestion(identity: identity, method: .gtc, presented: password))
    }

    mutating func answer(
        _ credential: EAPCredential,
        identifier: UInt8,
        using random: inout some RandomNumberGenerator
    ) -> ServerStep {
        guard let presented else { return .failed(.unexpected("an answer about a user that was not asked for")) }
        guard PasswordCheck.isRight(presented, credential) else { return .failed(.wrongPassword(identity: identity)) }
        return .done(EAPSuccess(key: nil, identity: identity, method: .gtc))
    }
}
