import IKECrypto
import IKEMessage
import IPsecTypes

// Post-quantum pre-shared keys (RFC 8784 §3), both roles:
//
//     HDR, SAi1, KEi, Ni, N(USE_PPK) -->
//                         <-- HDR, SAr1, KEr, Nr, N(USE_PPK)
//     HDR, SK {IDi, AUTH, SAi2, TSi, TSr, N(PPK_IDENTITY, PPK_ID), [N(NO_PPK_AUTH)]} -->
//                         <-- HDR, SK {IDr, AUTH, SAr2, TSi, TSr, N(PPK_IDENTITY)}
//
// The key stays with the oracle, which answers with SK_d, SK_pi and SK_pr. IKE_INTERMEDIATE comes before: the key goes into
// the last keys. Of several rounds (RFC 4739), the first request of the initiator's that has AUTH names the key, and the answer
// to it agrees; every AUTH after that is made with the changed keys. RFC 8784 says nothing of rounds; strongSwan does the same.

/// What a handshake knows of post-quantum pre-shared keys.
struct PPKState {
    /// What waits for the oracle.
    enum Continuation {
        /// Initiator: IKE_AUTH begins.
        case initiator
        /// Responder: the initiator's round with AUTH.
        case round(PeerClaim, follows: Bool)
        /// Responder: AUTH that concludes EAP.
        case eapProof([Payload])
    }

    /// Whether both ends sent USE_PPK.
    var isAgreed = false
    /// The keys with the PPK in them, where the oracle has made them.
    var mixed: PPKKeys?
    /// The keys without it, while those with it are in use.
    var plain: PPKKeys?
    /// AUTH data made without it, for NO_PPK_AUTH (initiator).
    var fallback: [UInt8]?
    /// What waits for the oracle.
    var continuation: Continuation?
    /// Whether the PPK is in use (responder).
    var isUsed = false
    /// Whether the initiator has been told so.
    var isConfirmed = false
    /// The name of the key that the oracle was asked for.
    var identifier: [UInt8] = []
    /// Whether it is settled if the PPK is used: by the responder's answer (initiator), by a request with AUTH (responder).
    var isSettled = false
}

extension Engine {
    // MARK: IKE_SA_INIT

    /// USE_PPK, where the initiator's connection has a key.
    func ppkOffer(_ connection: ConnectionConfiguration) -> [Payload] {
        connection.ppk == nil ? [] : [.notify(.usePPK)]
    }

    /// USE_PPK, where the initiator sent it and a connection for these addresses has a key.
    func ppkAnswer(_ sa: IKESA, _ handshake: Handshake) -> [Payload] {
        handshake.ppk.isAgreed ? [.notify(.usePPK)] : []
    }

    /// Responder: whether the request asks for what a connection has.
    func notePPKOffer(_ sa: IKESA, _ handshake: Handshake, _ payloads: [Payload]) {
        handshake.ppk.isAgreed =
            payloads.notify(.usePPK) != nil
            && configuration.connections.contains { $0.ppk != nil && matches($0, sa.path) }
    }

    // MARK: Initiator

    /// All key exchanges are done: IKE_AUTH begins, after the oracle where a key is agreed.
    func beginAuthentication(_ sa: IKESA, _ handshake: Handshake) {
        guard let ppk = sa.connection.ppk else { return proveInitiator(sa, handshake) }
        guard handshake.ppk.isAgreed, let entry = ppk.entries.first else {
            guard !ppk.isRequired else {
                return fail(sa, .authentication("ppk_missing: the peer uses no post-quantum pre-shared keys"))
            }
            return proveInitiator(sa, handshake)
        }
        mix(sa, handshake, entry, .initiator)
    }

    /// Puts the PPK's keys in use, or the plain ones.
    func usePPK(_ sa: IKESA, _ handshake: Handshake, _ isUsed: Bool) {
        guard let keys = sa.keys else { return }
        if isUsed, let mixed = handshake.ppk.mixed, handshake.ppk.plain == nil {
            handshake.ppk.plain = keys.ppkPart
            sa.keys = keys.replacing(mixed)
        } else if !isUsed, let plain = handshake.ppk.plain {
            handshake.ppk.plain = nil
            sa.keys = keys.replacing(plain)
        }
    }

    /// PPK_IDENTITY, and NO_PPK_AUTH where we go on without, beside our first AUTH payload (initiator).
    func ppkNotifies(_ sa: IKESA, _ handshake: Handshake) -> [Payload] {
        guard handshake.ppk.mixed != nil, !handshake.ppk.isSettled, let entry = sa.connection.ppk?.entries.first
        else { return [] }
        let identity = Payload.notify(.ppkIdentity, [entry.type.rawValue] + entry.identifier)
        return [identity] + (handshake.ppk.fallback.map { [.notify(.noPPKAuth, $0)] } ?? [])
    }

    /// Whether another proof, without the PPK, has to be made before the one with it.
    func needsFallbackProof(_ sa: IKESA, _ handshake: Handshake) -> Bool {
        handshake.ppk.mixed != nil && handshake.ppk.fallback == nil && sa.connection.ppk?.isRequired == false
    }

    /// The answer to the request that named the key says whether the responder uses it. False when it may not go on without.
    func notePPKAnswer(_ sa: IKESA, _ handshake: Handshake, _ payloads: [Payload]) -> Bool {
        guard handshake.ppk.mixed != nil, !handshake.ppk.isSettled else { return true }
        handshake.ppk.isSettled = true
        if payloads.notify(.ppkIdentity) != nil { return true }
        guard sa.connection.ppk?.isRequired == false, handshake.ppk.fallback != nil else { return false }
        usePPK(sa, handshake, false)
        handshake.ppk.mixed = nil
        return true
    }

    // MARK: Responder

    private enum PPKDecision {
        case plain
        case without([UInt8])
        case use(PPKSettings.Entry)
        case refuse(AuthenticationFailure)
    }

    /// RFC 8784 §3, Table 1.
    private func decide(_ sa: IKESA, _ handshake: Handshake, _ payloads: [Payload]) -> PPKDecision {
        let settings = sa.connection.ppk
        guard handshake.ppk.isAgreed else {
            guard settings?.isRequired != true else {
                return .refuse("ppk_missing: the peer did not offer to use a post-quantum pre-shared key")
            }
            return .plain
        }
        guard case .ppkIdentity(let type, let identifier)? = payloads.notify(.ppkIdentity)?.decoded else {
            return .refuse("ppk_missing: the peer named no post-quantum pre-shared key")
        }
        if let entry = settings?.entries.first(where: { $0.type.rawValue == type && $0.identifier == identifier }) {
            return .use(entry)
        }
        guard settings?.isRequired != true else {
            return .refuse("ppk_unknown: the post-quantum pre-shared key that the peer names is not one of ours")
        }
        guard let fallback = payloads.notify(.noPPKAuth)?.data else {
            return .refuse("ppk_unknown: the peer insists on a post-quantum pre-shared key that we do not know")
        }
        return .without(fallback)
    }

    /// A round of the initiator's that has AUTH: with the PPK, without, or not at all.
    func beginRoundWithPPK(
        _ sa: IKESA,
        _ handshake: Handshake,
        _ claim: PeerClaim,
        _ payloads: [Payload],
        follows: Bool
    ) {
        // With EAP, AUTH comes later, and the key with it.
        guard let authentication = claim.authentication else {
            return beginRound(sa, handshake, claim, follows: follows)
        }
        handshake.ppk.isSettled = true
        switch decide(sa, handshake, payloads) {
        case .plain: beginRound(sa, handshake, claim, follows: follows)
        case .refuse(let failure): refuseInitiator(sa, .authentication(failure))
        case .without(let data):
            var claim = claim
            claim.authentication = AuthenticationPayload(method: authentication.method, data: data)
            beginRound(sa, handshake, claim, follows: follows)
        case .use(let entry): mix(sa, handshake, entry, .round(claim, follows: follows))
        }
    }

    /// AUTH that concludes EAP, with the PPK or without.
    func receiveEAPProofWithPPK(_ sa: IKESA, _ handshake: Handshake, _ payloads: [Payload]) {
        guard !handshake.ppk.isSettled else { return concludeEAPRound(sa, handshake, payloads) }
        handshake.ppk.isSettled = true
        switch decide(sa, handshake, payloads) {
        case .plain: concludeEAPRound(sa, handshake, payloads)
        case .refuse(let failure): refuseInitiator(sa, .authentication(failure))
        case .without(let data):
            let replaced = payloads.map { payload -> Payload in
                guard case .authentication(let authentication) = payload else { return payload }
                return .authentication(AuthenticationPayload(method: authentication.method, data: data))
            }
            concludeEAPRound(sa, handshake, replaced)
        case .use(let entry): mix(sa, handshake, entry, .eapProof(payloads))
        }
    }

    /// PPK_IDENTITY without data: the key is in use. It goes once, beside the AUTH that answers the request that named it.
    func ppkConfirmation(_ handshake: Handshake) -> [Payload] {
        guard handshake.ppk.isUsed, !handshake.ppk.isConfirmed else { return [] }
        handshake.ppk.isConfirmed = true
        return [.notify(.ppkIdentity)]
    }

    // MARK: The oracle

    private func mix(
        _ sa: IKESA,
        _ handshake: Handshake,
        _ entry: PPKSettings.Entry,
        _ continuation: PPKState.Continuation
    ) {
        guard let keys = sa.keys, let suite = sa.suite else { return fail(sa, .limit("no keys")) }
        handshake.ppk.continuation = continuation
        handshake.ppk.identifier = entry.identifier
        let id = begin(.mixPPK, sa)
        emit(.mixPPK(id, PPKRequest(ikeSA: sa.id, key: entry.key, prf: suite.prf, keys: keys.ppkPart)))
    }

    func ppkMixed(_ sa: IKESA, _ keys: PPKKeys?) {
        guard let handshake = sa.handshake, let continuation = handshake.ppk.continuation else { return }
        handshake.ppk.continuation = nil
        guard let keys else {
            let failure: AuthenticationFailure = "ppk_missing: the file of the post-quantum pre-shared key was not read"
            guard sa.isInitiator else { return refuseInitiator(sa, .authentication(failure)) }
            return fail(sa, .authentication(failure))
        }
        handshake.ppk.mixed = keys
        switch continuation {
        case .initiator: proveInitiator(sa, handshake)
        case .round(let claim, let follows):
            usePPK(sa, handshake, true)
            handshake.ppk.isUsed = true
            beginRound(sa, handshake, claim, follows: follows)
        case .eapProof(let payloads):
            usePPK(sa, handshake, true)
            handshake.ppk.isUsed = true
            concludeEAPRound(sa, handshake, payloads)
        }
    }
}
