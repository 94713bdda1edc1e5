import IKECrypto
import IKEMessage
import IPsecTypes

// IKE_AUTH, our side as initiator (RFC 7296 §1.2):
//
//     HDR, SK{IDi, [CERT,] [N(INITIAL_CONTACT),] [CERTREQ,] [IDr,] AUTH, [CP,] SAi2, TSi, TSr} -->
//                         <-- HDR, SK{IDr, [CERT,] AUTH, [CP,] SAr2, TSi, TSr}

extension Engine {
    func proveInitiator(_ sa: IKESA, _ handshake: Handshake) {
        handshake.conversation.startedAt = now
        guard sa.connection.localRounds.count == 1 || handshake.conversation.peerHasRounds else {
            return fail(sa, .authentication("auth_rounds: the peer does not know several rounds of authentication"))
        }
        startRound(sa, handshake)
    }

    /// The first request of IKE_AUTH; without `proof` it asks for EAP.
    func sendFirstAuthRequest(_ sa: IKESA, _ handshake: Handshake, _ proof: AuthenticationPayload?) {
        guard let configured = sa.connection.children.first else { return fail(sa, .limit("no child")) }
        handshake.child = isChildless(sa, handshake) ? nil : negotiation(sa, configured)
        // RFC 5723 §4.3.3: no CERT payloads in a resumption.
        let isResumed = handshake.resumption != nil
        var payloads: [Payload] = [.identificationInitiator(sa.connection.localIdentity.payload)]
        if proof != nil, !isResumed { payloads += certificatePayloads(localRound(sa)) }
        if isOnlyOne(sa) { payloads.append(.notify(.initialContact)) }
        if !isResumed, let request = certificateRequest([sa.connection]) { payloads.append(request) }
        if case .oneOf(let identities) = sa.connection.remoteIdentity, let first = identities.first,
            identities.count == 1
        {
            payloads.append(.identificationResponder(first.payload))
        }
        if let proof { payloads.append(.authentication(proof)) }
        payloads += crashTokenPayloads(sa)
        if let request = ConfigurationExchange.request(sa.connection, former: handshake.formerAddresses) {
            payloads.append(request)
        }
        if let child = handshake.child {
            payloads += modePayloads(child.mode)
            payloads += [
                .securityAssociation(SecurityAssociationPayload(proposals: child.offered)),
                .trafficSelectorsInitiator(TrafficSelectorPayload(selectors: child.localSelectors)),
                .trafficSelectorsResponder(TrafficSelectorPayload(selectors: child.remoteSelectors)),
            ]
        }
        // A ticket stands for all rounds.
        if !isResumed { payloads += openingNotifies(sa, handshake, proof) }
        payloads += ticketRequest(sa) + mobilityOffer(sa)
        sendRequest(sa, .ikeAuth, payloads, .authentication)
    }

    /// The first child as we ask for it. Its nonces are those of IKE_SA_INIT.
    private func negotiation(_ sa: IKESA, _ child: ChildConfiguration) -> ChildNegotiation {
        let spi = freshSPI()
        return ChildNegotiation(
            configuration: child,
            owner: child.owner,
            inboundSPI: spi,
            nonce: [],
            localSelectors: Array(wantedLocal(sa, child).prefix(configuration.limits.selectors)),
            remoteSelectors: Array(wantedRemote(sa, child).prefix(configuration.limits.selectors)),
            mode: child.mode,
            allowsTunnelFallback: child.allowsTunnelFallback,
            offered: ProposalBuilder.esp(child.proposals, spi: spi, withKeyExchange: false)
        )
    }

    /// Our side of a child: as configured, or our virtual address; before we have one, everything of the families that we
    /// ask for, to be narrowed by the responder (RFC 7296 §2.19).
    func wantedLocal(_ sa: IKESA, _ child: ChildConfiguration) -> [TrafficSelector] {
        if child.mode == .transport {
            return TransportMode.selectors(child.localSelectors, of: sa.trafficPath.local.address)
        }
        if !child.localSelectors.isEmpty { return child.localSelectors }
        if !sa.configuration.addresses.isEmpty { return Narrowing.hosts(sa.configuration.addresses) }
        let families = sa.connection.requestedAddresses
        return families.isEmpty
            ? Narrowing.hosts([sa.path.local.address]) : families.map { TrafficSelector.everything($0) }
    }

    /// The peer's side of a child.
    func wantedRemote(_ sa: IKESA, _ child: ChildConfiguration) -> [TrafficSelector] {
        guard child.mode == .transport else { return child.remoteSelectors }
        return TransportMode.selectors(child.remoteSelectors, of: sa.trafficPath.remote.address)
    }

    /// Whether we have no other IKE SA with this peer, so that it may drop what it has of us.
    private func isOnlyOne(_ sa: IKESA) -> Bool {
        !sas.values.contains { other in
            other !== sa && other.isEstablished && other.connection.localIdentity == sa.connection.localIdentity
                && (other.connection.remoteIdentity == sa.connection.remoteIdentity
                    || other.path.remote.address == sa.path.remote.address)
        }
    }

    func mismatch(_ claimed: Identity, _ expected: RemoteIdentity) -> IdentityMismatch {
        switch expected {
        case .any, .anyDistinguishedName: IdentityMismatch(claimed: claimed, expected: [])
        case .oneOf(let identities): IdentityMismatch(claimed: claimed, expected: identities)
        }
    }

    /// Everything has passed, in both directions: the IKE SA is established.
    func concludeAuthentication(_ sa: IKESA, _ handshake: Handshake, _ payloads: [Payload]) {
        guard let first = handshake.conversation.passed.first,
            handshake.conversation.passed.count == sa.connection.remoteRounds.count,
            handshake.conversation.localRounds == sa.connection.localRounds.count
        else { return refuseResponder(sa, .authentication("auth_rounds: the responder ended before all was proved")) }
        sa.remoteIdentity = first.identity
        sa.peer = first.verified
        sa.returning.rounds = handshake.conversation.passed
        if handshake.ppk.mixed != nil { sa.returning.ppk = handshake.ppk.identifier }
        sa.notAfter = handshake.conversation.passed.compactMap { end(nil, $0.verified) }.min()
        if receiveRedirectInAuth(sa, payloads) { return }
        sa.configuration = ConfigurationExchange.accept(payloads.configuration, sa.connection)
        noteCrashToken(sa, payloads)
        noteMobility(sa, payloads)
        let start = actions.count
        establish(sa, initialContact: payloads.notify(.initialContact) != nil)
        noteLifetime(sa, payloads)
        noteTicket(sa, payloads)
        finishFirstChild(sa, handshake, payloads)
        installFirst(from: start)
        dropHandshake(sa)
        for child in sa.connection.children.dropFirst(handshake.child == nil ? 0 : 1) {
            enqueue(sa, .createChild(child))
        }
    }

    /// We refuse a responder that takes itself to be authenticated: it is told in an exchange of its own (§2.21.2).
    func refuseResponder(_ sa: IKESA, _ cause: FailureReport.Cause) {
        statistics.failed += 1
        report(.failed(sa.id, failure(sa, .authentication, weInitiated: true, cause)))
        current[sa.id] = nil
        dropHandshake(sa)
        sa.phase = .closing
        sa.timers.stopAll()
        sa.timers[.forget] = now + sa.connection.timing.giveUp * 2
        sa.tasks = [QueuedTask(task: .authenticationFailed)]
    }

    /// The responder may send on the child already: the data plane learns of it before log and audit do.
    private func installFirst(from start: Int) {
        let index = actions.indices.dropFirst(start).first { index in
            if case .installChild = actions[index] { true } else { false }
        }
        guard let index else { return }
        actions.insert(actions.remove(at: index), at: start)
    }

    private func finishFirstChild(_ sa: IKESA, _ handshake: Handshake, _ payloads: [Payload]) {
        guard let child = handshake.child, let keys = sa.keys, let suite = sa.suite else { return }
        let agreement: ChildAgreement
        switch readChildResponse(sa, child, payloads) {
        case .failure(let error):
            // RFC 7296 §2.21.2: an answer with a proposal made a Child SA at the responder, which must go again.
            if payloads.securityAssociation != nil { enqueue(sa, .deleteUnused(child.inboundSPI), first: true) }
            return report(
                .childFailed(
                    sa.id,
                    failure(sa, .authentication, weInitiated: true, child: child.configuration.name, error.cause)
                )
            )
        case .success(let read): agreement = read
        }
        guard agreement.suite.keyExchange == nil,
            let material = try? schedule.childKeys(
                suite: agreement.suite,
                prf: suite.prf,
                skD: keys.skD,
                sharedSecret: nil,
                nonces: handshake.context(weInitiated: true)
            )
        else { return }
        let installed = install(
            sa,
            child.configuration,
            child.owner,
            agreement,
            material,
            weInitiated: true,
            sendNow: true
        )
        report(.childEstablished(sa.id, status(of: installed)))
    }
}
