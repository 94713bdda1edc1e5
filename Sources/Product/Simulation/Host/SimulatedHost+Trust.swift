import IKECrypto
import IKEMessage
import IKEv2
import IPsecTypes

/// Doubles of key oracle, verifier and policy.
extension SimulatedHost {
    /// A stand-in for a certificate: a marker, the identity, padding.
    static func certificate(of identity: String, bytes: Int) -> [UInt8] {
        let head = Array("simulated-certificate:\(identity);".utf8)
        return head + Array(repeating: 0x2E, count: max(0, bytes - head.count))
    }

    func carryOutTrust(_ action: IKEAction) {
        switch action {
        case .sign(let id, let request): sign(id, request)
        case .provePreSharedKey(let id, let request):
            let proof = fails() ? nil : sharedKeyProof(request)
            answer(.preSharedKeyProof(id, proof))
        case .verifyPreSharedKey(let id, let request, let claimed):
            let proof = sharedKeyProof(request)
            let isValid = proof.map { constantTimeEqual($0, claimed) } ?? false
            answer(.preSharedKeyVerified(id, description.sabotage == .trustsEveryone || (isValid && !fails())))
        case .verifyPeer(let id, let request): answer(.peerVerified(id, verify(request)))
        case .authorize(let id, let request): answer(.authorized(id, authorize(request)))
        default: break
        }
    }

    private func sign(_ id: OperationID, _ request: SignRequest) {
        let key = SimulatedCryptoProvider.signingKey(identity: Array(description.secret.utf8))
        let signature = try? crypto.sign(
            octetsOnTheWire(request.octets),
            key: key,
            peerHashes: request.peerHashes,
            policy: request.policy
        )
        guard !fails(), let signature else { return answer(.signed(id, nil)) }
        let method = AuthenticationMethod(rawValue: signature.method.rawValue)
        answer(.signed(id, AuthenticationPayload(method: method, data: signature.data)))
    }

    private func sharedKeyProof(_ request: PreSharedKeyRequest) -> [UInt8]? {
        // One secret for both directions; a host with another one proves and verifies with that.
        let secret = SecretBytes(Array(description.secret.utf8))
        return try? crypto.sharedKeyAuthentication(request.prf, secret: secret, octets: octetsOnTheWire(request.octets))
    }

    private func verify(_ request: PeerVerificationRequest) -> PeerVerification {
        if description.sabotage == .trustsEveryone { return .accepted(VerifiedPeer(leaf: request.certificates.first)) }
        guard !fails() else { return .refused(reason: "planted") }
        guard let name = Self.text(of: request.identity), let leaf = request.certificates.first,
            leaf.starts(with: Self.certificate(of: name, bytes: 0))
        else { return .refused(reason: "the certificate is another one's") }
        do throws(KeyRefusal) {
            let key = try crypto.verificationKey(spkiDER: SimulatedCryptoProvider.publicKey(Array(name.utf8)))
            return check(request, key, leaf)
        } catch {
            return .refused(reason: "\(error)")
        }
    }

    /// The double of a verification without signature.
    func revalidate(_ request: PeerRevalidationRequest) -> PeerVerification {
        guard !fails() else { return .refused(reason: "planted") }
        if let eap = request.eap { return .accepted(VerifiedPeer(notAfter: request.notAfter, eap: eap)) }
        guard let name = Self.text(of: request.identity), let leaf = request.certificates.first,
            leaf.starts(with: Self.certificate(of: name, bytes: 0))
        else { return .refused(reason: "the certificate is another one's") }
        return .accepted(VerifiedPeer(leaf: leaf))
    }

    private func check(
        _ request: PeerVerificationRequest,
        _ key: VerificationKey,
        _ leaf: [UInt8]
    ) -> PeerVerification {
        let authentication = SignatureAuthentication(
            method: AuthMethod(rawValue: request.method.rawValue),
            data: request.authentication
        )
        do throws(SignatureRefusal) {
            _ = try crypto.verify(authentication, octets: request.octets, key: key, policy: SignaturePolicy())
            return .accepted(VerifiedPeer(leaf: leaf))
        } catch {
            return .refused(reason: "\(error)")
        }
    }

    private func authorize(_ request: AuthorizationRequest) -> AuthorizationDecision {
        guard !fails() else { return .deny(reason: "planted", .noAdditionalSAs) }
        let address = lease(request.identity)
        if request.purpose == .ikeSA { leases[request.ikeSA] = address }
        var grant = AuthorizationGrant(
            owner: ChildSAOwner(session: "session-\(request.identity)"),
            addresses: request.requestedAttributes == nil ? [] : [address],
            localSelectors: [TrafficSelector(addresses: description.networks.range)],
            remoteSelectors: [TrafficSelector(addresses: IPRange(address))],
            notAfter: description.leaseSeconds.map { wallClock.advanced(bySeconds: $0) }
        )
        if description.grantsTransport {
            (grant.mode, grant.localSelectors, grant.remoteSelectors) = (.transport, [.everything(.v4)], [])
        }
        return .allow(grant)
    }

    /// The address double: one for ever for each identity.
    func lease(_ identity: Identity) -> IPAddress {
        let number = pool[identity] ?? SimulatedWorld.leaseNumber(identity)
        pool[identity] = number
        return SimulatedWorld.lease(number)
    }
}
