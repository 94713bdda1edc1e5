import IKECrypto
import IKEMessage
import IKEv2
import IPsecTypes

/// A small generator with a seed.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// A datagram on its way.
struct Packet {
    var bytes: [UInt8]
    /// As the sender sees it.
    var path: Path
    var sender: String

    var header: IKEHeader? { try? IKEHeader.parse(bytes.span) }
    var isResponse: Bool { header?.flags.contains(.response) ?? false }
    var summary: String {
        guard let header else { return "?" }
        return "\(sender) \(header.exchangeType) \(header.messageID)\(isResponse ? " response" : "")"
    }
}

/// A Child SA as the data plane of a node has it.
struct Installed {
    var parameters: ChildSAParameters
    var sends: Bool
}

/// One endpoint with a driver that does at once what the endpoint asks for.
final class Node {
    let name: String
    var endpoint: IKEEndpoint
    let crypto: any CryptoProvider
    var random: SplitMix64
    var keys: [KeyExchangeHandle: KeyExchangePrivateKey] = [:]
    var puzzles: [PuzzleRequest] = []
    var solvesPuzzles = true
    var preSharedKeys: [String: SecretBytes] = [:]
    /// How often a post-quantum one was used.
    var mixes = 0
    /// Post-quantum ones.
    var ppks: [String: SecretBytes] = [:]
    var reports: [IKEReport] = []
    var tickets: [IKESAID: SessionTicket] = [:]
    /// What a resumption finds of the peer's certificates.
    var revalidation: PeerVerification?
    var installed: [SPI: Installed] = [:]
    var keepalives: [Path] = []
    var outbox: [Packet] = []
    var lastInboundTraffic: Instant?
    /// Answers to operations wait here while this is set.
    var holdsOperations = false
    var heldEvents: [IKEEvent] = []
    var answersActivity = true
    var authorizations: [AuthorizationRequest] = []
    var eap = EAPDouble()
    var signRequests: [SignRequest] = []
    /// When every certificate ends.
    var certificateEnd: WallTime?
    var authorizer: (AuthorizationRequest) -> AuthorizationDecision = { request in
        .allow(
            AuthorizationGrant(
                owner: ChildSAOwner(session: "s-\(request.identity)", ruleIndices: [1]),
                localSelectors: [.everything(.v4), .everything(.v6)],
                remoteSelectors: [.everything(.v4), .everything(.v6)]
            )
        )
    }
    var status: IKESAStatus? { endpoint.statuses().first }
    var verbose = false
    private var lastHandle: UInt64 = 0

    init(_ name: String, _ configuration: IKEConfiguration, seed: UInt64, crypto: any CryptoProvider) {
        self.name = name
        self.crypto = crypto
        random = SplitMix64(state: seed)
        var configuration = configuration
        // Tests let a peer fail ten thousand times in no time; AdmissionTests are about what that costs it.
        configuration.limits.failureMemory = .zero
        configuration.limits.cookieDemandMemory = .zero
        endpoint = IKEEndpoint(
            configuration: configuration,
            crypto: crypto,
            spis: SPIAllocator(node: 1, shard: 0, key: (seed, ~seed), start: seed &* 7)
        )
    }

    /// Loses everything but its random source.
    func restart(_ configuration: IKEConfiguration) {
        endpoint = IKEEndpoint(
            configuration: configuration,
            crypto: crypto,
            spis: SPIAllocator(node: 1, shard: 0, key: (random.next(), random.next()), start: random.next())
        )
        keys = [:]
        installed = [:]
        outbox = []
        heldEvents = []
    }

    func log(_ now: Instant, _ text: String) { print("\(now.nanoseconds / 1_000_000) \(name) \(text)") }

    private func brief(_ report: IKEReport) -> String {
        switch report {
        case .childEstablished(_, let child): "childEstablished \(child.inboundSPI)/\(child.outboundSPI) \(child.name)"
        case .childRekeyed(_, let old, let child): "childRekeyed \(old) -> \(child.inboundSPI)/\(child.outboundSPI)"
        case .childClosed(_, let child, let reason): "childClosed \(child.inboundSPI)/\(child.outboundSPI) \(reason)"
        case .ikeRekeyed(let status): "ikeRekeyed \(status.initiatorSPI) \(status.responderSPI)"
        case .closed(_, let reason): "closed \(reason)"
        case .established: "established"
        case .dropped, .retransmitting: "\(report)".prefix(60).description
        default: "\(report)"
        }
    }

    func receive(_ bytes: [UInt8], _ path: Path, _ now: Instant, _ wall: WallTime) {
        if verbose { log(now, "<- \(Packet(bytes: bytes, path: path, sender: "").summary) \(bytes.count)") }
        var actions: [IKEAction] = []
        endpoint.receive(bytes, path: path, now: now, wallClock: wall, using: &random, into: &actions)
        perform(actions, now, wall)
    }

    func handle(_ event: IKEEvent, _ now: Instant, _ wall: WallTime) {
        var actions: [IKEAction] = []
        endpoint.handle(event, now: now, wallClock: wall, using: &random, into: &actions)
        perform(actions, now, wall)
    }

    func timeout(_ now: Instant, _ wall: WallTime) {
        var actions: [IKEAction] = []
        endpoint.handleTimeout(now: now, wallClock: wall, using: &random, into: &actions)
        perform(actions, now, wall)
    }

    @discardableResult
    func command(_ command: IKECommand, _ now: Instant, _ wall: WallTime) -> IKESAID? {
        if verbose { log(now, "command \(command)".prefix(100).description) }
        var actions: [IKEAction] = []
        let id = endpoint.perform(command, now: now, wallClock: wall, using: &random, into: &actions)
        perform(actions, now, wall)
        return id
    }

    private func perform(_ actions: [IKEAction], _ now: Instant, _ wall: WallTime) {
        for action in actions {
            if let event = answer(action, now) {
                if holdsOperations { heldEvents.append(event) } else { handle(event, now, wall) }
            }
        }
    }

    /// Releases the oldest held answer.
    func releaseOne(_ now: Instant, _ wall: WallTime) {
        guard !heldEvents.isEmpty else { return }
        handle(heldEvents.removeFirst(), now, wall)
    }

    private func answer(_ action: IKEAction, _ now: Instant) -> IKEEvent? {
        switch action {
        case .send(let bytes, let path):
            outbox.append(Packet(bytes: bytes, path: path, sender: name))
        case .sendKeepalive(let path): keepalives.append(path)
        case .generateKeyExchange(let id, let method): return keep(id, try? crypto.generateKeyExchange(method))
        case .encapsulateKeyExchange(let id, let method, let peerPublic):
            return keep(id, try? crypto.encapsulate(method, peerValue: peerPublic))
        case .computeSharedSecret(let id, let handle, _, let peerPublic):
            guard let key = keys.removeValue(forKey: handle) else { return .sharedSecretComputed(id, nil) }
            return .sharedSecretComputed(id, try? crypto.sharedSecret(key, peerValue: peerPublic))
        case .mixPPK(let id, let request):
            mixes += 1
            let mixed = ppks[request.key.name].flatMap {
                try? IKEKeySchedule(provider: crypto).mixed(request.keys, prf: request.prf, ppk: $0)
            }
            return .ppkMixed(id, mixed)
        case .discardKeyExchange(let handle): keys[handle] = nil
        case .sign(let id, let request): return sign(id, request)
        case .provePreSharedKey(let id, let request):
            return .preSharedKeyProof(id, mac(request))
        case .verifyPreSharedKey(let id, let request, let claimed):
            return .preSharedKeyVerified(id, mac(request).map { constantTimeEqual($0, claimed) } ?? false)
        case .verifyPeer(let id, let request): return .peerVerified(id, verify(request))
        case .authorize(let id, let request):
            authorizations.append(request)
            return .authorized(id, authorizer(request))
        case .installChild(_, let parameters, let sendNow):
            installed[parameters.inboundSPI] = Installed(parameters: parameters, sends: sendNow)
        case .activateOutbound(let spi): installed[spi]?.sends = true
        case .deactivateOutbound(let spi): installed[spi]?.sends = false
        case .removeChild(let spi): installed[spi] = nil
        case .updatePath(let spi, let path, let encapsulated):
            installed[spi]?.parameters.path = path
            installed[spi]?.parameters.udpEncapsulation = encapsulated
        case .solvePuzzle(let id, let request):
            puzzles.append(request)
            return .puzzleSolved(
                id,
                solvesPuzzles
                    ? Puzzle.solve(
                        subject: request.subject,
                        prf: request.prf,
                        difficulty: request.difficulty,
                        attempts: Puzzle.attempts(for: request.difficulty),
                        provider: crypto
                    ) : nil
            )
        case .queryActivity(let id, _):
            return answersActivity ? .activity(id, lastInbound: lastInboundTraffic) : nil
        case .eapServer(let id, let request): return .eapServerStepped(id, eap.step(request))
        case .eapPeer(let id, let request): return .eapPeerStepped(id, eap.step(request))
        case .eapEnd(let session): eap.end(session)
        case .revalidatePeer(let id, let request): return .peerVerified(id, revalidate(request))
        case .keepTicket(let id, let ticket): tickets[id] = ticket
        case .dropTicket(let id): tickets[id] = nil
        case .report(let report):
            reports.append(report)
            if verbose { log(now, "\(brief(report))") }
        }
        return nil
    }

    private func keep(_ id: OperationID, _ key: KeyExchangePrivateKey?) -> IKEEvent {
        guard let key else {
            return .keyExchangeGenerated(id, handle: nil, publicValue: [])
        }
        lastHandle += 1
        let handle = KeyExchangeHandle(rawValue: lastHandle)
        keys[handle] = key
        return .keyExchangeGenerated(id, handle: handle, publicValue: key.publicValue)
    }

    private func revalidate(_ request: PeerRevalidationRequest) -> PeerVerification {
        if let revalidation { return revalidation }
        if let eap = request.eap { return .accepted(VerifiedPeer(notAfter: request.notAfter, eap: eap)) }
        guard let leaf = request.certificates.first,
            leaf == SimulatedCryptoProvider.publicKey(Array(request.identity.description.utf8))
        else { return .refused(reason: "the certificate has another name") }
        return .accepted(VerifiedPeer(leaf: leaf, attributes: ["subject": request.identity.description]))
    }

    private func mac(_ request: PreSharedKeyRequest) -> [UInt8]? {
        guard let secret = preSharedKeys[request.key.name] else { return nil }
        return try? crypto.sharedKeyAuthentication(request.prf, secret: secret, octets: request.octets)
    }

    /// The oracle: a simulated key has the name of its identity.
    private func sign(_ id: OperationID, _ request: SignRequest) -> IKEEvent {
        signRequests.append(request)
        let key = SimulatedCryptoProvider.signingKey(identity: Array(request.key.name.utf8))
        let signed = try? crypto.sign(request.octets, key: key, peerHashes: request.peerHashes, policy: request.policy)
        return .signed(
            id,
            signed.map {
                AuthenticationPayload(method: AuthenticationMethod(rawValue: $0.method.rawValue), data: $0.data)
            }
        )
    }

    /// The verifier: a certificate is the simulated public key of the identity it names, maybe with padding.
    private func verify(_ request: PeerVerificationRequest) -> PeerVerification {
        guard let leaf = request.certificates.first else { return .refused(reason: "no certificate") }
        let expected = SimulatedCryptoProvider.publicKey(Array(request.identity.description.utf8))
        guard leaf == expected else { return .refused(reason: "the certificate has another name") }
        let method = AuthMethod(rawValue: request.method.rawValue)
        guard let key = try? crypto.verificationKey(spkiDER: leaf),
            (try? crypto.verify(
                SignatureAuthentication(method: method, data: request.authentication),
                octets: request.octets,
                key: key,
                policy: request.policy
            )) != nil
        else { return .refused(reason: "the signature is wrong") }
        return .accepted(
            VerifiedPeer(leaf: leaf, notAfter: certificateEnd, attributes: ["subject": request.identity.description])
        )
    }
}
