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
        let fragment: TLSFragment
        do throws(EAPFailure) {
            fragment = try TLSFragment(parsing: data)
        } catch {
            return .failed(error)
        }
        if case .idle = state {
            guard fragment.isStart, fragment.data.isEmpty else {
                return .failed(.unexpected("EAP-TLS without a start"))
            }
            state = .handshaking
            return step(tunnel.hello())
        }
        guard !fragment.isStart else { return .failed(.unexpected("a second start of EAP-TLS")) }
        return step(tunnel.receive(fragment))
    }

    private mutating func step(_ event: TLSTunnel.Event) -> PeerStep {
        switch event {
        case .send(let data): return .response(data)
        case .failed(let failure): return .failed(failure)
        case .closed: return .failed(.tls("the server closed the session"))
        case .nothing: return .failed(.unexpected("an empty EAP-TLS request"))
        case .established(let plaintext):
            guard plaintext.isEmpty else { return .failed(.unexpected("data inside EAP-TLS")) }
            state = .judging
            return .verify(EAPCertificateQuestion(chain: tunnel.engine.peerChain, claimed: "", isServer: true))
        case .plaintext(let plaintext):
            guard case .committing(let success) = state else {
                return .failed(.unexpected("data inside EAP-TLS"))
            }
            // Records of TLS's own may come before the commitment: an unwanted ticket, for one.
            if plaintext == [0] {
                outcome = success
                state = .done
            } else if !plaintext.isEmpty {
                return .failed(.unexpected("data inside EAP-TLS"))
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
