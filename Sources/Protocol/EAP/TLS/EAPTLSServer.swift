import IPsecTypes

/// EAP-TLS at the server (RFC 5216; with TLS 1.3, RFC 9190). Both ends show certificates.
struct EAPTLSServer: ServerMethod {
    private enum State: Sendable {
        case handshaking
        case judging
        /// The last message of ours is out; its acknowledgement ends the method.
        case finishing(EAPSuccess)
    }

    private var tunnel: TLSTunnel
    private let claimed: String
    private var state = State.handshaking

    init(engine: any TLSEngine, claimed: String, packetSize: Int) {
        tunnel = TLSTunnel(engine, method: .tls, isServer: true, packetSize: packetSize)
        self.claimed = claimed
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
                guard plaintext.isEmpty else { throw .unexpected("data inside EAP-TLS") }
                state = .judging
                // Before the client may believe that it is in: with TLS 1.2 our Finished still waits, with 1.3 the
                // commitment.
                return .verify(tunnel.question(claimed: claimed))
            case .plaintext: throw .unexpected("data inside EAP-TLS")
            case .nothing:
                guard case .finishing(let success) = state else { throw .unexpected("an empty EAP-TLS response") }
                return .done(success)
            }
        } catch {
            return .failed(error)
        }
    }

    mutating func judge(_ verdict: EAPCertificateVerdict) -> ServerStep {
        guard case .judging = state else {
            return .failed(.unexpected("an answer about a certificate that was not asked for"))
        }
        switch verdict {
        case .refused(let reason): return .failed(.certificate(reason))
        case .accepted(let identity):
            let chain = tunnel.engine.peerChain
            guard let key = tunnel.masterSessionKey(), !chain.isEmpty, !identity.isEmpty else {
                return .failed(.tls("the session has no key, no certificate or no identity"))
            }
            // RFC 9190 §2.1.1: one octet of zero says that no handshake message will follow.
            if tunnel.engine.version == .tls13, !tunnel.queue([0]) { return .failed(.tls("nothing can be sent")) }
            state = .finishing(EAPSuccess(key: key, identity: identity, method: .tls, inner: nil, chain: chain))
            return .request(tunnel.flush())
        }
    }
}
