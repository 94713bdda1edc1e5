import IKEMessage
import IKEv2
import IPsecTypes

/// The EAP double of a host: no method is configured.
extension SimulatedHost {
    func carryOutEAP(_ action: IKEAction) {
        switch action {
        case .eapServer(let id, let request):
            let identifier = request.response.flatMap { EAPPayload(packet: $0)?.identifier } ?? 0
            let failure = EAPPayload.failure(identifier).packet
            answer(.eapServerStepped(id, .failed(failure: failure, reason: "eap_unconfigured: no EAP is configured")))
        case .eapPeer(let id, _): answer(.eapPeerStepped(id, .failed(reason: "eap_unconfigured: no EAP is configured")))
        default: break
        }
    }
}
