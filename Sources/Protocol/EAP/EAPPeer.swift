import IPsecTypes

/// What a peer has and allows.
public struct EAPPeerSettings: Sendable {
    /// Who we are.
    public var identity: String
    /// What the Identity response says instead, when EAP-TLS or EAP-TTLS comes next and hides who we are; nil for the truth.
    public var anonymousIdentity: String?
    /// Methods that are allowed, the best first.
    public var methods: [EAPMethodType]
    /// What we may do inside EAP-TTLS; the first decides between EAP and the others.
    public var innerMethods: [TTLSInnerMethod]
    /// The password for MSCHAPv2, GTC and EAP-TTLS, UTF-8.
    public var password: SecretBytes?
    /// Octets of an EAP packet that TLS messages are cut into.
    public var packetSize: Int

    /// Gathers the parts.
    public init(
        identity: String,
        anonymousIdentity: String? = nil,
        methods: [EAPMethodType],
        innerMethods: [TTLSInnerMethod] = [.eap(.mschapv2)],
        password: SecretBytes? = nil,
        packetSize: Int = 1024
    ) {
        self.identity = identity
        self.anonymousIdentity = anonymousIdentity
        self.methods = methods
        self.innerMethods = innerMethods
        self.password = password
        self.packetSize = packetSize
    }
}

/// What a peer is told.
public enum EAPPeerInput: Sendable {
    /// A whole EAP packet of the server's.
    case packet([UInt8])
    /// The answer to ``EAPPeerAction/verify(_:)``.
    case certificate(EAPCertificateVerdict)
}

/// What a peer wants done.
public enum EAPPeerAction: Sendable {
    /// Send this EAP packet.
    case send([UInt8])
    /// Ask about the server's certificate.
    case verify(EAPCertificateQuestion)
    /// The server sent EAP Success, and the method agrees.
    case succeeded(EAPSuccess)
    /// It is over.
    case failed(EAPFailure)
}

/// An EAP peer (RFC 3748), without a clock or a socket: one input at a time, one action each.
public struct EAPPeer: Sendable {
    private let settings: EAPPeerSettings
    private let engines: (any TLSEngineProvider)?
    private let wallClock: WallTime
    private let allowed: [EAPMethodType]
    private var method: (any PeerMethod)?
    private var type: EAPMethodType?
    private var lastRequest: [UInt8] = []
    private var lastResponse: [UInt8] = []
    private var identifier: UInt8 = 0
    private var rounds = 0
    private var isAsking = false
    private var isOver = false
    private var refused: EAPFailure?

    /// Makes a peer for one conversation.
    ///
    /// - Parameters:
    ///   - engines: makes TLS sessions; nil rules out EAP-TLS and EAP-TTLS.
    ///   - isServerAuthenticated: whether something outside has authenticated the server. Without it only methods of
    ///     RFC 5998 §4 are accepted, and no password goes to anyone in clear.
    ///   - wallClock: when certificates are judged.
    public init(
        settings: EAPPeerSettings,
        engines: (any TLSEngineProvider)?,
        isServerAuthenticated: Bool,
        wallClock: WallTime
    ) {
        self.settings = settings
        self.engines = engines
        self.wallClock = wallClock
        allowed = isServerAuthenticated ? settings.methods : settings.methods.filter(\.isSafeAlone)
    }

    /// A peer inside EAP-TTLS.
    init(inside settings: EAPPeerSettings, methods: [EAPMethodType], wallClock: WallTime) {
        var settings = settings
        settings.anonymousIdentity = nil
        self.settings = settings
        self.wallClock = wallClock
        engines = nil
        allowed = methods.filter { $0 != .tls && $0 != .ttls }
    }

    /// The Identity response with which a peer begins inside EAP-TTLS.
    func introduction() -> [UInt8] {
        EAPPacket(identifier: 0, .response(.identity, Array(settings.identity.utf8))).bytes
    }

    /// What EAP Success would mean now.
    var methodOutcome: EAPSuccess? { method?.outcome }
    /// Why the method expects EAP Failure.
    var methodFailure: EAPFailure? { method?.failure }

    /// Takes one input and says what comes next.
    public mutating func handle(
        _ input: EAPPeerInput,
        using random: inout some RandomNumberGenerator
    ) -> EAPPeerAction {
        do throws(EAPFailure) {
            switch (input, isAsking) {
            case (.packet(let bytes), false) where !isOver: return try receive(bytes, using: &random)
            case (.certificate(let verdict), true) where !isOver:
                guard var method else { throw .unexpected("no method") }
                isAsking = false
                let step = method.judge(verdict, using: &random)
                self.method = method
                return try take(step)
            default: throw .unexpected("a packet or an answer out of turn")
            }
        } catch {
            isOver = true
            method = nil
            return .failed(error)
        }
    }

    private mutating func receive(
        _ bytes: [UInt8],
        using random: inout some RandomNumberGenerator
    ) throws(EAPFailure) -> EAPPeerAction {
        // RFC 3748 §4.1: a request that comes again gets the same response.
        if !lastResponse.isEmpty, bytes == lastRequest { return .send(lastResponse) }
        let packet = try EAPPacket(bytes)
        switch packet.body {
        case .response: throw .unexpected("an EAP response from a server")
        case .failure: throw method?.failure ?? refused ?? .refused("")
        case .success:
            // Of the last response (RFC 3748 §4.2); some servers count on. Inside IKE neither can be forged.
            guard packet.identifier == identifier || packet.identifier == identifier &+ 1 else {
                throw .unexpected("an EAP Success with another identifier")
            }
            guard let outcome = method?.outcome, method?.failure == nil else {
                throw .unexpected("an EAP Success before the end of the method")
            }
            isOver = true
            method = nil
            return .succeeded(outcome)
        case .request(let type, let data):
            guard rounds < EAPLimits.rounds else { throw .tooManyRounds(limit: EAPLimits.rounds) }
            rounds &+= 1
            identifier = packet.identifier
            lastRequest = bytes
            lastResponse = []
            return try answer(type, data, using: &random)
        }
    }

    private mutating func answer(
        _ type: EAPMethodType,
        _ data: [UInt8],
        using random: inout some RandomNumberGenerator
    ) throws(EAPFailure) -> EAPPeerAction {
        switch type {
        case .identity:
            guard method == nil else { throw .unexpected("an identity request in the middle of a method") }
            // Hidden only where every method that may follow hides it as well.
            let hides = allowed.allSatisfy { $0 == .tls || $0 == .ttls }
            let identity = hides ? settings.anonymousIdentity ?? settings.identity : settings.identity
            return respond(.identity, Array(identity.utf8.prefix(EAPLimits.identity)))
        // The text is for a user at a terminal; there is none.
        case .notification: return respond(.notification, [])
        case .nak: throw .unexpected("a Nak from a server")
        default: break
        }
        if var method {
            // RFC 3748 §2.1: one method a conversation.
            guard type == self.type else { throw .unexpected("\(type) in the middle of another method") }
            let step = method.receive(data, using: &random)
            self.method = method
            return try take(step)
        }
        guard allowed.contains(type) else { return refuse(type) }
        var method = try make(type)
        self.type = type
        let step = method.receive(data, using: &random)
        self.method = method
        return try take(step)
    }

    /// Names what we would do instead (RFC 3748 §5.3).
    private mutating func refuse(_ type: EAPMethodType) -> EAPPeerAction {
        let isUnsafe = allowed.isEmpty && !settings.methods.isEmpty
        refused = isUnsafe ? .noSafeMethod : .noCommonMethod(wanted: allowed, offered: [type])
        return type == .expanded
            ? respond(.expanded, EAPNak.expandedData(allowed)) : respond(.nak, EAPNak.legacyData(allowed))
    }

    private func make(_ type: EAPMethodType) throws(EAPFailure) -> any PeerMethod {
        switch type {
        case .mschapv2:
            guard let password = settings.password,
                let method = MSCHAPv2Peer(identity: settings.identity, password: password)
            else { break }
            return method
        case .gtc:
            guard let password = settings.password else { break }
            return GTCPeer(password: password)
        case .tls:
            guard let engine = engines?.makeEngine(.client(showsCertificate: true), wallClock: wallClock) else { break }
            return EAPTLSPeer(engine: engine, packetSize: settings.packetSize)
        case .ttls:
            guard let engine = engines?.makeEngine(.client(showsCertificate: false), wallClock: wallClock) else {
                break
            }
            return TTLSPeer(engine: engine, settings: settings, wallClock: wallClock)
        default: break
        }
        throw .notConfigured("EAP method \(type) lacks what it needs")
    }

    private mutating func take(_ step: PeerStep) throws(EAPFailure) -> EAPPeerAction {
        switch step {
        case .response(let data):
            guard let type else { throw .unexpected("no method") }
            return respond(type, data)
        case .verify(let question):
            isAsking = true
            return .verify(question)
        case .failed(let failure): throw failure
        }
    }

    private mutating func respond(_ type: EAPMethodType, _ data: [UInt8]) -> EAPPeerAction {
        lastResponse = EAPPacket(identifier: identifier, .response(type, data)).bytes
        return .send(lastResponse)
    }
}
