import AdminAPI
import AuditLog
import ConfigFile
import IKEMessage
import IKEv2
import IPsecTypes
import Logging
import PKI
import PacketIO
import Policy
import RADIUS
import Runtime
import Sessions
import Store

/// The gateway's side of the shard: sessions, policy, audit. It lives on the shard's thread.
final class GatewayController: ShardDelegate {
    /// What the controller is made of.
    struct Parts: Sendable {
        var loaded: LoadedGateway
        var registry: PeerRegistry
        var audit: AuditWriter
        var logger: Logger
        var replaceRules: @Sendable (RuleTable) -> Void
        var makeSessionID: @Sendable () -> String
        /// The newest revocations: what was revoked between a peer's verification and its authorization still counts.
        var revocation: @Sendable () -> any RevocationView
        /// RADIUS servers, those of the newest reload; nil where nothing can be asked.
        var radius: RADIUSSwitch?
        /// Which identity had which address; nil where nothing is remembered.
        var leases: LeaseBook?
    }

    let parts: Parts
    let network: any SiteNetwork
    /// This host's addresses as they are, and all that were since the start.
    var presentAddresses: Set<IPAddress> = []
    var knownAddresses: Set<IPAddress> = []
    var loaded: LoadedGateway
    var sessions: SessionTable
    /// The IKE SA of each session, and the other way round.
    var ikeSAs: [String: IKESAID] = [:]
    var sessionOf: [IKESAID: String] = [:]
    /// Counters of Child SAs that are gone, by session.
    var closedCounters: [String: SACounters] = [:]
    /// Why a session is being ended by us.
    var endings: [String: SessionEnd] = [:]
    /// Routes to sites' networks, by session.
    var siteRoutes: [String: [IPPrefix]] = [:]
    /// What is led into the tunnel to peers in transport mode, by session.
    var flows: [String: [ProtectedFlow]] = [:]
    /// What RADIUS is told of each session, by session.
    var radiusSessions: [String: RADIUSSession] = [:]
    /// Sessions that the table has let go of and whose IKE SA is still to close.
    var ended: [String: Session] = [:]
    /// IKE SAs without a session (no address was left): closed when their peer has had its time to ask again.
    var withoutSession: [IKESAID: Instant] = [:]
    /// Failures before authentication, which strangers can cause at will, and refusals by policy.
    var strangers = FailureBudget()
    /// Who was thrown out, for those who return by tickets.
    var cuts: TicketCuts
    var nextRenewal: Instant?
    /// Where clients are sent while this gateway is drained.
    var drainTarget: RedirectTarget?
    /// How often leases are looked at.
    private static let renewalInterval: Duration = .seconds(15)
    /// The newest failures, newest last.
    private(set) var failures: [FailureStatus] = []
    var policyLoadedAt: WallTime

    /// Failures kept for status.
    private static let failureLimit = 64

    init(_ parts: Parts, network: any SiteNetwork) {
        self.parts = parts
        self.network = network
        presentAddresses = Set(network.localAddresses())
        knownAddresses = presentAddresses
        loaded = parts.loaded
        policyLoadedAt = SystemClock.wall
        let configuration = parts.loaded.configuration
        var pool = AddressPool(
            configuration.pools,
            reserved: Self.fixedAddresses(parts.loaded.policy.document),
            holdDown: configuration.network.holdDown
        )
        Self.remember(parts, in: &pool)
        cuts = Self.rememberedCuts(parts)
        sessions = SessionTable(
            pool: pool,
            maximumSessions: configuration.limits.sessions,
            notesLeases: parts.leases != nil
        )
    }

    static func fixedAddresses(_ document: PolicyDocument) -> [IPAddress] {
        document.peers.flatMap { peer -> [IPAddress] in
            if case .fixed(let addresses) = peer.virtualAddress { return addresses }
            return []
        }
    }

    /// The first address of each pool, which is the gateway's own.
    static func gatewayAddresses(_ configuration: GatewayConfiguration) -> [IPAddress] {
        AddressPool(configuration.pools).gatewayAddresses
    }

    // MARK: Authorization

    func authorize(
        _ request: AuthorizationRequest,
        now: Instant,
        wallClock: WallTime
    ) -> AuthorizationDecision {
        if case .childSA(let session) = request.purpose { return authorizeChild(session, now, wallClock) }
        guard let subject = subject(request) else {
            let error = CulvertError(.unknownPeer, "no policy can name \(request.identity)")
            return refuse(request, error, .authenticationFailed)
        }
        let peer = parts.registry.peer(request.firstRound.verified.token)
        for token in request.rounds.map(\.verified.token) {
            guard let peer = parts.registry.peer(token),
                case .revoked = parts.revocation().status(of: peer.serial, issuer: peer.issuer)
            else { continue }
            return refuse(request, CulvertError(.certificateRevoked), .authenticationFailed)
        }
        guard parts.audit.isHealthy else {
            return refuse(request, CulvertError(.auditUnavailable), .authenticationFailed)
        }
        if let error = ticketRefusal(request, subject) { return refuse(request, error, .authenticationFailed) }
        let grant: PolicyGrant
        switch loaded.policy.decide(subject) {
        case .denied(let denial): return refuse(request, denial.error, .authenticationFailed)
        case .allowed(let allowed): grant = allowed
        }
        let accepted = acceptance(request)
        if let accepted, let error = unknownFilter(accepted.authorization) {
            return refuse(request, error, .authenticationFailed)
        }
        var wish = SessionRequest(
            id: parts.makeSessionID(),
            subject: subject,
            grant: grant,
            families: requestedFamilies(request),
            certificateEnds: request.rounds.compactMap(\.verified.notAfter).min(),
            certificateSerial: peer.map { "\($0.serial)" },
            framedAddresses: accepted?.authorization.addresses ?? [],
            longest: longest(request, accepted, wallClock)
        )
        wish.wantedAddresses = request.wantedAddresses
        let opened: (session: Session, replaced: [Session])
        defer { noteLeases(wallClock) }
        do throws(SessionRefusal) {
            opened = try sessions.open(wish, now: now, wall: wallClock)
        } catch {
            if case .address = error { return refuse(request, error.error, .addressFailure) }
            return refuse(request, error.error, .authenticationFailed)
        }
        for old in opened.replaced {
            endings[old.id] = .replaced
            ended[old.id] = old
        }
        let session = opened.session
        if session.leaseEnds != nil { nextRenewal = nextRenewal ?? now + Self.renewalInterval }
        sessionOf[request.ikeSA] = session.id
        ikeSAs[session.id] = request.ikeSA
        remember(session, request)
        var answer = authorization(session, now, wallClock)
        // A site keeps its older IKE SAs unless the new one took their fixed address.
        if !opened.replaced.isEmpty { answer.replacesOlder = true }
        if let accepted { answer.ticketNote = accepted.authorization.ticketNote(userName: accepted.userName) }
        return .allow(answer)
    }

    private func authorizeChild(_ id: String, _ now: Instant, _ wallClock: WallTime) -> AuthorizationDecision {
        guard let session = sessions[id] else {
            return .deny(reason: "session_ended: session \(id) has ended", .noAdditionalSAs)
        }
        return .allow(authorization(session, now, wallClock))
    }

    private func authorization(_ session: Session, _ now: Instant, _ wall: WallTime) -> AuthorizationGrant {
        let end = session.hardEnd.map { wall.advanced(bySeconds: ($0 - now).components.seconds) }
        var grant = AuthorizationGrant(
            owner: session.owner(),
            addresses: session.addresses,
            dnsServers: session.addresses.isEmpty ? [] : loaded.configuration.network.dns,
            subnets: Array(Set(session.grant.selectors.flatMap(\.addresses.prefixes)))
                .sorted { $0.description < $1.description }.prefix(64).map { $0 },
            localSelectors: session.grant.selectors,
            remoteSelectors: session.remoteSelectors,
            notAfter: end,
            replacesOlder: session.grant.peer == nil
        )
        grant.mode = session.grant.peer?.mode ?? .tunnel
        return grant
    }

    private func refuse(
        _ request: AuthorizationRequest,
        _ error: CulvertError,
        _ refusal: AuthorizationRefusal
    ) -> AuthorizationDecision {
        let answer = AuthorizationDecision.deny(reason: error.message, refusal)
        // Whoever has a certificate of ours and no rule can ask again and again.
        guard strangers.takes(now: SystemClock.now) else { return answer }
        var record = record(.sessionRefused)
        record.peerID = "\(request.identity)"
        record.path = request.path
        record.fail(error)
        record.serial = request.verified.attributes["serial"]
        parts.audit.write(record)
        note(error, peer: "\(request.path.remote)")
        return answer
    }

    /// The authority that a `peers:` entry names: the root it was pinned by, else the certificate's own issuer.
    func issuer(_ peer: ValidatedPeer) -> String {
        let pinned = loaded.policy.document.peers.contains {
            $0.authentication == .certificate(.publicKey(sha256: "\(peer.anchor)"))
        }
        return pinned ? "\(peer.anchor)" : "\(peer.issuer)"
    }

    private func requestedFamilies(_ request: AuthorizationRequest) -> [IPAddress.Family] {
        let asked = Set(request.requestedAttributes?.map(\.type) ?? [])
        var families: [IPAddress.Family] = []
        if asked.contains(.internalIP4Address) { families.append(.v4) }
        if asked.contains(.internalIP6Address) { families.append(.v6) }
        return families
    }

    // MARK: Deadlines

    var nextDeadline: Instant? {
        [sessions.nextDeadline(), nextRenewal, strangers.nextSummary, withoutSession.values.min(), nextInterim]
            .compactMap { $0 }.min()
    }

    func handleTimeout(shard: ShardCore) {
        let now = shard.now
        if let due = nextRenewal, due <= now { renewLeases(shard) }
        if let due = nextInterim, due <= now { accountInterim(shard) }
        let expired = sessions.expire(now: now)
        noteLeases(SystemClock.wall)
        for (session, end) in expired {
            guard let id = ikeSAs[session.id] else { continue }
            endings[session.id] = end
            ended[session.id] = session
            shard.perform(.close(id, .expired))
        }
        for (id, end) in withoutSession where end <= now {
            withoutSession[id] = nil
            shard.perform(.close(id, .requested))
        }
        if let untold = strangers.summary(now: now) {
            var record = record(.sourceLimited)
            record.count = untold
            record.reason = "failures and refusals of peers that have no record of their own"
            parts.audit.write(record)
        }
    }

    /// A lease is renewed while the peer is there and policy still grants something; past half of it, so that a peer that
    /// went silent loses its access with the lease.
    private func renewLeases(_ shard: ShardCore) {
        let now = shard.now
        var open = false
        for session in sessions.all {
            guard let lease = session.grant.lease, let end = session.leaseEnds else { continue }
            open = true
            guard end - now < lease / 2, let id = ikeSAs[session.id], let status = shard.status(id),
                let last = lastSign(status, shard), now - last < lease / 2,
                loaded.policy.decide(session.subject).grant != nil
            else { continue }
            _ = sessions.renew(session.id, now: now)
            var record = record(.leaseRenewed)
            describe(session, in: &record)
            parts.audit.write(record)
        }
        nextRenewal = open ? now + Self.renewalInterval : nil
    }

    private func lastSign(_ status: IKESAStatus, _ shard: ShardCore) -> Instant? {
        ([status.lastInbound, status.establishedAt]
            + status.children.map { shard.counters($0.inboundSPI)?.lastInbound })
            .compactMap { $0 }.max()
    }

    /// Who a session is and what it may do, for a record.
    func describe(_ session: Session, in record: inout AuditRecord) {
        record.session = session.id
        record.tenant = session.tenant
        record.peerID = "\(session.subject.identity)"
        record.name = session.subject.name
        record.rule = session.grant.rule?.description
        record.resources = session.grant.resources
        record.addresses = session.addresses
        record.serial = session.certificateSerial
    }

    func note(_ error: CulvertError, peer: String) {
        failures.append(FailureStatus(at: SystemClock.wall.secondsSinceEpoch, peer: peer, error: error))
        if failures.count > Self.failureLimit { failures.removeFirst() }
        parts.logger.warning("\(error.message)", metadata: error.logMetadata.merging(["peer": "\(peer)"]) { $1 })
    }

    func record(_ event: AuditEvent) -> AuditRecord {
        AuditRecord(event, at: SystemClock.wall, gateway: loaded.configuration.name)
    }
}
