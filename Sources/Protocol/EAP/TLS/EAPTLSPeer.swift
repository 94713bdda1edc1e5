import IPsecTypes

/// EAP-TLS at the peer (RFC 5216; with TLS 1.3, RFC 9190).
struct EAPTLSPeer: PeerMethod {
    private enum State: Sendable {
        case idle
        case handshaking
        case judging
        /// TLS 1.3: the server has not yet said that it is content (RFC 9190 §2.5).
        case committing(EAPSuccess)
        case done
    }

    private var tunnel: TLSTunnel
    private var state = State.idle
    private(set) var outcome: EAPSuccess?
    var failure: EAPFailure? { tunnel.failure }

    init(engine: any TLSEngine, packetSize: Int) {
        tunnel = TLSTunnel(engine, method: .tls, isServer: false, packetSize: packetSize)
    }

    mutating func receive(_ data: [UInt8], using random: inout some RandomNumberGenerator) -> PeerStep {
        do throws(EAPFailure) {
            guard case .idle = state else { return try step(tunnel.receive(data)) }
            let hello = try tunnel.begin(data) { $0.data.isEmpty }
            state = .handshaking
            return try step(hello)
        } catch {
            return .failed(error)
        }
    }

    private mutating func step(_ progress: TLSTunnel.Progress) throws(EAPFailure) -> PeerStep {
        switch progress {
        case .send(let data): return .response(data)
        case .nothing: throw .unexpected("an empty EAP-TLS request")
        case .established(let plaintext):
            guard plaintext.isEmpty else { throw .unexpected("data inside EAP-TLS") }
            state = .judging
            return .verify(tunnel.question())
        case .plaintext(let plaintext):
            guard case .committing(let success) = state else { throw .unexpected("data inside EAP-TLS") }
            // Records of TLS's own may come before the commitment: an unwanted ticket, for one.
            if plaintext == [0] {
                outcome = success
                state = .done
            } else if !plaintext.isEmpty {
                throw .unexpected("data inside EAP-TLS")
            }
            return .response(tunnel.flush())
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
            guard let key = tunnel.masterSessionKey() else { return .failed(.tls("the session has no key")) }
            let success = EAPSuccess(
                key: key,
                identity: identity,
                method: .tls,
                inner: nil,
                chain: tunnel.engine.peerChain
            )
            if tunnel.engine.version == .tls13 {
                state = .committing(success)
            } else {
                outcome = success
                state = .done
            }
            // With TLS 1.3 our certificate and Finished, with 1.2 an acknowledgement of the server's.
            return .response(tunnel.flush())
        }
    }
}
