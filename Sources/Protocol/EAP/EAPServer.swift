import IPsecTypes

/// What a server offers.
public struct EAPServerSettings: Sendable {
    /// Methods in the order in which they are offered.
    public var methods: [EAPMethodType]
    /// What users may do inside EAP-TTLS.
    public var innerMethods: [TTLSInnerMethod]
    /// The name in MSCHAPv2 challenges.
    public var serverName: String
    /// Octets of an EAP packet that TLS messages are cut into; brought into ``EAPLimits/fragment``.
    public var packetSize: Int
    /// Further passwords that a peer may try in one conversation of MSCHAPv2, at most 3.
    public var retries: Int

    /// Gathers the parts.
    public init(
        methods: [EAPMethodType],
        innerMethods: [TTLSInnerMethod] = [.eap(.mschapv2)],
        serverName: String = "culvert",
        packetSize: Int = 1024,
        retries: Int = 0
    ) {
        self.methods = methods
        self.innerMethods = innerMethods
        self.serverName = serverName
        self.packetSize = packetSize
        self.retries = retries
    }
}

/// What a server is told.
public enum EAPServerInput: Sendable {
    /// The conversation begins.
    case start
    /// A whole EAP packet of the peer's.
    case packet([UInt8])
    /// The answer to ``EAPServerAction/lookUp(_:)``.
    case credential(EAPCredential)
    /// The answer to ``EAPServerAction/verify(_:)``.
    case certificate(EAPCertificateVerdict)
}

/// What a server wants done.
public enum EAPServerAction: Sendable {
    /// Send this EAP packet.
    case send([UInt8])
    /// Ask about a user.
    case lookUp(EAPCredentialQuestion)
    /// Ask about a certificate.
    case verify(EAPCertificateQuestion)
    /// It is over, and well; `packet` is the EAP Success.
    case succeeded(packet: [UInt8], EAPSuccess)
    /// It is over; `packet` is the EAP Failure.
    case failed(packet: [UInt8], EAPFailure)
}

/// An EAP server (RFC 3748), without a clock, a socket or a user database: one input at a time, one action each.
///
/// Retransmission is the business of what carries the packets; a packet that does not fit ends the conversation.
public struct EAPServer: Sendable {
    private enum Stage: Sendable {
        case idle
        /// An Identity request is out.
        case identity
        /// A request of the method is out.
        case method
        /// The method waits for an answer of ours.
        case asking
        case over
    }

    private let settings: EAPServerSettings
    private let engines: (any TLSEngineProvider)?
    private let wallClock: WallTime
    /// Methods that were not tried yet.
    private var left: [EAPMethodType]
    private let wanted: [EAPMethodType]
    private var stage: Stage
    private var method: (any ServerMethod)?
    private var type = EAPMethodType.identity
    /// Whether the peer has answered the method, after which it may not refuse it.
    private var isMethodUnderway = false
    private var identifier: UInt8
    private var takesAnyIdentifier = false
    private var rounds = 0

    /// Who the peer says it is; nil before it said so.
    public private(set) var identity: String?

    /// Makes a server for one conversation.
    ///
    /// - Parameters:
    ///   - engines: makes TLS sessions; nil rules out EAP-TLS and EAP-TTLS.
    ///   - isServerAuthenticated: whether something outside, such as AUTH with our certificate, has authenticated us to the
    ///     peer. Without it only methods of RFC 5998 §4 are offered.
    ///   - knownIdentity: who the peer is said to be, when there is no need to ask (RFC 7296 §3.16).
    ///   - wallClock: when certificates are judged.
    ///   - firstIdentifier: of the first request.
    public init(
        settings: EAPServerSettings,
        engines: (any TLSEngineProvider)?,
        isServerAuthenticated: Bool,
        knownIdentity: String? = nil,
        wallClock: WallTime,
        firstIdentifier: UInt8 = 1
    ) {
        self.settings = settings
        self.engines = engines
        self.wallClock = wallClock
        wanted = isServerAuthenticated ? settings.methods : settings.methods.filter(\.isSafeAlone)
        left = wanted
        identity = knownIdentity
        identifier = firstIdentifier &- 1
        stage = .idle
    }

    /// A server inside EAP-TTLS, which the peer addresses first with its identity (RFC 5281 §11.2.1).
    init(inside settings: EAPServerSettings, methods: [EAPMethodType], wallClock: WallTime) {
        self.settings = settings
        self.wallClock = wallClock
        engines = nil
        wanted = methods.filter { $0 != .tls && $0 != .ttls }
        left = wanted
        identifier = 0
        takesAnyIdentifier = true
        stage = .identity
    }

    /// Takes one input and says what comes next.
    public mutating func handle(
        _ input: EAPServerInput,
        using random: inout some RandomNumberGenerator
    ) -> EAPServerAction {
        do throws(EAPFailure) {
            switch (input, stage) {
            case (.start, .idle):
                if identity != nil { return try begin(nil, using: &random) }
                stage = .identity
                type = .identity
                return try request([])
            case (.packet(let bytes), .identity), (.packet(let bytes), .method):
                return try receive(bytes, using: &random)
            case (.credential(let credential), .asking):
                guard var method else { throw .unexpected("no method") }
                let step = method.answer(credential, identifier: identifier &+ 1, using: &random)
                self.method = method
                return try take(step)
            case (.certificate(let verdict), .asking):
                guard var method else { throw .unexpected("no method") }
                let step = method.judge(verdict)
                self.method = method
                return try take(step)
            default: throw .unexpected("a packet or an answer out of turn")
            }
        } catch {
            return fail(error)
        }
    }

    private mutating func receive(
        _ bytes: [UInt8],
        using random: inout some RandomNumberGenerator
    ) throws(EAPFailure) -> EAPServerAction {
        let packet = try EAPPacket(bytes)
        guard case .response(let type, let data) = packet.body else { throw .unexpected("no EAP response") }
        if takesAnyIdentifier {
            identifier = packet.identifier
            takesAnyIdentifier = false
        }
        // RFC 3748 §4.1: a response has the identifier of its request.
        guard packet.identifier == identifier else { throw .unexpected("a response with another identifier") }
        if case .identity = stage {
            guard type == .identity else { throw .unexpected("a response of \(type) to an identity request") }
            identity = try EAPIdentityText.parse(data)
            return try begin(nil, using: &random)
        }
        if type == .nak || type == .expanded {
            // RFC 3748 §5.3.1: a Nak answers the first request of a method and no later one.
            guard !isMethodUnderway else { throw .unexpected("a Nak in the middle of \(self.type)") }
            return try begin(type == .nak ? EAPNak.legacy(data) : EAPNak.expanded(data), using: &random)
        }
        guard type == self.type, var method else { throw .unexpected("a response of \(type) to \(self.type)") }
        isMethodUnderway = true
        let step = method.receive(data, identifier: identifier &+ 1, using: &random)
        self.method = method
        return try take(step)
    }

    /// Begins the next method that `accepted` names; nil accepts all.
    private mutating func begin(
        _ accepted: [EAPMethodType]?,
        using random: inout some RandomNumberGenerator
    ) throws(EAPFailure) -> EAPServerAction {
        guard !wanted.isEmpty else {
            throw settings.methods.isEmpty ? .notConfigured("no EAP method is allowed") : .noSafeMethod
        }
        guard let next = left.first(where: { accepted?.contains($0) ?? true }) else {
            throw .noCommonMethod(wanted: wanted, offered: accepted ?? [])
        }
        // Each is tried once: a peer cannot make us go round.
        left.removeAll { $0 == next }
        type = next
        var method = try make(next)
        let step = method.start(identifier: identifier &+ 1, using: &random)
        self.method = method
        return try take(step)
    }

    private func make(_ type: EAPMethodType) throws(EAPFailure) -> any ServerMethod {
        let name = identity ?? ""
        switch type {
        case .mschapv2: return MSCHAPv2Server(serverName: settings.serverName, retries: settings.retries)
        case .gtc: return GTCServer(identity: name)
        case .tls:
            guard let engine = engines?.makeEngine(.server(asksCertificate: true), wallClock: wallClock) else { break }
            return EAPTLSServer(engine: engine, claimed: name, packetSize: settings.packetSize)
        case .ttls:
            guard let engine = engines?.makeEngine(.server(asksCertificate: false), wallClock: wallClock) else { break }
            return TTLSServer(engine: engine, settings: settings, wallClock: wallClock)
        default: break
        }
        throw .notConfigured("EAP method \(type) lacks what it needs")
    }

    private mutating func take(_ step: ServerStep) throws(EAPFailure) -> EAPServerAction {
        switch step {
        case .request(let data):
            stage = .method
            return try request(data)
        case .lookUp(let question):
            stage = .asking
            return .lookUp(question)
        case .verify(let question):
            stage = .asking
            return .verify(question)
        case .failed(let failure): throw failure
        case .done(let success):
            stage = .over
            method = nil
            return .succeeded(packet: EAPPacket(identifier: identifier, .success).bytes, success)
        }
    }

    private mutating func request(_ data: [UInt8]) throws(EAPFailure) -> EAPServerAction {
        guard rounds < EAPLimits.rounds else { throw .tooManyRounds(limit: EAPLimits.rounds) }
        rounds &+= 1
        identifier &+= 1
        return .send(EAPPacket(identifier: identifier, .request(type, data)).bytes)
    }

    private mutating func fail(_ failure: EAPFailure) -> EAPServerAction {
        stage = .over
        method = nil
        return .failed(packet: EAPPacket(identifier: identifier, .failure).bytes, failure)
    }
}
