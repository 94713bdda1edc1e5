import IPsecTypes

/// EAP-TTLSv0 at the peer (RFC 5281). Nothing about the user leaves before the server's certificate was accepted.
struct TTLSPeer: PeerMethod {
    private enum State: Sendable {
        case idle
        case handshaking
        case judging
        case eap(EAPPeer)
        /// The server's proof is to come.
        case mschapv2(proof: [UInt8])
        /// What was to be said has been said.
        case done
    }

    private var tunnel: TLSTunnel
    private let settings: EAPPeerSettings
    private let wallClock: WallTime
    private var state = State.idle
    private var serverName = ""
    private(set) var outcome: EAPSuccess?
    private var innerFailure: EAPFailure?
    var failure: EAPFailure? { tunnel.failure ?? innerFailure }

    init(engine: any TLSEngine, settings: EAPPeerSettings, wallClock: WallTime) {
        tunnel = TLSTunnel(engine, method: .ttls, isServer: false, packetSize: settings.packetSize)
        self.settings = settings
        self.wallClock = wallClock
    }

    mutating func receive(_ data: [UInt8], using random: inout some RandomNumberGenerator) -> PeerStep {
        do throws(EAPFailure) {
            guard case .idle = state else { return try step(tunnel.receive(data), using: &random) }
            // A server of a later version offers it here, and version 0 is what we answer with (RFC 5281 §9.2.1). The hints
            // that a start may carry (§9.2) are for clients with several servers to tell apart.
            let hello = try tunnel.begin(data) { !$0.hasMore }
            state = .handshaking
            return try step(hello, using: &random)
        } catch {
            return .failed(error)
        }
    }

    private mutating func step(
        _ progress: TLSTunnel.Progress,
        using random: inout some RandomNumberGenerator
    ) throws(EAPFailure) -> PeerStep {
        switch progress {
        case .send(let data): return .response(data)
        case .nothing: throw .unexpected("an empty EAP-TTLS request")
        case .established(let plaintext):
            guard plaintext.isEmpty else { throw .unexpected("data before the user's") }
            state = .judging
            return .verify(tunnel.question())
        case .plaintext(let plaintext):
            // Records of TLS's own, such as an unwanted ticket.
            if plaintext.isEmpty { return .response(tunnel.flush()) }
            return try inside(TTLSMessage(plaintext), using: &random)
        }
    }

    mutating func judge(
        _ verdict: EAPCertificateVerdict,
        using random: inout some RandomNumberGenerator
    ) -> PeerStep {
        guard case .judging = state else {
            return .failed(.unexpected("an answer about a certificate that was not asked for"))
        }
        switch verdict {
        case .refused(let reason): return .failed(.certificate(reason))
        case .accepted(let identity):
            serverName = identity
            do throws(EAPFailure) {
                return try begin(using: &random)
            } catch {
                return .failed(error)
            }
        }
    }

    /// The first message inside: the peer begins (RFC 5281 §11).
    private mutating func begin(using random: inout some RandomNumberGenerator) throws(EAPFailure) -> PeerStep {
        guard let inner = settings.innerMethods.first else { throw .notConfigured("EAP-TTLS without an inner method") }
        guard let password = settings.password else { throw .notConfigured("EAP-TTLS without a password") }
        let name = Array(settings.identity.utf8)
        switch inner {
        case .eap:
            let methods = settings.innerMethods.compactMap { if case .eap(let type) = $0 { type } else { nil } }
            let peer = EAPPeer(inside: settings, methods: methods, wallClock: wallClock)
            let packet = peer.introduction()
            state = .eap(peer)
            return try say([TTLSAVP(.eapMessage, packet)])
        case .pap:
            // Zeros up to a multiple of 16 hide the length (RFC 5281 §11.2.5).
            var octets = password.withUnsafeBytes { Array($0) }
            defer { octets.wipe() }
            let padding = (16 &- octets.count % 16) % 16
            octets += [UInt8](repeating: 0, count: padding)
            state = .done
            outcome = try success(inner: .pap)
            return try say([TTLSAVP(.userName, name), TTLSAVP(.userPassword, octets)])
        case .mschapv2:
            guard let exchange = TTLSMSCHAPv2(tunnel.engine),
                let hash = MSCHAPv2Hashes.passwordHash(password),
                let (avps, proof) = exchange.answer(
                    name: settings.identity,
                    passwordHash: hash,
                    peerChallenge: randomBytes(16, using: &random)
                )
            else { throw .notConfigured("the password makes no response") }
            state = .mschapv2(proof: proof)
            return try say(avps)
        }
    }

    private mutating func inside(
        _ message: TTLSMessage,
        using random: inout some RandomNumberGenerator
    ) throws(EAPFailure) -> PeerStep {
        switch state {
        case .eap(var peer):
            guard let packet = message.eap else { throw .unexpected("a message without EAP") }
            let action = peer.handle(.packet(packet), using: &random)
            state = .eap(peer)
            switch action {
            case .send(let response):
                innerFailure = peer.methodFailure
                if let inner = peer.methodOutcome { outcome = try success(inner: .eap(inner.method)) }
                return try say([TTLSAVP(.eapMessage, response)])
            // Some servers send EAP Success inside as well; the outer one is yet to come.
            case .succeeded: return .response(tunnel.flush())
            case .failed(let failure): throw failure
            case .verify: throw .unexpected("a certificate inside EAP-TTLS")
            }
        case .mschapv2(let proof):
            if let error = message.msCHAPError { throw .refused(MSCHAPv2Refusal(Array(error.dropFirst())).description) }
            guard let claimed = message.msCHAP2Success, constantTimeEqual(claimed.prefix(proof.count), proof) else {
                throw .serverUnproven
            }
            state = .done
            outcome = try success(inner: .mschapv2)
            return .response(tunnel.flush())
        default: throw .unexpected("a message inside EAP-TTLS out of turn")
        }
    }

    private mutating func say(_ avps: [TTLSAVP]) throws(EAPFailure) -> PeerStep {
        guard tunnel.queue(TTLSAVP.bytes(avps)) else { throw .tls("nothing can be sent") }
        return .response(tunnel.flush())
    }

    private func success(inner: TTLSInnerMethod) throws(EAPFailure) -> EAPSuccess {
        guard let key = tunnel.masterSessionKey() else { throw .tls("the session has no key") }
        return EAPSuccess(
            key: key,
            identity: serverName,
            method: .ttls,
            inner: inner,
            chain: tunnel.engine.peerChain
        )
    }
}
