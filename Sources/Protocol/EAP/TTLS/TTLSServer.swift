import IPsecTypes

/// EAP-TTLSv0 at the server (RFC 5281): TLS proves the server, then the user authenticates inside.
struct TTLSServer: ServerMethod {
    private enum State: Sendable {
        case handshaking
        /// The tunnel stands; the peer is to begin.
        case open
        /// EAP goes on inside.
        case eap(EAPServer)
        /// A password waits for its judge.
        case pap(identity: String, SecretBytes)
        /// A response waits for the user's password.
        case mschapv2(identity: String, peerChallenge: [UInt8], response: [UInt8])
        /// Our proof is out; its acknowledgement ends the method.
        case finishing(EAPSuccess)
    }

    private var tunnel: TLSTunnel
    private let settings: EAPServerSettings
    private let wallClock: WallTime
    private var state = State.handshaking

    init(engine: any TLSEngine, settings: EAPServerSettings, wallClock: WallTime) {
        tunnel = TLSTunnel(engine, method: .ttls, isServer: true, packetSize: settings.packetSize)
        self.settings = settings
        self.wallClock = wallClock
    }

    mutating func start(identifier: UInt8, using random: inout some RandomNumberGenerator) -> ServerStep {
        .request(TLSFragment(isStart: true).bytes)
    }

    mutating func receive(
        _ data: [UInt8],
        identifier: UInt8,
        using random: inout some RandomNumberGenerator
    ) -> ServerStep {
        do throws(EAPFailure) {
            switch try tunnel.receive(data) {
            case .send(let data): return .request(data)
            case .established(let plaintext):
                state = .open
                // With TLS 1.2 our Finished still waits; with 1.3 the peer may have begun already.
                return plaintext.isEmpty ? .request(tunnel.flush()) : try inside(plaintext, using: &random)
            case .plaintext(let plaintext): return try inside(plaintext, using: &random)
            case .nothing:
                guard case .finishing(let success) = state else { throw .unexpected("an empty EAP-TTLS response") }
                return .done(success)
            }
        } catch {
            return .failed(error)
        }
    }

    /// What the peer said inside the tunnel.
    private mutating func inside(
        _ plaintext: [UInt8],
        using random: inout some RandomNumberGenerator
    ) throws(EAPFailure) -> ServerStep {
        let message = try TTLSMessage(plaintext)
        switch state {
        case .open:
            if let packet = message.eap {
                let methods = settings.innerMethods.compactMap { if case .eap(let type) = $0 { type } else { nil } }
                guard !methods.isEmpty else { throw .unexpected("EAP inside EAP-TTLS is not allowed here") }
                return try run(
                    EAPServer(inside: settings, methods: methods, wallClock: wallClock),
                    .packet(packet),
                    using: &random
                )
            }
            if let password = message.password { return try ask(password: password, of: message) }
            if let answer = message.msCHAP2Response { return try ask(answer: answer, of: message) }
            throw .unexpected("no authentication inside EAP-TTLS")
        case .eap(let inner):
            guard let packet = message.eap else { throw .unexpected("a message without EAP") }
            return try run(inner, .packet(packet), using: &random)
        default: throw .unexpected("a message inside EAP-TTLS out of turn")
        }
    }

    private mutating func run(
        _ inner: EAPServer,
        _ input: EAPServerInput,
        using random: inout some RandomNumberGenerator
    ) throws(EAPFailure) -> ServerStep {
        var inner = inner
        let action = inner.handle(input, using: &random)
        state = .eap(inner)
        switch action {
        case .send(let packet):
            guard tunnel.queue(TTLSAVP.bytes([TTLSAVP(.eapMessage, packet)])) else { throw .tls("nothing can be sent") }
            return .request(tunnel.flush())
        case .lookUp(let question): return .lookUp(question)
        case .verify: throw .unexpected("a certificate inside EAP-TTLS")
        case .succeeded(_, let success):
            return .done(try outcome(identity: success.identity, inner: .eap(success.method)))
        case .failed(_, let failure): throw failure
        }
    }

    private mutating func ask(password: SecretBytes, of message: TTLSMessage) throws(EAPFailure) -> ServerStep {
        guard settings.innerMethods.contains(.pap) else { throw .unexpected("PAP inside EAP-TTLS is not allowed here") }
        let identity = try message.identity()
        state = .pap(identity: identity, password)
        return .lookUp(EAPCredentialQuestion(identity: identity, method: .ttls, presented: password))
    }

    private mutating func ask(answer: [UInt8], of message: TTLSMessage) throws(EAPFailure) -> ServerStep {
        guard settings.innerMethods.contains(.mschapv2) else {
            throw .unexpected("MS-CHAP-V2 inside EAP-TTLS is not allowed here")
        }
        let identity = try message.identity()
        let (ident, challenge, response) = try TTLSMSCHAPv2.parse(answer)
        // RFC 5281 §11.2.4: the challenge and the Ident must be those of this session.
        guard let own = TTLSMSCHAPv2(tunnel.engine), message.msCHAPChallenge == own.challenge, ident == own.ident else {
            throw .unexpected("a challenge of another session")
        }
        state = .mschapv2(identity: identity, peerChallenge: challenge, response: response)
        return .lookUp(EAPCredentialQuestion(identity: identity, method: .mschapv2, presented: nil))
    }

    mutating func answer(
        _ credential: EAPCredential,
        identifier: UInt8,
        using random: inout some RandomNumberGenerator
    ) -> ServerStep {
        do throws(EAPFailure) {
            switch state {
            case .eap(let inner): return try run(inner, .credential(credential), using: &random)
            case .pap(let identity, let password):
                guard PasswordCheck.isRight(password, credential) else { throw .wrongPassword(identity: identity) }
                return .done(try outcome(identity: identity, inner: .pap))
            case .mschapv2(let identity, let peerChallenge, let response):
                guard let own = TTLSMSCHAPv2(tunnel.engine),
                    let hash = MSCHAPv2Hashes.passwordHash(credential),
                    let proof = own.proof(
                        name: identity,
                        passwordHash: hash,
                        peerChallenge: peerChallenge,
                        response: response
                    )
                else { throw .wrongPassword(identity: identity) }
                let success = try outcome(identity: identity, inner: .mschapv2)
                guard tunnel.queue(TTLSAVP.bytes([TTLSAVP(.msCHAP2Success, proof)])) else {
                    throw .tls("nothing can be sent")
                }
                state = .finishing(success)
                return .request(tunnel.flush())
            default: throw .unexpected("an answer about a user that was not asked for")
            }
        } catch {
            return .failed(error)
        }
    }

    private func outcome(identity: String, inner: TTLSInnerMethod) throws(EAPFailure) -> EAPSuccess {
        guard let key = tunnel.masterSessionKey() else { throw .tls("the session has no key") }
        return EAPSuccess(key: key, identity: identity, method: .ttls, inner: inner)
    }
}
