import IKEMessage
import IKEv2
import IPsecTypes

/// The EAP of a host, in either role; one without settings takes no part in it.
extension SimulatedHost {
    func carryOutEAP(_ action: IKEAction) {
        switch action {
        case .eapServer(let id, let request): answer(.eapServerStepped(id, serve(request)))
        case .eapPeer(let id, let request): answer(.eapPeerStepped(id, respond(request)))
        case .eapEnd(let session): if description.sabotage != .keepsConversations { eap.end(session) }
        default: break
        }
    }

    private func serve(_ request: EAPServerRequest) -> EAPServerStep {
        guard let settings = description.eap, !fails() else {
            let identifier = request.response.flatMap { EAPPayload(packet: $0)?.identifier } ?? 0
            let failure = EAPPayload.failure(identifier).packet
            return .failed(failure: failure, reason: "eap_unconfigured: no EAP is configured")
        }
        let names = Set(world.hosts.compactMap { Self.text(of: $0.description.identity) })
        let step = eap.serve(request, settings, &random) {
            names.contains($0) ? EAPDescription.password(of: $0) : nil
        }
        if case .succeeded = step { world.statistics.provedByEAP += 1 }
        return step
    }

    private func respond(_ request: EAPPeerRequest) -> EAPPeerStep {
        guard let settings = description.eap, let name = Self.text(of: description.identity), !fails() else {
            return .failed(reason: "eap_unconfigured: no EAP is configured")
        }
        return eap.answer(request, settings, name: name, &random)
    }

    /// The name that an identity of a simulated host carries.
    static func text(of identity: Identity) -> String? {
        switch identity {
        case .fqdn(let name): name
        case .keyID(let bytes): String(decoding: bytes, as: UTF8.self)
        default: nil
        }
    }
}
