import IPsecTypes

/// What a server's method wants after it was told something.
enum ServerStep: Sendable {
    /// Send a request of the method's type with this data.
    case request([UInt8])
    /// Ask about a user, then call `answer`.
    case lookUp(EAPCredentialQuestion)
    /// Ask about a certificate, then call `judge`.
    case verify(EAPCertificateQuestion)
    /// It is over, and well.
    case done(EAPSuccess)
    /// It is over.
    case failed(EAPFailure)
}

/// The server's half of a method: told of one thing at a time, it says what comes next.
protocol ServerMethod: Sendable {
    /// The first request. `identifier` is that of the request to be sent, here and below.
    mutating func start(identifier: UInt8, using random: inout some RandomNumberGenerator) -> ServerStep
    /// The data of a response of the method's type.
    mutating func receive(
        _ data: [UInt8],
        identifier: UInt8,
        using random: inout some RandomNumberGenerator
    ) -> ServerStep
    /// The answer to ``ServerStep/lookUp(_:)``.
    mutating func answer(
        _ credential: EAPCredential,
        identifier: UInt8,
        using random: inout some RandomNumberGenerator
    ) -> ServerStep
    /// The answer to ``ServerStep/verify(_:)``.
    mutating func judge(_ verdict: EAPCertificateVerdict) -> ServerStep
}

extension ServerMethod {
    mutating func answer(
        _ credential: EAPCredential,
        identifier: UInt8,
        using random: inout some RandomNumberGenerator
    ) -> ServerStep {
        .failed(.unexpected("an answer about a user that was not asked for"))
    }

    mutating func judge(_ verdict: EAPCertificateVerdict) -> ServerStep {
        .failed(.unexpected("an answer about a certificate that was not asked for"))
    }
}

/// What a peer's method wants.
enum PeerStep: Sendable {
    /// Send a response of the method's type with this data.
    case response([UInt8])
    /// Ask about the server's certificate, then call `judge`.
    case verify(EAPCertificateQuestion)
    /// It is over.
    case failed(EAPFailure)
}

/// The peer's half of a method.
protocol PeerMethod: Sendable {
    /// The data of a request of the method's type.
    mutating func receive(_ data: [UInt8], using random: inout some RandomNumberGenerator) -> PeerStep
    /// The answer to ``PeerStep/verify(_:)``.
    mutating func judge(_ verdict: EAPCertificateVerdict, using random: inout some RandomNumberGenerator) -> PeerStep
    /// What EAP Success would mean now; nil while it may not come.
    var outcome: EAPSuccess? { get }
    /// Why EAP Failure is coming, where the method knows better than "refused".
    var failure: EAPFailure? { get }
}

extension PeerMethod {
    mutating func judge(
        _ verdict: EAPCertificateVerdict,
        using random: inout some RandomNumberGenerator
    ) -> PeerStep {
        .failed(.unexpected("an answer about a certificate that was not asked for"))
    }
}

/// `count` octets from a generator.
func randomBytes(_ count: Int, using random: inout some RandomNumberGenerator) -> [UInt8] {
    (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &random) }
}
