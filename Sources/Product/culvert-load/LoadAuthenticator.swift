import IKECrypto
import IKEMessage
import IKEv2
import IPsecTypes
import Runtime
import Synchronization

/// Verifies the gateway: its chain in full once, and from then on the signature alone while the chain stays the same.
///
/// The generator shares the machine with what it measures; validating the same chain a thousand times over would cost the
/// responder its processor.
final class LoadAuthenticator: PeerAuthenticator {
    private struct Known {
        var certificates: [[UInt8]]
        var identity: Identity
        var peer: VerifiedPeer
        var key: VerificationKey
    }

    private let full: CertificateAuthenticator
    private let crypto: any CryptoProvider
    private let spki: @Sendable ([UInt8]) -> [UInt8]?
    private let known = Mutex<Known?>(nil)

    /// `spki` reads the public key out of a certificate.
    init(
        _ full: CertificateAuthenticator,
        crypto: any CryptoProvider,
        spki: @escaping @Sendable ([UInt8]) -> [UInt8]?
    ) {
        self.full = full
        self.crypto = crypto
        self.spki = spki
    }

    func verify(_ request: PeerVerificationRequest, wallClock: WallTime) -> PeerVerification {
        let found = known.withLock { $0 }
        guard let found, found.certificates == request.certificates, found.identity == request.identity
        else {
            let result = full.verify(request, wallClock: wallClock)
            if case .accepted(let peer) = result { remember(request, peer) }
            return result
        }
        do {
            try crypto.verify(
                SignatureAuthentication(
                    method: AuthMethod(rawValue: request.method.rawValue),
                    data: request.authentication
                ),
                octets: request.octets,
                key: found.key,
                policy: SignaturePolicy()
            )
            return .accepted(found.peer)
        } catch {
            return .refused(reason: "auth_signature: \(error)")
        }
    }

    private func remember(_ request: PeerVerificationRequest, _ peer: VerifiedPeer) {
        guard let leaf = request.certificates.first, let spki = spki(leaf),
            let key = try? crypto.verificationKey(spkiDER: spki)
        else { return }
        let entry = Known(
            certificates: request.certificates,
            identity: request.identity,
            peer: peer,
            key: key
        )
        known.withLock { $0 = entry }
    }
}
