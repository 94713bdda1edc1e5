import IKECrypto
import IKEv2
import IPsecTypes
import PacketIO
import Synchronization

/// What a shard asks of the bounded pool: key generation, agreement, signatures, verification. Answers come back through
/// the shard's mailbox; a full pool answers at once that it failed.
final class ShardTools: Sendable {
    private struct Trust: Sendable {
        var oracle: any KeyOracle
        var authenticator: any PeerAuthenticator
    }

    private let crypto: any CryptoProvider
    private let pool: BoundedPool
    private let eap: any EAPDesk
    private let mailbox: Mailbox<ShardMessage>
    private let trust: Mutex<Trust>
    private let nextHandle = Atomic<UInt64>(1)

    init(
        crypto: any CryptoProvider,
        oracle: any KeyOracle,
        authenticator: any PeerAuthenticator,
        pool: BoundedPool,
        eap: any EAPDesk,
        mailbox: Mailbox<ShardMessage>
    ) {
        self.crypto = crypto
        self.pool = pool
        self.eap = eap
        self.mailbox = mailbox
        trust = Mutex(Trust(oracle: oracle, authenticator: authenticator))
    }

    func replace(oracle: any KeyOracle, authenticator: any PeerAuthenticator) {
        trust.withLock { $0 = Trust(oracle: oracle, authenticator: authenticator) }
    }

    func generate(_ operation: OperationID, _ method: KeyExchangeMethod, urgent: Bool) {
        make(operation, urgent) { crypto in try? crypto.generateKeyExchange(method) }
    }

    func encapsulate(
        _ operation: OperationID,
        _ method: KeyExchangeMethod,
        _ peerPublic: [UInt8],
        urgent: Bool
    ) {
        make(operation, urgent) { crypto in try? crypto.encapsulate(method, peerValue: peerPublic) }
    }

    private func make(
        _ operation: OperationID,
        _ urgent: Bool,
        _ key: @escaping @Sendable (any CryptoProvider) -> KeyExchangePrivateKey?
    ) {
        let handle = KeyExchangeHandle(rawValue: nextHandle.add(1, ordering: .relaxed).oldValue)
        let queued = pool.submit(urgent: urgent) { [self] in
            guard let key = key(crypto) else {
                mailbox.post(.answer(.keyExchangeGenerated(operation, handle: nil, publicValue: [])))
                return
            }
            mailbox.post(.generated(operation, handle, key))
        }
        if !queued { mailbox.post(.answer(.keyExchangeGenerated(operation, handle: nil, publicValue: []))) }
    }

    func agree(_ operation: OperationID, _ key: KeyExchangePrivateKey, _ peerPublic: [UInt8], urgent: Bool) {
        let queued = pool.submit(urgent: urgent) { [self] in
            let secret = try? crypto.sharedSecret(key, peerValue: peerPublic)
            mailbox.post(.answer(.sharedSecretComputed(operation, secret)))
        }
        if !queued { mailbox.post(.answer(.sharedSecretComputed(operation, nil))) }
    }

    func sign(_ operation: OperationID, _ request: SignRequest, urgent: Bool) {
        let oracle = trust.withLock { $0.oracle }
        let queued = pool.submit(urgent: urgent) { [self] in
            mailbox.post(.answer(.signed(operation, oracle.sign(request))))
        }
        if !queued { mailbox.post(.answer(.signed(operation, nil))) }
    }

    func prove(_ request: PreSharedKeyRequest) -> [UInt8]? {
        trust.withLock { $0.oracle }.prove(request)
    }

    func mix(_ request: PPKRequest) -> PPKKeys? {
        trust.withLock { $0.oracle }.mix(request)
    }

    func verify(_ request: PreSharedKeyRequest, claimed: [UInt8]) -> Bool {
        trust.withLock { $0.oracle }.verify(request, claimed: claimed)
    }

    func revalidate(_ operation: OperationID, _ request: PeerRevalidationRequest, _ wallClock: WallTime) {
        guard request.eap == nil else {
            return eap.review(request, wallClock: wallClock) { [mailbox] result in
                mailbox.post(.answer(.peerVerified(operation, result)))
            }
        }
        let authenticator = trust.withLock { $0.authenticator }
        let queued = pool.submit { [self] in
            let result = authenticator.revalidate(request, wallClock: wallClock)
            mailbox.post(.answer(.peerVerified(operation, result)))
        }
        if !queued { mailbox.post(.answer(.peerVerified(operation, .refused(reason: "too many verifications wait")))) }
    }

    func verify(_ operation: OperationID, _ request: PeerVerificationRequest, _ wallClock: WallTime) {
        let authenticator = trust.withLock { $0.authenticator }
        let queued = pool.submit { [self] in
            let result = authenticator.verify(request, wallClock: wallClock)
            mailbox.post(.answer(.peerVerified(operation, result)))
        }
        if !queued { mailbox.post(.answer(.peerVerified(operation, .refused(reason: "too many verifications wait")))) }
    }

    /// EAP: the desk answers when it can.
    func carryOutEAP(_ action: IKEAction) {
        let (now, wallClock) = (SystemClock.now, SystemClock.wall)
        switch action {
        case .eapServer(let operation, let request):
            eap.step(request, now: now, wallClock: wallClock) { [mailbox] step in
                mailbox.post(.answer(.eapServerStepped(operation, step)))
            }
        case .eapPeer(let operation, let request):
            eap.step(request, now: now, wallClock: wallClock) { [mailbox] step in
                mailbox.post(.answer(.eapPeerStepped(operation, step)))
            }
        case .eapEnd(let session): eap.end(session)
        // The caller names EAP's actions; the compiler sees there that none is forgotten.
        default: break
        }
    }

    /// Solves a puzzle of a responder under attack.
    func solve(_ operation: OperationID, _ request: PuzzleRequest) {
        let queued = pool.submit { [self] in
            let keys = Puzzle.solve(
                subject: request.subject,
                prf: request.prf,
                difficulty: request.difficulty,
                attempts: Puzzle.attempts(for: request.difficulty),
                provider: crypto
            )
            mailbox.post(.answer(.puzzleSolved(operation, keys)))
        }
        if !queued { mailbox.post(.answer(.puzzleSolved(operation, nil))) }
    }
}
