import IKECrypto
import IKEMessage
import IPsecTypes

// IKE_AUTH, our side as initiator (RFC 7296 §1.2):
//
//     HDR, SK{IDi, [CERT,] [N(INITIAL_CONTACT),] [CERTREQ,] [IDr,] AUTH, [CP,] SAi2, TSi, TSr} -->
//                         <-- HDR, SK{IDr, [CERT,] AUTH, [CP,] SAr2, TSi, TSr}

extension Engine {
    func proveInitiator(_ sa: IKESA, _ handshake: Handshake) {
        guard requestProof(sa, .proveInitiator) else { return fail(sa, .authentication("no octets to sign")) }
    }

    func initiatorProved(_ sa: IKESA, _ proof: AuthenticationPayload?) {
        guard let handshake = sa.handshake, let proof else {
            return fail(sa, .authentication("our key gives no signature that the peer takes"))
        }
        guard let configured = sa.connection.children.first else { return fail(sa, .limit("no child")) }
        let child = negotiation(sa, configured)
        handshake.child = child
        var payloads: [Payload] = [.identificationInitiator(sa.connection.localIdentity.payload)]
        payloads += certificatePayloads(sa.connection)
        if isOnlyOne(sa) { payloads.append(.notify(.initialContact)) }
        if let request = certificateRequest([sa.connection]) { payloads.append(request) }
        if case .oneOf(let identities) = sa.connection.remoteIdentity, let first = identities.first,
            identities.count == 1
        {
            payloads.append(.identificationResponder(first.payload))
        }
        payloads.append(.authentication(proof))
        if let request = ConfigurationExchange.request(sa.connection) { payloads.append(request) }
        payloads += [
            .securityAssociation(SecurityAssociationPayload(proposals: child.offered)),
            .trafficSelectorsInitiator(TrafficSelectorPayload(selectors: child.localSelectors)),
            .trafficSelectorsResponder(TrafficSelectorPayload(selectors: child.remoteSelectors)),
        ]
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
            remoteSelectors: Array(child.remoteSelectors.prefix(configuration.limits.selectors)),
            offered: ProposalBuilder.esp(child.proposals, spi: spi, withKeyExchange: false)
        )
    }

    /// Our side of a child: as configured, or our virtual address; before we have one, everything of the families that we
    /// ask for, to be narrowed by the responder (RFC 7296 §2.19).
    func wantedLocal(_ sa: IKESA, _ child: ChildConfiguration) -> [TrafficSelector] {
        if !child.localSelectors.isEmpty { return child.localSelectors }
        if !sa.configuration.addresses.isEmpty { return Narrowing.hosts(sa.configuration.addresses) }
        let families = sa.connection.requestedAddresses
        return families.isEmpty
            ? Narrowing.hosts([sa.path.local.address]) : families.map { TrafficSelector.everything($0) }
    }

    /// Whether we have no other IKE SA with this peer, so that it may drop what it has of us.
    private func isOnlyOne(_ sa: IKESA) -> Bool {
        !sas.values.contains { other in
            other !== sa && other.isEstablished && other.connection.localIdentity == sa.connection.localIdentity
                && (other.connection.remoteIdentity == sa.connection.remoteIdentity
                    || other.path.remote.address == sa.path.remote.address)
        }
    }

    func receiveAuthResponse(_ sa: IKESA, _ payloads: [Payload]) {
        guard payloads.authentication != nil, let identification = payloads.identificationResponder else {
            if let error = payloads.errorNotify { return fail(sa, .peerRefused(error.type)) }
            return refuseResponder(sa, .protocolViolation("IKE_AUTH without IDr or AUTH"))
        }
        let claim: PeerClaim
        switch readClaim(identification, payloads) {
        case .failure(let error): return refuseResponder(sa, .authentication(error.reason))
        case .success(let read): claim = read
        }
        sa.remoteIdentity = claim.identity
        guard claim.identity != sa.connection.localIdentity else {
            return refuseResponder(sa, .authentication("the peer claims to be us"))
        }
        guard sa.connection.remoteIdentity.allows(claim.identity) else {
            return refuseResponder(sa, .identity(mismatch(claim.identity, sa.connection.remoteIdentity)))
        }
        let response = AuthResponse(claim: claim, payloads: payloads)
        guard requestVerification(sa, .verifyResponder(response), claim) else {
            return refuseResponder(
                sa,
                .authentication("method \(claim.authentication.method) is not what we configured")
            )
        }
    }

    func mismatch(_ claimed: Identity, _ expected: RemoteIdentity) -> IdentityMismatch {
        switch expected {
        case .any, .anyDistinguishedName: IdentityMismatch(claimed: claimed, expected: [])
        case .oneOf(let identities): IdentityMismatch(claimed: claimed, expected: identities)
        }
    }

    func responderVerified(_ sa: IKESA, _ response: AuthResponse, _ outcome: PeerVerification) {
        guard let handshake = sa.handshake else { return }
        switch outcome {
        case .refused(let reason): refuseResponder(sa, .authentication(reason))
        case .accepted(let peer):
            sa.peer = peer
            sa.notAfter = end(nil, peer)
            sa.configuration = ConfigurationExchange.accept(response.payloads.configuration, sa.connection)
            establish(sa, initialContact: response.payloads.notify(.initialContact) != nil)
            finishFirstChild(sa, handshake, response.payloads)
            sa.handshake = nil
            for child in sa.connection.children.dropFirst() { enqueue(sa, .createChild(child)) }
        }
    }

    /// We refuse a responder that takes itself to be authenticated: it is told in an exchange of its own (§2.21.2).
    private func refuseResponder(_ sa: IKESA, _ cause: FailureReport.Cause) {
        statistics.failed += 1
        report(.failed(sa.id, failure(sa, .authentication, weInitiated: true, cause)))
        current[sa.id] = nil
        sa.handshake = nil
        sa.phase = .closing
        sa.timers.stopAll()
        sa.timers[.forget] = now + sa.connection.timing.giveUp * 2
        sa.tasks = [QueuedTask(task: .authenticationFailed)]
    }

    private func finishFirstChild(_ sa: IKESA, _ handshake: Handshake, _ payloads: [Payload]) {
        guard let child = handshake.child, let keys = sa.keys, let suite = sa.suite else { return }
        let agreement: ChildAgreement
        switch readChildResponse(child, payloads) {
        case .failure(let error):
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
