import IKECrypto
import IKEMessage
import IPsecTypes

// Rekeying of the IKE SA (RFC 7296 §1.3.2, §2.18), our request:
//
//     HDR, SK {SA, Ni, KEi} -->
//                         <-- HDR, SK {SA, Nr, KEr}

extension Engine {
    func startRekeyIKE(_ sa: IKESA) {
        guard sa.isEstablished, sa.peerRekeying == nil, current[sa.id] == sa.localSPI, let suite = sa.suite else {
            return
        }
        guard !awaitsRekeying(sa) else {
            // The peer's is under way; should it never go on, ours follows.
            sa.timers[.rekey] = now + jittered(Self.rekeyRetry)
            return
        }
        let spi = freshIKESPI()
        noteOffered(spi, sa.connection.timing)
        let offered = ProposalBuilder.ike(sa.connection.negotiableProposals, spi: spi)
        let methods = sa.connection.negotiableProposals.flatMap(\.keyExchanges)
        guard let method = methods.first(where: { $0 == suite.keyExchange }) ?? methods.first else { return }
        generateRekey(
            sa,
            IKERekeying(localSPI: spi, localNonce: randomBytes(Self.nonceLength), offered: offered, method: method)
        )
    }

    private func generateRekey(_ sa: IKESA, _ rekeying: IKERekeying) {
        var rekeying = rekeying
        rekeying.triedMethods.append(rekeying.method)
        emit(.generateKeyExchange(begin(.generateRekey(rekeying), sa), rekeying.method))
    }

    func rekeyGenerated(_ sa: IKESA, _ rekeying: IKERekeying, _ handle: KeyExchangeHandle?, _ publicValue: [UInt8]) {
        guard let handle else { return rekeyFailed(sa, .keyExchange(rekeying.method)) }
        guard sa.isEstablished else { return discard(handle) }
        var rekeying = rekeying
        rekeying.handle = handle
        rekeying.localPublic = publicValue
        let payloads: [Payload] = [
            .securityAssociation(SecurityAssociationPayload(proposals: rekeying.offered)),
            .nonce(NoncePayload(data: rekeying.localNonce)),
            .keyExchange(KeyExchangePayload(method: rekeying.method, data: publicValue)),
        ]
        sendRequest(sa, .createChildSA, payloads, .rekeyIKE(rekeying))
    }

    func receiveRekeyResponse(_ sa: IKESA, _ rekeying: IKERekeying, _ payloads: [Payload]) {
        var rekeying = rekeying
        if let error = payloads.errorNotify { return rekeyRefused(sa, rekeying, error) }
        sa.temporaryFailures = 0
        guard let suite = ProposalSelection.acceptIKE(payloads.securityAssociation, offered: rekeying.offered),
            let remote = payloads.securityAssociation?.proposals.first?.ikeSPI, remote != .zero,
            let nonce = payloads.nonce, isLongEnough(nonce, for: suite.prf), let exchange = payloads.keyExchange,
            exchange.method == rekeying.method, suite.keyExchange == rekeying.method, let handle = rekeying.handle
        else {
            discard(rekeying.handle)
            // The peer has moved its Child SAs to an IKE SA that we cannot follow to: it is told that this one ends.
            return close(sa, .protocolError("unusable answer to the rekeying of the IKE SA"))
        }
        rekeying.suite = suite
        rekeying.remoteSPI = remote
        rekeying.remoteNonce = nonce
        rekeying.peerPublic = exchange.data
        rekeying.crashToken = payloads.notify(.quickCrashDetection)?.data
        rekeying.handle = nil
        rekeying.link = payloads.notify(.additionalKeyExchange)?.data ?? []
        guard suite.additionalKeyExchanges.isEmpty || !rekeying.link.isEmpty else {
            discard(handle)
            return close(sa, .protocolError("additional key exchanges of the rekeying of the IKE SA without a link"))
        }
        let id = begin(.shareRekey(rekeying), sa)
        emit(.computeSharedSecret(id, handle: handle, method: rekeying.method, peerPublic: exchange.data))
    }

    private func rekeyRefused(_ sa: IKESA, _ rekeying: IKERekeying, _ error: NotifyPayload) {
        discard(rekeying.handle)
        guard sa.isEstablished else { return }
        if let peers = sa.peerRekeying, let successor = sas[peers.successor] {
            report(.collision(sa.id, "\(error.type): the peer's rekeying of the IKE SA stands"))
            return adopt(sa, successor)
        }
        if case .invalidKEPayload(let method) = error.decoded,
            rekeying.offered.contains(where: { $0.transforms.contains(.keyExchange(method)) }),
            !rekeying.triedMethods.contains(method)
        {
            var again = rekeying
            again.handle = nil
            again.method = method
            return generateRekey(sa, again)
        }
        if error.type == .temporaryFailure { return postpone(sa, .rekeyIKE) }
        if error.type == .noProposalChosen {
            return rekeyFailed(sa, .peerRefusedProposals(offered: rekeying.offered.map(ProposalText.describe)))
        }
        rekeyFailed(sa, .peerRefused(error.type))
    }

    /// The IKE SA goes on, and is tried again before it ends.
    func rekeyFailed(_ sa: IKESA, _ cause: FailureReport.Cause) {
        report(.childFailed(sa.id, failure(sa, .child, weInitiated: true, cause)))
        sa.timers[.rekey] = now + jittered(Self.rekeyRetry)
    }

    func rekeyShared(_ sa: IKESA, _ rekeying: IKERekeying, _ secret: SecretBytes?) {
        guard let secret, let suite = rekeying.suite else {
            return close(sa, .protocolError("key exchange of the rekeying of the IKE SA"))
        }
        guard !suite.additionalKeyExchanges.isEmpty else { return concludeRekey(sa, rekeying, [secret]) }
        guard sa.isEstablished else { return }
        startSeries(
            sa,
            KeyExchangeSeries(
                purpose: .ourIKE(rekeying),
                remaining: suite.additionalKeyExchanges,
                secrets: [secret],
                link: rekeying.link
            )
        )
    }

    /// All key exchanges of our rekeying are done.
    func concludeRekey(_ sa: IKESA, _ rekeying: IKERekeying, _ secrets: [SecretBytes]) {
        guard let successor = successor(sa, rekeying, secrets, weInitiated: true) else {
            return close(sa, .protocolError("key exchange of the rekeying of the IKE SA"))
        }
        successor.returning.crashToken = rekeying.crashToken
        announceCrashToken(successor)
        settle(sa, successor, rekeying)
    }

    // MARK: The peer's request

    func receiveRekeyRequest(_ sa: IKESA, _ offered: [Proposal], _ nonce: [UInt8], _ payloads: [Payload]) {
        // RFC 7296 §2.25.1: we are creating, rekeying or closing a Child SA.
        switch sa.requests.outstanding?.context {
        case .createChild, .deleteChildren, .deleteIKE: return refuseTemporarily(sa, "a Child SA is being changed")
        // RFC 9370 §2.2.4: our own exchange is answered already, and its further key exchanges are under way.
        case .followUp: return refuseTemporarily(sa, "additional key exchanges of ours are under way")
        case .initial, .authentication, .rekeyIKE, .probe, .authenticationFailed, .intermediate, .announcement,
            .mobility, nil:
            break
        }
        guard sa.peerRekeying == nil else { return refuseTemporarily(sa, "the IKE SA is rekeyed already") }
        guard sa.replaces.flatMap({ sas[$0] })?.phase != .replaced else {
            return refuseTemporarily(sa, "the IKE SA before it is not deleted yet")
        }
        guard let exchange = payloads.keyExchange else { return refuseSyntax(sa, "rekeying without KE") }
        let selection = ProposalSelection.selectIKE(
            offered: offered,
            accepted: sa.connection.negotiableProposals,
            sent: exchange.method
        )
        let choice: ProposalSelection.IKEChoice
        switch selection {
        case .failure(let error):
            let mismatch = sa.connection.explained(error.mismatch)
            report(.childFailed(sa.id, failure(sa, .child, weInitiated: false, .noProposalChosen(mismatch))))
            return respond(sa, [.notify(.noProposalChosen)])
        case .success(let selected): choice = selected
        }
        let method = choice.suite.keyExchange
        guard method == exchange.method else { return respond(sa, [.invalidKeyExchange(method)]) }
        guard let remote = offered.first(where: { $0.number == choice.proposal.number })?.ikeSPI, remote != .zero,
            method.publicValueLength.map({ $0 == exchange.data.count }) ?? true,
            isLongEnough(nonce, for: choice.suite.prf)
        else { return refuseSyntax(sa, "SPI, KE or nonce of the rekeying of the IKE SA") }
        let rekeying = IKERekeying(
            localSPI: freshIKESPI(),
            remoteSPI: remote,
            localNonce: randomBytes(Self.nonceLength),
            remoteNonce: nonce,
            proposal: choice.proposal,
            suite: choice.suite,
            method: method,
            peerPublic: exchange.data
        )
        answerKeyExchange(sa, .generateRekeyResponse(rekeying), method, exchange.data)
    }

    func rekeyResponseGenerated(
        _ sa: IKESA,
        _ rekeying: IKERekeying,
        _ handle: KeyExchangeHandle?,
        _ publicValue: [UInt8]
    ) {
        guard let handle else {
            // An encapsulation fails when the peer's key is not one (draft-ietf-ipsecme-ikev2-mlkem §2.2).
            if rekeying.method.isEncapsulation { return refuseSyntax(sa, "the public value is refused") }
            return refuseTemporarily(sa, "no key could be made")
        }
        var rekeying = rekeying
        rekeying.localPublic = publicValue
        let id = begin(.shareRekeyResponse(rekeying), sa)
        emit(.computeSharedSecret(id, handle: handle, method: rekeying.method, peerPublic: rekeying.peerPublic))
    }

    func rekeyResponseShared(_ sa: IKESA, _ rekeying: IKERekeying, _ secret: SecretBytes?) {
        guard let secret, let suite = rekeying.suite else { return refuseSyntax(sa, "the public value is refused") }
        guard sa.isEstablished, var proposal = rekeying.proposal else {
            return refuseTemporarily(sa, "closed meanwhile")
        }
        var spi = WireWriter(capacity: 8)
        spi.writeUInt64(rekeying.localSPI.rawValue)
        proposal.spi = spi.bytes
        let answer: [Payload] = [
            .securityAssociation(SecurityAssociationPayload(proposals: [proposal])),
            .nonce(NoncePayload(data: rekeying.localNonce)),
            .keyExchange(KeyExchangePayload(method: rekeying.method, data: rekeying.localPublic)),
        ]
        guard !suite.additionalKeyExchanges.isEmpty else {
            return finishRequestedRekey(sa, rekeying, [secret], answer)
        }
        if case .rekeyIKE? = sa.requests.outstanding?.context {
            report(.collision(sa.id, "simultaneous rekeying of the IKE SA"))
        }
        let series = KeyExchangeSeries(
            purpose: .peersIKE(rekeying),
            remaining: suite.additionalKeyExchanges,
            secrets: [secret],
            link: []
        )
        awaitSeries(sa, series, answer)
    }

    /// All key exchanges of the peer's rekeying are done: makes the IKE SA, and answers the last of them.
    func finishRequestedRekey(
        _ sa: IKESA,
        _ rekeying: IKERekeying,
        _ secrets: [SecretBytes],
        _ answer: [Payload]
    ) {
        guard sa.isEstablished, let successor = successor(sa, rekeying, secrets, weInitiated: false) else {
            return refuseTemporarily(sa, "closed meanwhile")
        }
        respond(sa, answer + crashTokenPayloads(successor))
        guard case .rekeyIKE? = sa.requests.outstanding?.context else { return adopt(sa, successor) }
        report(.collision(sa.id, "simultaneous rekeying of the IKE SA"))
        sa.peerRekeying = PeerIKERekeying(
            successor: successor.localSPI,
            lowestNonce: lowest(rekeying.localNonce, rekeying.remoteNonce)
        )
    }
}
