import IPsecTypes

/// A TLS session inside EAP, at either end: what EAP-TLS and EAP-TTLS have in common.
struct TLSTunnel: Sendable {
    /// What Type-Data of the other side came to, where the conversation goes on.
    enum Progress: Sendable {
        /// As ``Event/send(_:)``.
        case send([UInt8])
        /// As ``Event/established(plaintext:)``.
        case established(plaintext: [UInt8])
        /// As ``Event/plaintext(_:)``.
        case plaintext([UInt8])
        /// As ``Event/nothing``.
        case nothing
    }

    /// What a packet amounted to.
    private enum Event: Sendable {
        /// Send this Type-Data: a fragment, an acknowledgement or a message of the handshake.
        case send([UInt8])
        /// The handshake is complete. What the engine has to say still waits for ``flush()``; `plaintext` came with it.
        case established(plaintext: [UInt8])
        /// The other side said this inside the session; empty for records that were TLS's own.
        case plaintext([UInt8])
        /// The other side acknowledged the last of our message and says nothing itself.
        case nothing
        /// The other side ended the session.
        case closed
        /// It is over.
        case failed(EAPFailure)
    }

    let engine: any TLSEngine
    private let method: EAPMethodType
    private let isServer: Bool
    private var channel: TLSMessageChannel
    private(set) var isEstablished = false
    /// Why the session failed, while the alert that says so is on its way.
    private(set) var failure: EAPFailure?

    init(_ engine: any TLSEngine, method: EAPMethodType, isServer: Bool, packetSize: Int) {
        self.engine = engine
        self.method = method
        self.isServer = isServer
        channel = TLSMessageChannel(packetSize: packetSize)
    }

    /// Takes the server's start, whose content `isPlain` judges, and gives the client's first message.
    mutating func begin(_ data: [UInt8], isPlain: (TLSFragment) -> Bool) throws(EAPFailure) -> Progress {
        let fragment = try TLSFragment(parsing: data)
        guard fragment.isStart, isPlain(fragment) else { throw .unexpected("\(name) without a start") }
        return try progress(advance([]))
    }

    /// Takes Type-Data after the start.
    mutating func receive(_ data: [UInt8]) throws(EAPFailure) -> Progress {
        let fragment = try TLSFragment(parsing: data)
        guard !fragment.isStart else {
            throw .unexpected(isServer ? "a TLS start from the peer" : "a second start of \(name)")
        }
        return try progress(receive(fragment))
    }

    private func progress(_ event: Event) throws(EAPFailure) -> Progress {
        switch event {
        case .send(let data): return .send(data)
        case .established(let plaintext): return .established(plaintext: plaintext)
        case .plaintext(let plaintext): return .plaintext(plaintext)
        case .nothing: return .nothing
        case .failed(let failure): throw failure
        case .closed: throw .tls("the \(isServer ? "peer" : "server") closed the session")
        }
    }

    private var name: String { method == .ttls ? "EAP-TTLS" : "EAP-TLS" }

    /// The other side's certificate is to be judged.
    func question(claimed: String = "") -> EAPCertificateQuestion {
        EAPCertificateQuestion(chain: engine.peerChain, claimed: claimed, isServer: !isServer)
    }

    /// The next fragment of what is to be sent, or an acknowledgement.
    mutating func flush() -> [UInt8] { channel.next().bytes }

    /// Encrypts and queues; false when TLS refuses.
    mutating func queue(_ plaintext: [UInt8]) -> Bool {
        guard let records = engine.encrypt(plaintext) else { return false }
        channel.queue(records)
        return true
    }

    private mutating func receive(_ fragment: TLSFragment) -> Event {
        // RFC 5281 §9.2.1: version 0 is the one that was agreed on; in EAP-TLS the bits are reserved and passed over.
        guard method != .ttls || fragment.version == 0 else { return .failed(.unexpected("a version of EAP-TTLS")) }
        do throws(EAPFailure) {
            switch try channel.receive(fragment) {
            case .part, .wantsNext: return .send(flush())
            case .nothing:
                if let failure { return .failed(failure) }
                return .nothing
            case .message(let message):
                if let failure { return .failed(failure) }
                return advance(message)
            }
        } catch {
            return .failed(error)
        }
    }

    private mutating func advance(_ message: [UInt8]) -> Event {
        let progress = engine.receive(message)
        channel.queue(progress.output)
        switch progress.state {
        case .failed(let reason):
            let why = EAPFailure.tls(reason)
            failure = why
            // RFC 5216 §2.1.3: the alert goes out before EAP ends, and a peer that is told one answers with nothing, so that
            // the server can end the conversation.
            return channel.hasOutput || !isServer ? .send(flush()) : .failed(why)
        case .closed: return .closed
        case .handshaking:
            guard channel.hasOutput else { return .failed(.tls("the handshake stands still")) }
            return .send(flush())
        case .established:
            guard progress.plaintext.count <= EAPLimits.tlsMessage else {
                return .failed(
                    .tooLarge(what: "a TLS message", count: progress.plaintext.count, limit: EAPLimits.tlsMessage)
                )
            }
            guard isEstablished else {
                isEstablished = true
                return .established(plaintext: progress.plaintext)
            }
            return .plaintext(progress.plaintext)
        }
    }

    /// The MSK: the first 64 octets of the key material of RFC 5216 §2.3, RFC 5281 §8 or, with TLS 1.3, RFC 9190 §2.3
    /// with the method's type as context.
    func masterSessionKey() -> SecretBytes? {
        guard let version = engine.version else { return nil }
        let material: SecretBytes?
        if version == .tls13 {
            material = engine.exportKey(
                label: "EXPORTER_EAP_TLS_Key_Material",
                context: [method.rawValue],
                count: 128
            )
        } else {
            let label = method == .ttls ? "ttls keying material" : "client EAP encryption"
            material = engine.exportKey(label: label, context: nil, count: 128)
        }
        guard let material, material.count == 128 else { return nil }
        return material.slice(0, count: 64)
    }
}
