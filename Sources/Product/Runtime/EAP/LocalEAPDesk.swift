import EAP
import IKEMessage
import IKEv2
import IPsecTypes
import PKI
import PacketIO
import Synchronization

/// EAP by methods of our own: as server for the users of a directory, as peer by an identity and its secrets.
///
/// Steps run on a bounded pool, because TLS and certificates take time; a full pool refuses.
public final class LocalEAPDesk: EAPDesk {
    /// A server's settings.
    public struct Server: Sendable {
        /// Methods, sizes, names.
        public var settings: EAPServerSettings
        /// TLS; nil without EAP-TLS and EAP-TTLS.
        public var engines: (any TLSEngineProvider)?
        /// The users.
        public var users: any EAPUserDirectory
        /// Judges clients of EAP-TLS; nil refuses them.
        public var judge: EAPCertificateJudge?

        /// Gathers the parts.
        public init(
            settings: EAPServerSettings,
            engines: (any TLSEngineProvider)?,
            users: any EAPUserDirectory,
            judge: EAPCertificateJudge?
        ) {
            self.settings = settings
            self.engines = engines
            self.users = users
            self.judge = judge
        }
    }

    /// A peer's settings.
    public struct Peer: Sendable {
        /// Identity, methods, secrets.
        public var settings: EAPPeerSettings
        /// TLS; nil without EAP-TLS and EAP-TTLS.
        public var engines: (any TLSEngineProvider)?
        /// Judges servers of EAP-TLS and EAP-TTLS; nil refuses them.
        public var judge: EAPCertificateJudge?

        /// Gathers the parts.
        public init(settings: EAPPeerSettings, engines: (any TLSEngineProvider)?, judge: EAPCertificateJudge?) {
            self.settings = settings
            self.engines = engines
            self.judge = judge
        }
    }

    private enum Conversation: Sendable {
        case server(EAPServer, Server, ValidatedPeer?)
        case peer(EAPPeer, Peer)
    }

    private struct State {
        var servers: [String: Server]
        var peers: [String: Peer]
        var conversations: [EAPSessionID: Conversation] = [:]
        /// Those whose step is on the pool; one that ends meanwhile is not kept.
        var busy: Set<EAPSessionID> = []
    }

    private let pool: BoundedPool
    private let state: Mutex<State>

    /// Makes a desk; settings are found by the names that the engine's connections use.
    public init(servers: [String: Server] = [:], peers: [String: Peer] = [:], pool: BoundedPool) {
        self.pool = pool
        state = Mutex(State(servers: servers, peers: peers))
    }

    /// Replaces all settings, at a reload. Conversations that run keep theirs.
    public func replace(servers: [String: Server] = [:], peers: [String: Peer] = [:]) {
        state.withLock { state in
            state.servers = servers
            state.peers = peers
        }
    }

    /// The next step of an EAP server.
    public func step(
        _ request: EAPServerRequest,
        now: Instant,
        wallClock: WallTime,
        answer: @escaping @Sendable (EAPServerStep) -> Void
    ) {
        let identifier = request.response.flatMap { EAPPayload(packet: $0)?.identifier } ?? 0
        @Sendable func refuse(_ reason: String) {
            answer(.failed(failure: EAPPayload.failure(identifier).packet, reason: reason))
        }
        let input: EAPServerInput
        let begun: (EAPServer, Server, ValidatedPeer?)
        if let response = request.response {
            guard case .server(let server, let settings, let peer) = take(request.session) else {
                return refuse("eap_unexpected: no such conversation")
            }
            (input, begun) = (.packet(response), (server, settings, peer))
        } else {
            guard let settings = state.withLock({ $0.servers[request.settings] }) else {
                return refuse("eap_unconfigured: no EAP is configured by the name \(request.settings)")
            }
            let server = EAPServer(
                settings: settings.settings,
                engines: settings.engines,
                isServerAuthenticated: !request.isOnlyProof,
                wallClock: wallClock
            )
            (input, begun) = (.start, (server, settings, nil))
            state.withLock { _ = $0.busy.insert(request.session) }
        }
        let isQueued = pool.submit { [self] in
            var conversation = begun
            let step = Self.run(&conversation, input, wallClock)
            if case .request = step {
                put(request.session, .server(conversation.0, conversation.1, conversation.2))
            }
            answer(step)
        }
        if !isQueued { refuse("eap_busy: too many conversations at once") }
    }

    private static func run(
        _ conversation: inout (EAPServer, Server, ValidatedPeer?),
        _ input: EAPServerInput,
        _ wallClock: WallTime
    ) -> EAPServerStep {
        var random = SystemRandom()
        let settings = conversation.1
        var action = conversation.0.handle(input, using: &random)
        while true {
            switch action {
            case .send(let packet): return .request(packet)
            case .lookUp(let question):
                action = conversation.0.handle(.credential(settings.users.credential(for: question)), using: &random)
            case .verify(let question):
                let (verdict, peer) =
                    settings.judge?.judge(question, wallClock: wallClock)
                    ?? (.refused(reason: "no authority for clients is configured"), nil)
                conversation.2 = peer
                action = conversation.0.handle(.certificate(verdict), using: &random)
            case .failed(let packet, let failure): return .failed(failure: packet, reason: failure.description)
            case .succeeded(let packet, let success): return finish(packet, success, settings, conversation.2)
            }
        }
    }

    private static func finish(
        _ packet: [UInt8],
        _ success: EAPSuccess,
        _ settings: Server,
        _ peer: ValidatedPeer?
    ) -> EAPServerStep {
        let name = success.identity
        guard let groups = settings.users.groups(of: name) else {
            let failure = EAPPayload.failure(EAPPayload(packet: packet)?.identifier ?? 0).packet
            return .failed(
                failure: failure,
                reason: "eap_unknown_user: \(name.printable(limit: 64)) proved itself and is no user here"
            )
        }
        let method = success.inner.map { "\(success.method)/\($0)" } ?? "\(success.method)"
        var attributes = ["eap_method": method]
        if let peer {
            attributes["subject"] = peer.displayName
            attributes["serial"] = "\(peer.serial)"
            attributes["issuer"] = "\(peer.issuer)"
        }
        // No token: what the certificate claims counts only from the authority of IKE's own certificates.
        let verified = VerifiedPeer(
            leaf: peer?.leafDER,
            notAfter: peer?.notAfter,
            attributes: attributes,
            eap: EAPIdentity(name: name, method: method, isMutual: success.isSafeAlone, groups: groups)
        )
        return .succeeded(success: packet, key: success.key, verified)
    }

    /// The user must still be one, with the groups of now; a certificate must neither have ended nor have been revoked.
    public func review(
        _ request: PeerRevalidationRequest,
        wallClock: WallTime,
        answer: @escaping @Sendable (PeerVerification) -> Void
    ) {
        guard let settings = state.withLock({ $0.servers[request.settings ?? ""] }), let eap = request.eap else {
            return answer(.refused(reason: "eap_unconfigured: no such EAP server"))
        }
        let isQueued = pool.submit {
            guard let groups = settings.users.groups(of: eap.name) else {
                return answer(
                    .refused(reason: "eap_unknown_user: \(eap.name.printable(limit: 64)) is no user any more")
                )
            }
            if let refusal = settings.judge.refusal(of: request, wallClock: wallClock) {
                return answer(.refused(reason: refusal))
            }
            var now = eap
            now.groups = groups
            answer(.accepted(VerifiedPeer(notAfter: request.notAfter, attributes: request.attributes, eap: now)))
        }
        if !isQueued { answer(.refused(reason: "eap_busy: too many conversations at once")) }
    }

    /// The next step of our EAP peer.
    public func step(
        _ request: EAPPeerRequest,
        now: Instant,
        wallClock: WallTime,
        answer: @escaping @Sendable (EAPPeerStep) -> Void
    ) {
        let begun: (EAPPeer, Peer)
        switch take(request.session) {
        case .peer(let peer, let settings): begun = (peer, settings)
        case .server: return answer(.failed(reason: "eap_unexpected: this end is the server"))
        case nil:
            guard let settings = state.withLock({ $0.peers[request.settings] }) else {
                return answer(
                    .failed(reason: "eap_unconfigured: no EAP is configured by the name \(request.settings)")
                )
            }
            let peer = EAPPeer(
                settings: settings.settings,
                engines: settings.engines,
                isServerAuthenticated: !request.isOnlyProof,
                wallClock: wallClock
            )
            begun = (peer, settings)
            state.withLock { _ = $0.busy.insert(request.session) }
        }
        let isQueued = pool.submit { [self] in
            var (peer, settings) = begun
            var random = SystemRandom()
            var action = peer.handle(.packet(request.request), using: &random)
            while case .verify(let question) = action {
                let verdict =
                    settings.judge?.judge(question, wallClock: wallClock).verdict
                    ?? .refused(reason: "no authority for the server is configured")
                action = peer.handle(.certificate(verdict), using: &random)
            }
            switch action {
            case .send(let packet):
                put(request.session, .peer(peer, settings))
                answer(.response(packet))
            case .succeeded(let success):
                answer(.succeeded(key: success.key, authenticatesServer: success.isSafeAlone))
            case .failed(let failure): answer(.failed(reason: failure.description))
            case .verify: answer(.failed(reason: "eap_unexpected: a certificate is asked about for ever"))
            }
        }
        if !isQueued { answer(.failed(reason: "eap_busy: too many conversations at once")) }
    }

    /// Forgets a conversation.
    public func end(_ session: EAPSessionID) {
        state.withLock { state in
            state.conversations[session] = nil
            state.busy.remove(session)
        }
    }

    /// Takes a conversation off the table for the time of a step.
    private func take(_ session: EAPSessionID) -> Conversation? {
        state.withLock { state in
            guard let conversation = state.conversations.removeValue(forKey: session) else { return nil }
            state.busy.insert(session)
            return conversation
        }
    }

    /// Puts it back, unless it has ended meanwhile.
    private func put(_ session: EAPSessionID, _ conversation: Conversation) {
        state.withLock { state in
            guard state.busy.remove(session) != nil else { return }
            state.conversations[session] = conversation
        }
    }
}
