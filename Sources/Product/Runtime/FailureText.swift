import IKEMessage
import IKEv2
import IPsecTypes

extension FailureReport {
    /// The failure as a user sees it: what differed, whose turn it is, what to do next.
    public var error: CulvertError {
        var details: [(label: String, value: String)] = [("peer", "\(path.remote)")]
        if let connection { details.append(("connection", connection)) }
        if let child { details.append(("child", child)) }
        if let remoteIdentity { details.append(("claimed", "\(remoteIdentity)")) }
        details.append(("reason", word))
        let (code, message, more) = explanation
        return CulvertError(code, message, details: details + more)
    }

    /// A stable word for audit records.
    public var word: String {
        switch cause {
        case .noProposalChosen, .peerRefusedProposals: "no_proposal_chosen"
        case .selectors, .peerRefusedSelectors: "selectors_refused"
        case .identity: "identity_mismatch"
        case .authentication(let failure): failure.reason
        case .refused(let reason): reason.prefixWord ?? "policy_refused"
        case .peerRefused(let type): "peer_refused_\(type)".lowercased()
        case .transportDeclined: "transport_mode_declined"
        case .transportRefused: "transport_mode_refused"
        case .tooManyRetries: "too_many_retries"
        case .keyExchange: "key_exchange_refused"
        case .malformed: "malformed"
        case .protocolViolation: "protocol_violation"
        case .timeout: silence?.losesFragments == true ? "fragments_lost" : "timeout"
        case .limit: "limit"
        case .backend: "backend_refused"
        }
    }

    private typealias Explanation = (ErrorCode, String?, [(label: String, value: String)])

    private var explanation: Explanation {
        switch cause {
        case .noProposalChosen(let mismatch):
            return (
                .noProposalChosen, nil, list(offered: mismatch.offered, accepted: mismatch.accepted, mismatch.reasons)
            )
        case .peerRefusedProposals(let offered):
            return (
                .noProposalChosen, "the peer accepts none of our proposals", list(offered: offered, accepted: [], [])
            )
        case .selectors(let mismatch):
            return (.selectorsRefused, nil, list(mismatch))
        case .peerRefusedSelectors(let mismatch):
            return (.selectorsRefused, "the peer grants none of the selectors we asked for", list(mismatch))
        case .identity(let mismatch):
            let expected = mismatch.expected.map { "\($0)" }.joined(separator: ", ")
            return (.identityMismatch, nil, [("offered", "\(mismatch.claimed)"), ("wanted", expected)])
        case .authentication(let failure):
            let details =
                failure.offered.map { ("offered", $0) } + failure.wanted.map { ("wanted", $0) }
                + failure.compared.map { ("compared", $0) }
            return (authenticationCode(failure.reason), "\(failure)", details)
        case .refused(let reason): return (.policyRefused, reason, [])
        case .peerRefused(let type): return peerRefusal(type)
        case .transportDeclined:
            return (
                .selectorsRefused, "the peer grants tunnel mode only, and transport mode is wanted",
                [("whose", "allow transport mode at the peer, or allow_tunnel for this connection")]
            )
        case .transportRefused(let why): return (.selectorsRefused, why, [])
        case .tooManyRetries(let times):
            return (
                .peerProtocol, "the peer asked for a cookie or another group too often",
                [("compared", "it asked \(times) times, and no IKE_SA_INIT of ours was ever enough")]
            )
        case .keyExchange(let method): return (.peerProtocol, "the key exchange \(method) failed", [])
        case .malformed(let what): return (.peerProtocol, "a malformed message: \(what)", [])
        case .protocolViolation(let what): return (.peerProtocol, what, [])
        case .timeout: return silent(silence)
        case .limit(let what): return (.limitReached, what, [])
        case .backend(let what): return (.kernelRefused, "the data plane refused: \(what)", [])
        }
    }

    private func peerRefusal(_ type: NotifyType) -> Explanation {
        switch type {
        case .authenticationFailed:
            return (
                .authenticationFailed, "the peer refused our identity or credentials",
                [("whose", "the reason stands in the peer's log; the wire does not carry it")]
            )
        case .noProposalChosen: return (.noProposalChosen, "the peer accepts none of our proposals", [])
        case .tsUnacceptable: return (.selectorsRefused, "the peer grants none of the selectors we asked for", [])
        case .internalAddressFailure, .failedCPRequired:
            return (.poolExhausted, "the peer gave us no address (\(type))", [])
        case .temporaryFailure, .noAdditionalSAs: return (.gatewayBusy, "the peer is busy (\(type))", [])
        case .puzzle: return (.gatewayBusy, "the peer is under attack and asks for a puzzle harder than we solve", [])
        default: return (.peerProtocol, "the peer refused with \(type)", [])
        }
    }

    private func authenticationCode(_ reason: String) -> ErrorCode {
        switch reason {
        case "clock_skew": .clocksDiffer
        case "cert_expired": .certificateExpired
        case "cert_not_yet_valid": .certificateNotYetValid
        case "cert_unknown_issuer", "cert_bad_signature", "cert_no_trust_anchor": .untrustedIssuer
        case "cert_not_a_gateway", "cert_ca_as_peer", "cert_extended_key_usage", "cert_key_usage": .wrongRole
        case "cert_revoked": .certificateRevoked
        case "cert_weak_key", "cert_weak_signature": .weakKey
        case "id_mismatch", "id_unusable": .identityMismatch
        case "psk_mismatch": .pskMismatch
        case "auth_method": .methodRefused
        default: .authenticationFailed
        }
    }

    private func list(
        offered: [String],
        accepted: [String],
        _ reasons: [String]
    ) -> [(label: String, value: String)] {
        offered.map { ("offered", $0) } + accepted.map { ("wanted", $0) } + reasons.map { ("compared", $0) }
    }

    private func list(_ mismatch: SelectorMismatch) -> [(label: String, value: String)] {
        func text(_ selectors: [TrafficSelector]) -> String {
            selectors.isEmpty ? "nothing known" : selectors.map { "\($0)" }.joined(separator: ", ")
        }
        return [
            ("offered", "\(text(mismatch.wantedLocal)) === \(text(mismatch.wantedRemote))"),
            ("wanted", "\(text(mismatch.grantedLocal)) === \(text(mismatch.grantedRemote))"),
            ("compared", "our networks === the peer's; one pair at least must overlap on both sides"),
        ]
    }

    /// Which end fell silent: a caller hears nothing of the gateway, a gateway nothing more of its caller.
    private func silent(_ silence: PeerSilence?) -> Explanation {
        if let silence, silence.losesFragments {
            return (.fragmentsLost, "long messages do not pass between us and \(path.remote)", silence.details)
        }
        let message =
            weInitiated
            ? "no answer from \(path.remote) during \(stage.rawValue)"
            : "\(path.remote) began \(stage.rawValue) and said no more"
        return (weInitiated ? .gatewayUnreachable : .peerDead, message, silence?.details ?? [])
    }
}

extension CloseReason {
    /// A stable word for audit records and status.
    public var word: String {
        switch self {
        case .requested: "requested"
        case .deletedByPeer: "deleted_by_peer"
        case .rekeyed: "rekeyed"
        case .redundant: "redundant"
        case .peerDead: "peer_dead"
        case .replaced: "replaced"
        case .initialContact: "initial_contact"
        case .expired: "expired"
        case .lifetime: "lifetime"
        case .protocolError: "protocol_error"
        case .outOfSync: "out_of_sync"
        case .configurationRemoved: "configuration_removed"
        case .ikeSAClosed: "ike_sa_closed"
        case .authenticationFailed: "authentication_failed"
        case .peerRestarted: "peer_restarted"
        case .redirected: "redirected"
        case .addressLost: "address_lost"
        case .addressChanged: "address_changed"
        }
    }
}

extension String {
    /// What stands before the first colon, when that is one word: reasons begin with a stable word.
    fileprivate var prefixWord: String? {
        guard let colon = firstIndex(of: ":") else { return nil }
        let word = self[..<colon]
        return word.utf8.allSatisfy({ $0 == UInt8(ascii: "_") || (97...122).contains($0) }) ? String(word) : nil
    }
}
