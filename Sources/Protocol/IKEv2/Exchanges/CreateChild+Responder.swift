import IKECrypto
import IKEMessage
import IPsecTypes

// CREATE_CHILD_SA, the peer's request. While it is being worked on the IKE SA holds back whatever else arrives, so the
// state that was checked at the start still stands at the end; only commands of our own can come between.

extension Engine {
    /// How long an answer may take to reach the peer, retransmissions included, before we take it to be there.
    static let confirmation: Duration = .seconds(5)

    func receiveCreateChild(_ sa: IKESA, _ payloads: [Payload]) {
        guard let offered = payloads.securityAssociation?.proposals, let nonce = payloads.nonce,
            isLongEnough(nonce, for: sa.suite?.prf ?? .hmacSHA256)
        else { return refuseSyntax(sa, "CREATE_CHILD_SA without SA or nonce") }
        guard sa.isEstablished, !sa.isRedundant else { return refuseTemporarily(sa, "the IKE SA is being closed") }
        let limits = configuration.limits
        guard sa.childRequests.take(now, perSecond: limits.childRequestsPerSecond, burst: limits.childRequestBurst)
        else {
            // Without a report: there would be one for each.
            return respond(sa, [.notify(.temporaryFailure)])
        }
        if sa.predecessor != nil { adoptBecauseUsed(sa) }
        if offered.first?.protocolID == .ike { return receiveRekeyRequest(sa, offered, nonce, payloads) }
        // RFC 7296 §2.25.2
        if sa.requests.outstanding?.context.rekeysIKE == true {
            return refuseTemporarily(sa, "the IKE SA is being rekeyed")
        }
        guard let remote = payloads.initiatorSelectors, let local = payloads.responderSelectors else {
            return refuseSyntax(sa, "CREATE_CHILD_SA without TSi or TSr")
        }
        var request = ChildRequest(
            offered: offered,
            nonce: nonce,
            keyExchange: payloads.keyExchange,
            remoteSelectors: remote.selectors,
            localSelectors: local.selectors,
            wantsTransport: payloads.notify(.useTransportMode) != nil,
            configuration: template(sa, ChildSAOwner()),
            owner: ChildSAOwner()
        )
        if let rekey = payloads.notify(.rekeySA) { return receiveChildRekey(sa, request, rekey) }
        guard sa.children.count < configuration.limits.children else {
            return refuseChild(sa, request, .noAdditionalSAs, .limit("\(configuration.limits.children) children"))
        }
        guard sa.authorizesPeer else {
            let chosen = configured(sa, request)
            request.configuration = chosen
            request.owner = chosen.owner
            request.allowsTransport = chosen.mode == .transport
            return agree(sa, request, wantedLocal(sa, chosen), wantedRemote(sa, chosen))
        }
        authorize(sa, request)
    }

    /// The first configured child that shares something with what the peer wants.
    private func configured(_ sa: IKESA, _ request: ChildRequest) -> ChildConfiguration {
        let fitting = sa.connection.children.first { child in
            !request.localSelectors.narrowed(to: wantedLocal(sa, child)).isEmpty
                && !request.remoteSelectors.narrowed(to: wantedRemote(sa, child)).isEmpty
        }
        return fitting ?? template(sa, ChildSAOwner())
    }

    private func authorize(_ sa: IKESA, _ request: ChildRequest) {
        guard let identity = sa.remoteIdentity else { return refuseTemporarily(sa, "no identity") }
        let id = begin(.authorizeChild(request), sa)
        emit(
            .authorize(
                id,
                AuthorizationRequest(
                    purpose: .childSA(session: sa.grant?.owner.session ?? ""),
                    ikeSA: sa.id,
                    connection: sa.connection.name,
                    identity: identity,
                    verified: sa.peer ?? VerifiedPeer(),
                    withPreSharedKey: sa.connection.remoteAuthentication.isPreSharedKey,
                    requestedAttributes: nil,
                    remoteSelectors: request.remoteSelectors,
                    localSelectors: request.localSelectors,
                    path: sa.path
                )
            )
        )
    }

    func childAuthorized(_ sa: IKESA, _ request: ChildRequest, _ decision: AuthorizationDecision) {
        guard sa.isEstablished else { return refuseTemporarily(sa, "the IKE SA is being closed") }
        switch decision {
        case .deny(let reason, let refusal):
            // The peer is authenticated already: a refusal costs the child only.
            let notify: NotifyType = refusal == .authenticationFailed ? .noAdditionalSAs : refusal.notify
            refuseChild(sa, request, notify, .refused(reason))
        case .allow(let grant):
            var request = request
            request.owner = grant.owner
            request.configuration = template(sa, grant.owner)
            request.allowsTransport = grant.mode == .transport
            agree(sa, request, grant.localSelectors, allowedRemote(grant))
        }
    }

    /// The REKEY_SA notify names the SPI that the peer receives on, which is the one we send on (RFC 7296 §1.3.3).
    private func receiveChildRekey(_ sa: IKESA, _ request: ChildRequest, _ rekey: NotifyPayload) {
        guard let spi = rekey.childSPI else { return refuseSyntax(sa, "REKEY_SA without SPI") }
        // RFC 7296 §2.25.1: our Delete of it is queued or under way.
        if sa.children.contains(where: { $0.outboundSPI == spi && $0.phase == .closing }) {
            return refuseTemporarily(sa, "the peer rekeys \(spi), which is being closed")
        }
        guard rekey.protocolID == .esp, let old = sa.child(outbound: spi) else {
            // It may be the very one that our outstanding request makes, whose answer is late.
            if sa.requests.outstanding?.context.makesChild == true {
                return refuseTemporarily(sa, "the peer rekeys \(spi), which we do not know yet")
            }
            let notify = NotifyPayload(protocolID: rekey.protocolID, spi: rekey.spi, type: .childSANotFound)
            report(.collision(sa.id, "the peer rekeys \(spi), which is gone"))
            return respond(sa, [.notify(notify)])
        }
        // RFC 7296 §2.25.1: one that we are closing, or have replaced and are about to close.
        guard old.phase == .installed || old.phase == .rekeying, old.peerRekeying == nil else {
            return refuseTemporarily(sa, "the peer rekeys \(old.inboundSPI), which is being closed")
        }
        // RFC 9370 §2.2.4: our own exchange is answered already, and its further key exchanges are under way.
        if old.phase == .rekeying, case .followUp? = sa.requests.outstanding?.context {
            return refuseTemporarily(sa, "the peer rekeys \(old.inboundSPI), which we are rekeying")
        }
        // All may be rekeyed at once, but not over and over without the old ones being deleted.
        guard sa.children.count < 2 * configuration.limits.children else {
            return refuseTemporarily(sa, "\(sa.children.count) Child SAs wait for their deletion")
        }
        var request = request
        request.rekeyed = old.inboundSPI
        request.configuration = old.configuration
        request.owner = old.owner
        request.allowsTransport = old.mode == .transport
        // RFC 7296 §1.3.3: the notifications are those of the SA that is rekeyed; it keeps its mode.
        guard request.wantsTransport || old.mode == .tunnel else {
            let cause = "the peer rekeys \(old.inboundSPI), which is in transport mode, without asking for that"
            return refuseChild(sa, request, .noProposalChosen, .transportRefused(cause))
        }
        // A rekeying must not widen what was granted.
        agree(sa, request, old.localSelectors, old.remoteSelectors)
    }

    /// Proposal, key exchange and selectors.
    private func agree(
        _ sa: IKESA,
        _ request: ChildRequest,
        _ allowedLocal: [TrafficSelector],
        _ allowedRemote: [TrafficSelector]
    ) {
        let choice: ProposalSelection.ESPChoice
        let selection = ProposalSelection.selectESP(
            offered: request.offered,
            accepted: request.configuration.proposals,
            keyExchange: .negotiated(sent: request.keyExchange?.method)
        )
        switch selection {
        case .failure(let error):
            return refuseChild(sa, request, .noProposalChosen, .noProposalChosen(error.mismatch))
        case .success(let selected): choice = selected
        }
        if let method = choice.suite.keyExchange {
            guard request.keyExchange?.method == method else { return respond(sa, [.invalidKeyExchange(method)]) }
            let sent = request.keyExchange?.data.count ?? 0
            guard method.publicValueLength ?? sent == sent else { return refuseSyntax(sa, "length of KE data") }
        }
        let wanted = WantedSelectors(
            local: request.localSelectors,
            remote: request.remoteSelectors,
            wantsTransport: request.wantsTransport,
            allowsTransport: request.allowsTransport,
            keepsMode: request.rekeyed != nil
        )
        let selectors: AgreedSelectors
        switch agreeSelectors(sa, wanted, allowedLocal, allowedRemote) {
        case .failure(let error): return refuseChild(sa, request, .tsUnacceptable, error.cause)
        case .success(let agreed): selectors = agreed
        }
        let offer = request.offered.first { $0.number == choice.proposal.number }
        let agreement = ChildAgreement(
            suite: choice.suite,
            proposal: choice.proposal,
            outboundSPI: offer?.childSPI ?? SPI(0),
            inboundSPI: freshSPI(),
            mode: selectors.mode,
            originalAddresses: selectors.originalAddresses,
            localSelectors: selectors.local,
            remoteSelectors: selectors.remote,
            remoteNonce: request.nonce,
            localNonce: randomBytes(Self.nonceLength)
        )
        guard let method = agreement.suite.keyExchange else { return complete(sa, request, agreement, nil) }
        answerKeyExchange(sa, .generateChildResponse(request, agreement), method, request.keyExchange?.data ?? [])
    }

    func childResponseGenerated(
        _ sa: IKESA,
        _ request: ChildRequest,
        _ agreement: ChildAgreement,
        _ handle: KeyExchangeHandle?,
        _ publicValue: [UInt8]
    ) {
        guard let handle, let theirs = request.keyExchange else {
            // An encapsulation fails when the peer's key is not one (draft-ietf-ipsecme-ikev2-mlkem §2.2).
            if agreement.suite.keyExchange?.isEncapsulation == true {
                return refuseSyntax(sa, "the public value is refused")
            }
            return refuseTemporarily(sa, "no key could be made")
        }
        var agreement = agreement
        agreement.localPublic = publicValue
        let id = begin(.shareChildResponse(request, agreement), sa)
        emit(.computeSharedSecret(id, handle: handle, method: theirs.method, peerPublic: theirs.data))
    }

    func childResponseShared(
        _ sa: IKESA,
        _ request: ChildRequest,
        _ agreement: ChildAgreement,
        _ secret: SecretBytes?
    ) {
        guard let secret else { return refuseSyntax(sa, "the public value is refused") }
        complete(sa, request, agreement, secret)
    }

    private func complete(
        _ sa: IKESA,
        _ request: ChildRequest,
        _ agreement: ChildAgreement,
        _ secret: SecretBytes?
    ) {
        var answer = childPayloads(agreement)
        answer.insert(.nonce(NoncePayload(data: agreement.localNonce)), at: 1)
        if let method = agreement.suite.keyExchange {
            answer.insert(.keyExchange(KeyExchangePayload(method: method, data: agreement.localPublic)), at: 2)
        }
        answer = modePayloads(agreement.mode) + answer
        guard let secret, !agreement.suite.additionalKeyExchanges.isEmpty else {
            return finishRequestedChild(sa, request, agreement, secret.map { [$0] } ?? [], answer)
        }
        let old = request.rekeyed.flatMap { sa.child(inbound: $0) }
        guard sa.isEstablished, request.rekeyed == nil || old?.isLive == true else {
            return refuseTemporarily(sa, "closed meanwhile")
        }
        if let old, old.phase == .rekeying {
            let low = lowest(request.nonce, agreement.localNonce)
            sa.childCollisions[old.inboundSPI] = PeerChildRekeying(successor: agreement.inboundSPI, lowestNonce: low)
            report(.collision(sa.id, "simultaneous rekeying of \(old.inboundSPI)"))
        }
        let series = KeyExchangeSeries(
            purpose: .peersChild(request, agreement),
            remaining: agreement.suite.additionalKeyExchanges,
            secrets: [secret],
            link: []
        )
        awaitSeries(sa, series, answer)
    }

    /// All key exchanges are done: makes the Child SA, and answers the last of them.
    func finishRequestedChild(
        _ sa: IKESA,
        _ request: ChildRequest,
        _ agreement: ChildAgreement,
        _ secrets: [SecretBytes],
        _ answer: [Payload]
    ) {
        let old = request.rekeyed.flatMap { sa.child(inbound: $0) }
        let oldIsLive = old?.isLive ?? false
        guard sa.isEstablished, request.rekeyed == nil || oldIsLive, let keys = sa.keys, let suite = sa.suite,
            let material = try? schedule.childKeys(
                suite: agreement.suite,
                prf: suite.prf,
                skD: keys.skD,
                sharedSecret: secrets.first,
                additionalSecrets: Array(secrets.dropFirst()),
                nonces: NoncePair(
                    initiatorNonce: request.nonce,
                    responderNonce: agreement.localNonce
                )
            )
        else { return refuseTemporarily(sa, "closed meanwhile") }
        let child = install(
            sa,
            request.configuration,
            request.owner,
            agreement,
            material,
            weInitiated: false,
            // RFC 7296 §2.8: the old one carries traffic until we know that the peer has our answer; a new one waits.
            sendNow: false
        )
        child.awaitsConfirmation = old == nil
        child.unconfirmedUntil = now + Self.confirmation
        respond(sa, answer)
        guard let old else { return report(.childEstablished(sa.id, status(of: child))) }
        noteRekeyedByPeer(sa, old, child, request.nonce, agreement.localNonce)
    }

    /// The peer has rekeyed `old`. When our own rekeying of it is under way the nonces decide later which one stays.
    private func noteRekeyedByPeer(
        _ sa: IKESA,
        _ old: ChildSA,
        _ child: ChildSA,
        _ nonce: [UInt8],
        _ ours: [UInt8]
    ) {
        let rekeying = PeerChildRekeying(successor: child.inboundSPI, lowestNonce: lowest(nonce, ours))
        old.peerRekeying = rekeying
        old.rekeyAt = nil
        if old.phase == .rekeying {
            sa.childCollisions[old.inboundSPI] = rekeying
            report(.collision(sa.id, "simultaneous rekeying of \(old.inboundSPI)"))
        } else {
            old.phase = .replaced
            old.closeReason = .rekeyed
        }
        report(.childRekeyed(sa.id, old: old.inboundSPI, status(of: child)))
    }

    // MARK: Refusals

    func refuseChild(_ sa: IKESA, _ request: ChildRequest, _ notify: NotifyType, _ cause: FailureReport.Cause) {
        let name = request.configuration.name
        report(.childFailed(sa.id, failure(sa, .child, weInitiated: false, child: name, cause)))
        respond(sa, [.notify(notify)])
    }

    func refuseTemporarily(_ sa: IKESA, _ why: String) {
        report(.collision(sa.id, why))
        respond(sa, [.notify(.temporaryFailure)])
    }

    /// INVALID_SYNTAX is fatal for the IKE SA on both ends (RFC 7296 §2.21.3).
    func refuseSyntax(_ sa: IKESA, _ what: String) {
        respond(sa, [.notify(.invalidSyntax)])
        destroy(sa, .protocolError(what))
    }
}
