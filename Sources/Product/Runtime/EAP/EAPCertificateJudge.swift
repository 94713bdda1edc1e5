import EAP
import IKEv2
import IPsecTypes
import PKI

/// Judges certificates of EAP-TLS and EAP-TTLS after TLS has: path rules, strength and revocation are those of IKE's peers.
public struct EAPCertificateJudge: Sendable {
    private let anchors: TrustAnchors
    private let revocation: @Sendable () -> any RevocationView
    private let validator = PathValidator()
    /// A path within the limits takes milliseconds; more than this is a fault of ours, and a refusal.
    private static let patience = 10.0

    /// Makes a judge.
    ///
    /// - Parameters:
    ///   - anchors: the roots that TLS was told as well.
    ///   - revocation: the newest snapshot of revocations, taken for each certificate.
    public init(
        anchors: TrustAnchors,
        revocation: @escaping @Sendable () -> any RevocationView = { RevokedSerials() }
    ) {
        self.anchors = anchors
        self.revocation = revocation
    }

    /// The verdict, and with a good one what the certificate says. Waits: it is for a pool's thread.
    func judge(
        _ question: EAPCertificateQuestion,
        wallClock: WallTime
    ) -> (verdict: EAPCertificateVerdict, peer: ValidatedPeer?) {
        let box = Waiting<Result<ValidatedPeer, ValidationFailure>>()
        let (validator, anchors, view) = (validator, anchors, revocation())
        Task {
            let result = await validator.validate(
                chain: question.chain,
                anchors: anchors,
                wallClock: wallClock,
                purpose: .tls,
                revocation: view
            )
            box.finish(result)
        }
        switch box.wait(seconds: Self.patience) ?? .failure(.pathRule(reason: "validation did not end")) {
        case .failure(let failure): return (.refused(reason: AuthenticationFailure(failure).description), nil)
        case .success(let peer):
            guard let name = Self.name(of: peer, claimed: question.claimed) else {
                return (.refused(reason: "the certificate has no name that could be an identity"), nil)
            }
            return (.accepted(identity: name), peer)
        }
    }

    /// Whom a certificate proves (RFC 5216 §5.2): the claimed name when the certificate has it, else its first e-mail
    /// address, DNS name or URI. Subjects are not looked at: their text has no one form.
    static func name(of peer: ValidatedPeer, claimed: String) -> String? {
        let names = peer.names.emails + peer.names.dns + peer.names.uris
        return names.contains(claimed) ? claimed : names.first
    }

    /// Why the certificate of an earlier judgement is good no more; nil when it is.
    func refusal(of request: PeerRevalidationRequest, wallClock: WallTime) -> String? {
        if let end = request.notAfter, end <= wallClock { return "certificate_expired: it ended meanwhile" }
        guard let serial = request.attributes["serial"].flatMap({ CertificateSerial($0) }),
            let issuer = request.attributes["issuer"].flatMap({ SPKIFingerprint($0) })
        else { return "certificate_unknown: the ticket does not say which certificate it was" }
        guard case .revoked = revocation().status(of: serial, issuer: issuer) else { return nil }
        return "certificate_revoked: it was revoked meanwhile"
    }
}

extension EAPCertificateJudge? {
    /// The same for a method that may have had no certificate at all.
    func refusal(of request: PeerRevalidationRequest, wallClock: WallTime) -> String? {
        guard request.attributes["serial"] != nil || request.notAfter != nil else { return nil }
        guard let judge = self else { return "no authority for clients is configured" }
        return judge.refusal(of: request, wallClock: wallClock)
    }
}
