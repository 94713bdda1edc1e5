import Dataplane
import IKECrypto
import IKEv2
import IPsecTypes
import PacketIO

/// The inside of a shard: the IKE endpoint and what carries out its actions. It never leaves the shard's thread.
public final class ShardCore {
    private var endpoint: IKEEndpoint
    private let tools: ShardTools
    private let dataplane: any ShardDataplane
    private weak var delegate: (any ShardDelegate)?
    private var privateKeys: [KeyExchangeHandle: KeyExchangePrivateKey] = [:]
    private var random = SystemRandom()
    private var actions: [IKEAction] = []
    private var inbox: [InboxItem] = []
    private var pending: [IKEEvent] = []
    private var isRunning = false

    /// Ephemeral private keys held at once: one a half-open or rekeying IKE SA; more means a leak.
    private static let privateKeyLimit = 65536

    /// Items taken from the data plane before answers and timers get their turn.
    private static let inboxBatch = 256

    init(endpoint: consuming IKEEndpoint, tools: ShardTools, dataplane: any ShardDataplane) {
        self.endpoint = endpoint
        self.tools = tools
        self.dataplane = dataplane
    }

    func attach(_ delegate: any ShardDelegate) { self.delegate = delegate }

    /// The monotonic clock as this shard sees it.
    public var now: Instant { SystemClock.now }

    /// All IKE SAs, oldest first.
    public var statuses: [IKESAStatus] { endpoint.statuses() }

    /// One IKE SA; nil when it is gone.
    public func status(_ id: IKESAID) -> IKESAStatus? { endpoint.status(id) }

    /// Counters of the endpoint.
    public var statistics: IKEStatistics { endpoint.statistics }

    /// IKE SAs that peers began and have not authenticated.
    public var halfOpenCount: Int { endpoint.halfOpenCount }

    /// Counters of a Child SA.
    public func counters(_ spi: SPI) -> SACounters? { dataplane.counters(spi) }

    /// Replaces the key oracle and the verifier, at a reload.
    public func replace(oracle: any KeyOracle, authenticator: any PeerAuthenticator) {
        tools.replace(oracle: oracle, authenticator: authenticator)
    }

    /// Gives the endpoint a command and carries out what follows.
    @discardableResult
    public func perform(_ command: IKECommand) -> IKESAID? {
        let id = endpoint.perform(
            command,
            now: SystemClock.now,
            wallClock: SystemClock.wall,
            using: &random,
            into: &actions
        )
        run()
        return id
    }

    /// Replaces the keys of an IKE SA or of all its Child SAs.
    public func rekey(_ id: IKESAID, ike: Bool) {
        guard !ike else {
            perform(.rekeyIKE(id))
            return
        }
        for child in status(id)?.children ?? [] where child.phase == .installed {
            perform(.rekeyChild(id, child.inboundSPI))
        }
    }

    var nextDeadline: Instant? {
        switch (endpoint.nextDeadline, delegate?.nextDeadline) {
        case (let a?, let b?): min(a, b)
        case (let a?, nil): a
        case (nil, let b): b
        }
    }

    func handleTimeouts() {
        let now = SystemClock.now
        if let due = endpoint.nextDeadline, due <= now {
            endpoint.handleTimeout(now: now, wallClock: SystemClock.wall, using: &random, into: &actions)
            run()
        }
        if let due = delegate?.nextDeadline, due <= now { delegate?.handleTimeout(shard: self) }
    }

    func drainDataplane() {
        inbox.removeAll(keepingCapacity: true)
        dataplane.drainInbox(into: &inbox, limit: Self.inboxBatch)
        for item in inbox {
            switch item {
            case .ike(let bytes, let path):
                endpoint.receive(
                    bytes,
                    path: path,
                    now: SystemClock.now,
                    wallClock: SystemClock.wall,
                    using: &random,
                    into: &actions
                )
                run()
            case .event(let event):
                handle(.backend(event))
            }
        }
    }

    /// Takes the answer to an action.
    func handle(_ event: IKEEvent) {
        pending.append(event)
        run()
    }

    func keep(_ key: KeyExchangePrivateKey, as handle: KeyExchangeHandle) -> Bool {
        guard privateKeys.count < Self.privateKeyLimit else { return false }
        privateKeys[handle] = key
        return true
    }

    /// Carries out actions in order, then answers that were ready at once, until nothing is left. Calls from inside (a
    /// delegate's command) only add to the lists.
    private func run() {
        guard !isRunning else { return }
        isRunning = true
        defer { isRunning = false }
        while true {
            var index = 0
            while index < actions.count {
                carryOut(actions[index])
                index += 1
            }
            actions.removeAll(keepingCapacity: true)
            guard !pending.isEmpty else { return }
            let event = pending.removeFirst()
            endpoint.handle(
                event,
                now: SystemClock.now,
                wallClock: SystemClock.wall,
                using: &random,
                into: &actions
            )
        }
    }

    private func carryOut(_ action: IKEAction) {
        switch action {
        case .send(let bytes, let path): dataplane.sendIKE(bytes, path: path)
        case .sendKeepalive(let path): dataplane.sendKeepalive(path)
        case .generateKeyExchange(let operation, let method):
            tools.generate(
                operation,
                method,
                urgent: endpoint.isForEstablished(operation)
            )
        case .encapsulateKeyExchange(let operation, let method, let peerPublic):
            tools.encapsulate(operation, method, peerPublic, urgent: endpoint.isForEstablished(operation))
        case .computeSharedSecret(let operation, let handle, _, let peerPublic):
            let key = privateKeys.removeValue(forKey: handle)
            if let key {
                tools.agree(operation, key, peerPublic, urgent: endpoint.isForEstablished(operation))
            } else {
                pending.append(.sharedSecretComputed(operation, nil))
            }
        case .mixPPK(let operation, let request): pending.append(.ppkMixed(operation, tools.mix(request)))
        case .discardKeyExchange(let handle): privateKeys[handle] = nil
        case .sign(let operation, let request):
            tools.sign(operation, request, urgent: endpoint.isForEstablished(operation))
        case .provePreSharedKey(let operation, let request):
            pending.append(.preSharedKeyProof(operation, tools.prove(request)))
        case .verifyPreSharedKey(let operation, let request, let claimed):
            pending.append(.preSharedKeyVerified(operation, tools.verify(request, claimed: claimed)))
        case .verifyPeer(let operation, let request): tools.verify(operation, request, SystemClock.wall)
        case .authorize(let operation, let request):
            let refusal = AuthorizationDecision.deny(reason: "shutting down", .authenticationFailed)
            let decision =
                delegate?.authorize(request, now: SystemClock.now, wallClock: SystemClock.wall) ?? refusal
            pending.append(.authorized(operation, decision))
        case .solvePuzzle(let operation, let request): tools.solve(operation, request)
        case .report(let report): delegate?.observe(report, shard: self)
        case .revalidatePeer(let operation, let request): tools.revalidate(operation, request, SystemClock.wall)
        case .keepTicket(let id, let ticket): delegate?.keep(ticket, of: id)
        case .dropTicket(let id): delegate?.dropTicket(of: id)
        case .eapServer, .eapPeer, .eapEnd: tools.carryOutEAP(action)
        case .installChild, .activateOutbound, .deactivateOutbound, .removeChild, .updatePath, .queryActivity:
            carryOutBackend(action)
        }
    }

    private func carryOutBackend(_ action: IKEAction) {
        // A class constraint lets a local copy of the reference call the protocol's mutating members.
        var backend = dataplane
        switch action {
        case .installChild(_, let parameters, let sendNow):
            do throws(SABackendError) {
                try backend.install(parameters, sendNow: sendNow)
            } catch {
                pending.append(.installFailed(parameters.inboundSPI, reason: "\(error)"))
            }
        case .activateOutbound(let spi): try? backend.activateOutbound(spi)
        case .deactivateOutbound(let spi): try? backend.deactivateOutbound(spi)
        case .removeChild(let spi): backend.remove(spi)
        case .updatePath(let spi, let path, let udpEncapsulation):
            try? backend.updatePath(spi, path: path, udpEncapsulation: udpEncapsulation)
        case .queryActivity(let id, let spis):
            let last = spis.compactMap { backend.counters($0)?.lastInbound }.max()
            pending.append(.activity(id, lastInbound: last))
        // The caller names the backend's actions; the compiler sees there that none is forgotten.
        default: break
        }
    }
}
