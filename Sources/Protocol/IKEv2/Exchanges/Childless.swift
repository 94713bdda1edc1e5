import IKEMessage
import IPsecTypes

// Childless IKE SAs (RFC 6023): IKE_AUTH without SA, TSi and TSr; Child SAs follow by CREATE_CHILD_SA.

/// The Child SA that an IKE_AUTH request asks for.
struct FirstChildRequest {
    var offered: [Proposal]
    /// The peer's side.
    var remoteSelectors: [TrafficSelector]
    /// Our side.
    var localSelectors: [TrafficSelector]
}

extension Engine {
    /// CHILDLESS_IKEV2_SUPPORTED of a responder (RFC 6023 §3, §4).
    func childlessCapability(_ connection: ConnectionConfiguration) -> [Payload] {
        guard connection.returning.childless != .never else { return [] }
        return [.notify(NotifyPayload(protocolID: .ike, spi: [], type: .childlessIKEv2Supported))]
    }

    /// Whether our IKE_AUTH asks for no child. RFC 6023 §3: only when the responder said that it may.
    func isChildless(_ sa: IKESA, _ handshake: Handshake) -> Bool {
        sa.connection.returning.childless == .prefer && handshake.peerTakesChildless
    }

    /// What an IKE_AUTH request asks for, an empty request when it is childless and may be; nil after a refusal.
    func childRequest(_ sa: IKESA, _ payloads: [Payload]) -> FirstChildRequest? {
        if let offered = payloads.securityAssociation?.proposals, let remote = payloads.initiatorSelectors,
            let local = payloads.responderSelectors
        {
            return FirstChildRequest(
                offered: offered,
                remoteSelectors: remote.selectors,
                localSelectors: local.selectors
            )
        }
        let isEmpty =
            payloads.securityAssociation == nil && payloads.initiatorSelectors == nil
            && payloads.responderSelectors == nil
        if isEmpty, sa.connection.returning.childless != .never {
            return FirstChildRequest(offered: [], remoteSelectors: [], localSelectors: [])
        }
        // RFC 6023 §3: whoever does not support it answers INVALID_SYNTAX.
        respond(sa, [.notify(.invalidSyntax)])
        fail(sa, .malformed("IKE_AUTH without IDi, SA, TSi or TSr"))
        return nil
    }
}
