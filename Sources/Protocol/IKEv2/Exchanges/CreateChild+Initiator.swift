import IKECrypto
import IKEMessage
import IPsecTypes

// CREATE_CHILD_SA, our request for a new Child SA or the rekeying of one (RFC 7296 §1.3.1, §1.3.3):
//
//     HDR, SK {[N(REKEY_SA),] SA, Ni, [KEi,] TSi, TSr} -->
//                         <-- HDR, SK {SA, Nr, [KEr,] TSi, TSr}

extension Engine {
    func startCreateChild(_ sa: IKESA, _ child: ChildConfiguration) {
        // One live Child SA a name: a second request for it is an echo.
        guard !sa.children.contains(where: { $0.isLive && $0.configuration.name == child.name }) else { return }
        guard sa.children.count < configuration.limits.children else {
            let cause = FailureReport.Cause.limit("\(configuration.limits.children) children")
            return report(.childFailed(sa.id, failure(sa, .child, weInitiated: true, child: child.name, cause)))
        }
        startNegotiation(sa, child, child.owner, wantedLocal(sa, child), wantedRemote(sa, child), rekeyed: nil)
    }

    func startRekeyChild(_ sa: IKESA, _ spi: SPI) {
        // The peer may have rekeyed or deleted it meanwhile.
        guard let old = sa.child(inbound: spi), old.phase == .installed, old.peerRekeying == nil else { return }
        guard !awaitsRekeying(sa, of: spi) else {
            // The peer's is under way; should it never go on, ours follows.
            old.rekeyAt = now + jittered(Self.rekeyRetry)
            return
        }
        old.phase = .rekeying
        startNegotiation(sa, old.configuration, old.owner, old.localSelectors, old.remoteSelectors, rekeyed: old)
    }

    private func startNegotiation(
        _ sa: IKESA,
        _ child: ChildConfiguration,
        _ owner: ChildSAOwner,
        _ local: [TrafficSelector],
        _ remote: [TrafficSelector],
        rekeyed: ChildSA?
    ) {
        let spi = freshSPI()
        let negotiation = ChildNegotiation(
            configuration: child,
            owner: owner,
            inboundSPI: spi,
            nonce: randomBytes(Self.nonceLength),
            localSelectors: Array(local.prefix(configuration.limits.selectors)),
            remoteSelectors: Array(remote.prefix(configuration.limits.selectors)),
            // A rekeying keeps the mode that was agreed, whatever else would do.
            mode: rekeyed?.mode ?? child.mode,
            allowsTunnelFallback: rekeyed == nil && child.allowsTunnelFallback,
            offered: ProposalBuilder.esp(child.proposals, spi: spi, withKeyExchange: true),
            rekeyed: rekeyed?.inboundSPI
        )
        let methods = child.proposals.flatMap(\.keyExchanges).filter { $0 != .none }
        let known = rekeyed?.suite.keyExchange ?? sa.suite?.keyExchange
        guard let method = methods.first(where: { $0 == known }) ?? methods.first else {
            return sendNegotiation(sa, negotiation)
        }
        generateChild(sa, negotiation, method)
    }

    private func generateChild(_ sa: IKESA, _ negotiation: ChildNegotiation, _ method: KeyExchangeMethod) {
        var negotiation = negotiation
        negotiation.method = method
        negotiation.triedMethods.append(method)
        emit(.generateKeyExchange(begin(.generateChild(negotiation), sa), method))
    }

    func childGenerated(
        _ sa: IKESA,
        _ negotiation: ChildNegotiation,
        _ handle: KeyExchangeHandle?,
        _ publicValue: [UInt8]
    ) {
        guard let handle else { return abandon(sa, negotiation, .keyExchange(negotiation.method ?? .none)) }
        // A close may have come while the key was made.
        guard sa.isEstablished else { return discard(handle) }
        var negotiation = negotiation
        negotiation.handle = handle
        negotiation.publicValue = publicValue
        sendNegotiation(sa, negotiation)
    }

    private func sendNegotiation(_ sa: IKESA, _ negotiation: ChildNegotiation) {
        var payloads: [Payload] = []
        if let old = negotiation.rekeyed {
            var spi = WireWriter(capacity: 4)
            spi.writeUInt32(old.rawValue)
            payloads.append(.notify(NotifyPayload(protocolID: .esp, spi: spi.bytes, type: .rekeySA)))
        }
        payloads += modePayloads(negotiation.mode)
        payloads.append(.securityAssociation(SecurityAssociationPayload(proposals: negotiation.offered)))
        payloads.append(.nonce(NoncePayload(data: negotiation.nonce)))
        if let method = negotiation.method {
            payloads.append(.keyExchange(KeyExchangePayload(method: method, data: negotiation.publicValue)))
        }
        payloads.append(.trafficSelectorsInitiator(TrafficSelectorPayload(selectors: negotiation.localSelectors)))
        payloads.append(.trafficSelectorsResponder(TrafficSelectorPayload(selectors: negotiation.remoteSelectors)))
        sa.earlyDeletes = []
        sendRequest(sa, .createChildSA, payloads, .createChild(negotiation))
    }

    func receiveChildResponse(_ sa: IKESA, _ negotiation: ChildNegotiation, _ payloads: [Payload]) {
        guard sa.isEstablished else { return discard(negotiation.handle) }
        if let error = payloads.errorNotify {
            if case .invalidKEPayload(let method) = error.decoded { return retry(sa, negotiation, with: method) }
            return childRefused(sa, negotiation, error.type)
        }
        sa.temporaryFailures = 0
        var agreement: ChildAgreement
        switch readChildResponse(sa, negotiation, payloads) {
        case .failure(let error): return reject(sa, negotiation, error.cause)
        case .success(let read): agreement = read
        }
        guard let nonce = payloads.nonce, isLongEnough(nonce, for: sa.suite?.prf ?? .hmacSHA256) else {
            return reject(sa, negotiation, .protocolViolation("no nonce"))
        }
        agreement.remoteNonce = nonce
        agreement.link = payloads.notify(.additionalKeyExchange)?.data ?? []
        guard agreement.suite.additionalKeyExchanges.isEmpty || !agreement.link.isEmpty else {
            return reject(sa, negotiation, .protocolViolation("additional key exchanges without a link"))
        }
        guard let method = agreement.suite.keyExchange else {
            discard(negotiation.handle)
            return concludeChild(sa, negotiation, agreement, [])
        }
        guard let handle = negotiation.handle, method == negotiation.method, let exchange = payloads.keyExchange,
            exchange.method == method
        else { return reject(sa, negotiation, .protocolViolation("key exchange differs from the proposal")) }
        var negotiation = negotiation
        negotiation.handle = nil
        let id = begin(.shareChild(negotiation, agreement), sa)
        emit(.computeSharedSecret(id, handle: handle, method: method, peerPublic: exchange.data))
    }

    /// Reads SA and selectors of an answer; also used for the child of IKE_AUTH.
    func readChildResponse(
        _ sa: IKESA,
        _ asked: ChildNegotiation,
        _ payloads: [Payload]
    ) -> Result<ChildAgreement, ChildError> {
        guard
            let (suite, spi, proposal) = ProposalSelection.acceptESP(
                payloads.securityAssociation,
                offered: asked.offered
            )
        else {
            guard let error = payloads.errorNotify else {
                return .failure(ChildError(.protocolViolation("the proposal chosen is not one of ours")))
            }
            return .failure(ChildError(refusal(asked, error.type)))
        }
        let answered: AgreedSelectors
        switch readSelectors(sa, asked, payloads) {
        case .failure(let error): return .failure(error)
        case .success(let read): answered = read
        }
        guard Narrowing.isNarrowed(answered.local, from: asked.localSelectors),
            Narrowing.isNarrowed(answered.remote, from: asked.remoteSelectors)
        else {
            return .failure(
                ChildError(
                    .selectors(
                        SelectorMismatch(
                            wantedLocal: asked.localSelectors,
                            wantedRemote: asked.remoteSelectors,
                            grantedLocal: answered.local,
                            grantedRemote: answered.remote
                        )
                    )
                )
            )
        }
        return .success(
            ChildAgreement(
                suite: suite,
                proposal: proposal,
                outboundSPI: spi,
                inboundSPI: asked.inboundSPI,
                mode: answered.mode,
                originalAddresses: answered.originalAddresses,
                localSelectors: answered.local,
                remoteSelectors: answered.remote,
                remoteNonce: [],
                localNonce: asked.nonce
            )
        )
    }

    /// A refusal by the peer, with what we had asked for.
    func refusal(_ asked: ChildNegotiation, _ type: NotifyType) -> FailureReport.Cause {
        switch type {
        case .noProposalChosen: .peerRefusedProposals(offered: asked.offered.map(ProposalText.describe))
        case .tsUnacceptable:
            .peerRefusedSelectors(
                SelectorMismatch(
                    wantedLocal: asked.localSelectors,
                    wantedRemote: asked.remoteSelectors,
                    grantedLocal: [],
                    grantedRemote: []
                )
            )
        default: .peerRefused(type)
        }
    }

    private func retry(_ sa: IKESA, _ negotiation: ChildNegotiation, with method: KeyExchangeMethod) {
        discard(negotiation.handle)
        var negotiation = negotiation
        negotiation.handle = nil
        let offered = negotiation.offered.contains { $0.transforms.contains(.keyExchange(method)) }
        guard offered, method != .none, !negotiation.triedMethods.contains(method) else {
            return abandon(sa, negotiation, .peerRefused(.invalidKEPayload))
        }
        generateChild(sa, negotiation, method)
    }

    func childShared(
        _ sa: IKESA,
        _ negotiation: ChildNegotiation,
        _ agreement: ChildAgreement,
        _ secret: SecretBytes?
    ) {
        guard sa.isEstablished else { return }
        guard let secret else {
            // A ciphertext that is none ends the IKE SA (draft-ietf-ipsecme-ikev2-mlkem §2.2).
            if negotiation.method?.isEncapsulation == true {
                return close(sa, .protocolError("the ciphertext of the key exchange is refused"))
            }
            return reject(sa, negotiation, .keyExchange(negotiation.method ?? .none))
        }
        guard !agreement.suite.additionalKeyExchanges.isEmpty else {
            return concludeChild(sa, negotiation, agreement, [secret])
        }
        startSeries(
            sa,
            KeyExchangeSeries(
                purpose: .ourChild(negotiation, agreement),
                remaining: agreement.suite.additionalKeyExchanges,
                secrets: [secret],
                link: agreement.link
            )
        )
    }

    /// The peer has made a Child SA that we cannot use: it must go again (RFC 7296 §2.21).
    private func reject(_ sa: IKESA, _ negotiation: ChildNegotiation, _ cause: FailureReport.Cause) {
        discard(negotiation.handle)
        enqueue(sa, .deleteUnused(negotiation.inboundSPI), first: true)
        abandon(sa, negotiation, cause)
    }

    /// Gives up on a request. A Child SA that was to be rekeyed goes on, and is tried again before it ends.
    func abandon(_ sa: IKESA, _ negotiation: ChildNegotiation, _ cause: FailureReport.Cause) {
        let name = negotiation.configuration.name
        report(.childFailed(sa.id, failure(sa, .child, weInitiated: true, child: name, cause)))
        guard let spi = negotiation.rekeyed else { return }
        sa.childCollisions[spi] = nil
        guard let old = sa.child(inbound: spi), old.phase == .rekeying else { return }
        old.phase = old.peerRekeying == nil ? .installed : .replaced
        if old.peerRekeying == nil { old.rekeyAt = now + jittered(Self.rekeyRetry) }
    }

    /// When a refused rekeying is tried again.
    static let rekeyRetry: ClosedRange<Duration> = .seconds(20) ... .seconds(40)
}

/// Why an answer to our request for a Child SA cannot be used.
struct ChildError: Error {
    var cause: FailureReport.Cause

    init(_ cause: FailureReport.Cause) { self.cause = cause }
}
