import IKECrypto
import IKEMessage
import IPsecTypes

// IKE_AUTH, our side as responder. The order is: who, is it true, what may it have, our own proof. Every failure before
// the end of that looks the same on the wire: AUTHENTICATION_FAILED, alone.

extension Engine {
    /// The first request of IKE_AUTH.
    func receiveFirstAuthRequest(_ sa: IKESA, _ handshake: Handshake, _ payloads: [Payload]) {
        guard let identification = payloads.identificationInitiator else {
            respond(sa, [.notify(.invalidSyntax)])
            return fail(sa, .malformed("IKE_AUTH without IDi"))
        }
        guard let child = childRequest(sa, payloads) else { return }
        let claim: PeerClaim
        switch readClaim(identification, payloads) {
        case .failure(let error): return refuseInitiator(sa, .authentication(AuthenticationFailure(error.reason)))
        case .success(let read): claim = read
        }
        sa.remoteIdentity = claim.identity
        noteMobility(sa, payloads)
        var wanted: Identity?
        if let payload = payloads.identificationResponder {
            guard let identity = try? Identity(payload) else {
                return refuseInitiator(sa, .authentication("id_malformed: IDr"))
            }
            wanted = identity
        }
        let request = authRequest(claim, wanted, child, payloads)
        guard let connection = chooseConnection(sa, request) else {
            return refuseInitiator(sa, nobody(sa, request))
        }
        sa.connection = connection
        if let refusal = natRefusal(sa, payloads) {
            respond(sa, [.notify(refusal)])
            return fail(sa, .protocolViolation("\(refusal): a NAT is on the way, and the connection allows none"))
        }
        handshake.conversation.request = request
        handshake.conversation.peerHasRounds = request.hasRounds
        handshake.conversation.isEAPOnly = request.allowsEAPOnly && connection.eapOnly && claim.authentication == nil
        handshake.conversation.announced.note(payloads)
        beginRoundWithPPK(sa, handshake, claim, payloads, follows: request.anotherFollows)
    }

    func authRequest(
        _ claim: PeerClaim,
        _ wanted: Identity?,
        _ child: FirstChildRequest,
        _ payloads: [Payload]
    ) -> AuthRequest {
        AuthRequest(
            claim: claim,
            wantedIdentity: wanted,
            requestedAttributes: payloads.configuration.flatMap { $0.type == .request ? $0.attributes : nil },
            offered: child.offered,
            remoteSelectors: child.remoteSelectors,
            localSelectors: child.localSelectors,
            wantsTransport: payloads.notify(.useTransportMode) != nil,
            initialContact: payloads.notify(.initialContact) != nil,
            hasRounds: payloads.notify(.multipleAuthSupported) != nil,
            anotherFollows: payloads.notify(.anotherAuthFollows) != nil,
            allowsEAPOnly: payloads.notify(.eapOnlyAuthentication) != nil,
            wantsTicket: payloads.notify(.ticketRequest) != nil,
            crashToken: payloads.notify(.quickCrashDetection)
        )
    }

    /// The first connection that fits addresses, both identities, method and the suite of IKE_SA_INIT. The suite was chosen
    /// before anyone said who it is, so it is held against the connection again (A12).
    private func chooseConnection(_ sa: IKESA, _ request: AuthRequest) -> ConnectionConfiguration? {
        guard let suite = sa.suite else { return nil }
        return configuration.connections.first { connection in
            fits(connection, sa, request) && connection.negotiableProposals.contains { $0.contains(suite) }
        }
    }

    private func fits(_ connection: ConnectionConfiguration, _ sa: IKESA, _ request: AuthRequest) -> Bool {
        guard matches(connection, sa.path), connection.remoteRounds[0].mayClaim(request.claim.identity),
            // Nobody else is us: with a shared key, it would be our own messages coming back.
            request.claim.identity != connection.localIdentity,
            request.wantedIdentity.map({ $0 == connection.localIdentity }) ?? true,
            connection.remoteAuthentication.fits(request.claim.authentication?.method),
            // With EAP, AUTH and what it says come later.
            request.claim.authentication == nil || request.anotherFollows == !connection.furtherRemote.isEmpty,
            !connection.hasSeveralRounds || request.hasRounds
        else { return false }
        // Whoever knows a group's key must not be able to claim any name.
        if connection.remoteAuthentication.isPreSharedKey {
            guard case .oneOf = connection.remoteIdentity else { return false }
        }
        return true
    }

    /// Why no connection fits.
    private func nobody(_ sa: IKESA, _ request: AuthRequest) -> FailureReport.Cause {
        if let connection = configuration.connections.first(where: { fits($0, sa, request) }), let suite = sa.suite {
            return .noProposalChosen(
                ProposalMismatch(
                    offered: ["\(suite)"],
                    accepted: connection.negotiableProposals.map { ProposalText.describe($0) },
                    reasons: ["IKE_SA_INIT chose a suite that connection \(connection.name) does not allow"]
                        + connection.postQuantumReasons
                )
            )
        }
        if request.claim.authentication == nil, !configuration.connections.contains(where: \.remoteAuthentication.isEAP)
        {
            return .authentication("auth_method: the peer asks for EAP, and no connection is for EAP")
        }
        if let wanted = request.wantedIdentity,
            !configuration.connections.contains(where: { $0.localIdentity == wanted })
        {
            return .identity(
                IdentityMismatch(claimed: wanted, expected: configuration.connections.map(\.localIdentity))
            )
        }
        let expected = configuration.connections.flatMap { connection -> [Identity] in
            if case .oneOf(let identities) = connection.remoteIdentity { identities } else { [] }
        }
        return .identity(IdentityMismatch(claimed: request.claim.identity, expected: Array(expected.prefix(16))))
    }

    func refuseInitiator(_ sa: IKESA, _ cause: FailureReport.Cause) {
        respond(sa, [.notify(.authenticationFailed)])
        fail(sa, cause)
    }

    /// All rounds have passed: what the initiator may have.
    func authorize(_ sa: IKESA, _ request: AuthRequest, _ passed: [AuthenticatedRound]) {
        guard let last = passed.last, passed.count == sa.connection.remoteRounds.count else {
            return refuseInitiator(sa, .authentication("nothing was proved"))
        }
        sa.remoteIdentity = last.identity
        // RFC 5685 §6: only after its AUTH has been verified. Policy is asked by the gateway it goes to.
        if let target = redirectAfterAuthentication(sa) {
            return conclude(sa, request, last.verified, .redirected(target))
        }
        let id = begin(.authorizeInitiator(request, last.verified), sa)
        emit(
            .authorize(
                id,
                AuthorizationRequest(
                    purpose: .ikeSA,
                    ikeSA: sa.id,
                    connection: sa.connection.name,
                    identity: last.identity,
                    verified: last.verified,
                    withPreSharedKey: sa.connection.remoteRounds.last?.authentication.isPreSharedKey ?? false,
                    earlierRounds: Array(passed.dropLast()),
                    requestedAttributes: request.requestedAttributes,
                    resumed: sa.handshake?.resumedSession,
                    remoteSelectors: request.remoteSelectors,
                    localSelectors: request.localSelectors,
                    path: sa.path
                )
            )
        )
    }

    func initiatorAuthorized(
        _ sa: IKESA,
        _ request: AuthRequest,
        _ peer: VerifiedPeer,
        _ decision: AuthorizationDecision
    ) {
        let outcome: AuthOutcome
        switch decision {
        case .deny(let reason, .authenticationFailed): return refuseInitiator(sa, .refused(reason))
        case .deny(let reason, let refusal): outcome = .noChild(nil, refusal.notify, .refused(reason))
        case .allow(let grant): outcome = firstChild(sa, request, grant)
        }
        conclude(sa, request, peer, outcome)
    }

    /// Addresses, proposal and selectors of the first child. What fails here costs the child, not the IKE SA.
    private func firstChild(_ sa: IKESA, _ request: AuthRequest, _ grant: AuthorizationGrant) -> AuthOutcome {
        let attributes = request.requestedAttributes ?? []
        let asks = ConfigurationExchange.asksForAddress(attributes)
        if asks, ConfigurationExchange.reply(grant, to: attributes.filter(\.isAddress)) == nil {
            return .noChild(grant, .internalAddressFailure, .refused("no address of the family asked for"))
        }
        if !asks, !grant.addresses.isEmpty, grant.remoteSelectors.isEmpty {
            return .noChild(grant, .failedCPRequired, .refused("the peer must ask for a virtual address"))
        }
        guard !request.offered.isEmpty else { return .childless(grant) }
        let template = template(sa, grant.owner)
        let choice: ProposalSelection.ESPChoice
        switch ProposalSelection.selectESP(
            offered: request.offered,
            accepted: template.proposals,
            keyExchange: .ignored
        )
        {
        case .failure(let error): return .noChild(grant, .noProposalChosen, .noProposalChosen(error.mismatch))
        case .success(let selected): choice = selected
        }
        let selectors: AgreedSelectors
        switch agreeSelectors(
            sa,
            WantedSelectors(
                local: request.localSelectors,
                remote: request.remoteSelectors,
                wantsTransport: request.wantsTransport,
                allowsTransport: grant.mode == .transport
            ),
            grant.localSelectors,
            allowedRemote(grant)
        )
        {
        case .failure(let error): return .noChild(grant, .tsUnacceptable, error.cause)
        case .success(let agreed): selectors = agreed
        }
        let offer = request.offered.first { $0.number == choice.proposal.number }
        return .child(
            grant,
            template,
            ChildAgreement(
                suite: choice.suite,
                proposal: choice.proposal,
                outboundSPI: offer?.childSPI ?? SPI(0),
                inboundSPI: freshSPI(),
                mode: selectors.mode,
                originalAddresses: selectors.originalAddresses,
                localSelectors: selectors.local,
                remoteSelectors: selectors.remote,
                remoteNonce: []
            )
        )
    }

    /// What the peer's side of a Child SA may be.
    func allowedRemote(_ grant: AuthorizationGrant) -> [TrafficSelector] {
        grant.remoteSelectors.isEmpty ? Narrowing.hosts(grant.addresses) : grant.remoteSelectors
    }

    /// Algorithms and lifetimes of a child that a peer asks for.
    func template(_ sa: IKESA, _ owner: ChildSAOwner) -> ChildConfiguration {
        if let configured = sa.connection.children.first { return configured }
        return ChildConfiguration(name: owner.grant, proposals: ESPProposal.accepted, remoteSelectors: [])
    }

    func responderProved(
        _ sa: IKESA,
        _ request: AuthRequest,
        _ peer: VerifiedPeer,
        _ outcome: AuthOutcome,
        _ proof: AuthenticationPayload?
    ) {
        guard let proof else {
            return refuseInitiator(sa, .authentication("our key gives no signature that the peer takes"))
        }
        respondFinally(sa, request, peer, outcome, roundPayloads(localRound(sa), proof))
    }

    /// The last response: the IKE SA is established.
    func respondFinally(
        _ sa: IKESA,
        _ request: AuthRequest,
        _ peer: VerifiedPeer,
        _ outcome: AuthOutcome,
        _ proof: [Payload]
    ) {
        guard let handshake = sa.handshake else { return }
        guard isStillConfigured(sa.connection) else {
            return refuseInitiator(sa, .authentication("the connection was changed or removed meanwhile"))
        }
        var payloads = proof + crashTokenPayloads(sa)
        let mobility = acceptMobility(sa)
        sa.peer = peer
        sa.returning.crashToken = request.crashToken?.data
        noteEvidence(sa, handshake, request)
        switch outcome {
        case .noChild(let grant, let notify, let cause):
            adopt(sa, grant, peer)
            establish(sa, initialContact: request.initialContact)
            report(.childFailed(sa.id, failure(sa, .authentication, weInitiated: false, cause)))
            payloads.append(.notify(notify))
        case .child(let grant, let template, let agreement):
            adopt(sa, grant, peer)
            establish(sa, initialContact: request.initialContact)
            payloads += installFirstChild(sa, handshake, request, grant, template, agreement)
        case .childless(let grant):
            adopt(sa, grant, peer)
            establish(sa, initialContact: request.initialContact)
            if let reply = ConfigurationExchange.reply(grant, to: request.requestedAttributes ?? []) {
                payloads.append(reply)
            }
        case .redirected(let target):
            adopt(sa, nil, peer)
            // It makes room for nothing: its peer goes elsewhere.
            establish(sa, initialContact: false)
            statistics.redirectsSent += 1
            payloads.append(Self.redirect(to: target))
            respond(sa, payloads)
            return dropHandshake(sa)
        }
        payloads += lifetimePayloads(sa)
        if request.wantsTicket { payloads += ticketPayloads(sa) }
        respond(sa, payloads + ppkConfirmation(handshake) + mobility)
        dropHandshake(sa)
    }

    /// Whether a reload, while the peer was being verified, left alone who may use a connection, and by which proof.
    private func isStillConfigured(_ used: ConnectionConfiguration) -> Bool {
        configuration.connections.contains { connection in
            connection.name == used.name && connection.localIdentity == used.localIdentity
                && connection.remoteIdentity == used.remoteIdentity
                && connection.remoteAuthentication == used.remoteAuthentication
                && connection.furtherRemote == used.furtherRemote
        }
    }

    private func adopt(_ sa: IKESA, _ grant: AuthorizationGrant?, _ peer: VerifiedPeer) {
        sa.grant = grant
        sa.returning.note = grant?.ticketNote ?? nil
        sa.authorizesPeer = true
        let rounds = sa.handshake?.conversation.passed.map(\.verified) ?? [peer]
        // A session ends with the authentication that began it.
        let ends = rounds.map { end(grant?.notAfter, $0) } + [sa.handshake?.resumedSession?.ends]
        sa.notAfter = ends.compactMap { $0 }.min()
        guard let grant else { return }
        sa.configuration = ReceivedConfiguration(
            addresses: grant.addresses,
            dnsServers: grant.dnsServers,
            dnsDomains: grant.dnsDomains,
            subnets: grant.subnets
        )
    }

    private func installFirstChild(
        _ sa: IKESA,
        _ handshake: Handshake,
        _ request: AuthRequest,
        _ grant: AuthorizationGrant,
        _ template: ChildConfiguration,
        _ agreement: ChildAgreement
    ) -> [Payload] {
        guard let keys = sa.keys, let suite = sa.suite,
            let material = try? schedule.childKeys(
                suite: agreement.suite,
                prf: suite.prf,
                skD: keys.skD,
                sharedSecret: nil,
                nonces: handshake.context(weInitiated: false)
            )
        else { return [.notify(.noProposalChosen)] }
        // Beside an IKE SA that the peer still uses, nothing is sent on the new one before the peer has our answer.
        let isBeside = hasSuperseded(sa)
        let child = install(sa, template, grant.owner, agreement, material, weInitiated: false, sendNow: !isBeside)
        if isBeside {
            child.awaitsConfirmation = true
            child.unconfirmedUntil = now + Self.confirmation
        }
        report(.childEstablished(sa.id, status(of: child)))
        var payloads: [Payload] = []
        if let reply = ConfigurationExchange.reply(grant, to: request.requestedAttributes ?? []) {
            payloads.append(reply)
        }
        return payloads + modePayloads(agreement.mode) + childPayloads(agreement)
    }
}

extension AuthorizationRefusal {
    var notify: NotifyType {
        switch self {
        case .authenticationFailed: .authenticationFailed
        case .selectorsUnacceptable: .tsUnacceptable
        case .addressFailure: .internalAddressFailure
        case .configurationRequired: .failedCPRequired
        case .noAdditionalSAs: .noAdditionalSAs
        }
    }
}

extension ConfigurationAttribute {
    fileprivate var isAddress: Bool { type == .internalIP4Address || type == .internalIP6Address }
}

extension IKEProposal {
    /// Whether a suite is one of this proposal's combinations.
    func contains(_ suite: IKESuite) -> Bool {
        ciphers.contains(CipherChoice(suite.encryption, keyBits: suite.keyBits)) && prfs.contains(suite.prf)
            && keyExchanges.contains(suite.keyExchange) && containsAdditional(suite.additionalKeyExchanges)
            && (suite.integrity == .none ? suite.encryption.isAEAD : integrities.contains(suite.integrity))
    }

    /// Whether the methods, in their order, are a choice of the additional places; optional places may be missing.
    private func containsAdditional(_ methods: [KeyExchangeMethod]) -> Bool {
        var left = methods[...]
        for place in additionalKeyExchanges where !place.isEmpty {
            if let next = left.first, place.contains(next) {
                left = left.dropFirst()
            } else if !place.contains(.none) {
                return false
            }
        }
        return left.isEmpty
    }
}
