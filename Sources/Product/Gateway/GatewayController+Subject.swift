import IKEMessage
import IKEv2
import IPsecTypes
import PKI
import Policy
import Runtime

extension GatewayController {
    /// What policy knows the peer by: its identity, how it proved it, and what its certificate says. Of several rounds the
    /// first one says which entry is meant, and EAP whom that must be.
    func subject(_ request: AuthorizationRequest) -> PolicySubject? {
        let first = request.firstRound
        let user = request.verified.eap.map { EAPUser(name: $0.name, groups: $0.groups) }
        if let user, request.earlierRounds.isEmpty {
            return PolicySubject(
                identity: PeerIdentifier(request.identity) ?? .keyID(Array(user.name.utf8)),
                authentication: .eap,
                groups: user.groups,
                eap: user
            )
        }
        guard let identity = policyIdentity(first) else { return nil }
        guard let peer = parts.registry.peer(first.verified.token) else {
            guard request.withPreSharedKey || user != nil else { return nil }
            return PolicySubject(
                identity: identity,
                authentication: .presharedKey(peer: String(request.connection.dropFirst("peer:".count))),
                eap: user
            )
        }
        var claims: [String: [String]] = [:]
        let isOwn = loaded.ownRoots.contains(peer.anchor)
        // Claims are honoured only from our own CA (decisions: identities).
        for claim in isOwn ? peer.claims?.claims ?? [] : [] { claims[claim.name, default: []].append(claim.value) }
        return PolicySubject(
            identity: identity,
            authentication: .certificate(issuer: issuer(peer), isOwn: isOwn),
            name: claims.removeValue(forKey: "name")?.first,
            spiffe: isOwn ? peer.names.uris.first : nil,
            groups: claims.removeValue(forKey: "groups") ?? [],
            claims: claims,
            eap: user
        )
    }

    private func policyIdentity(_ round: AuthenticatedRound) -> PeerIdentifier? {
        if case .distinguishedName = round.identity {
            guard let peer = parts.registry.peer(round.verified.token) else { return nil }
            return .distinguishedName(DistinguishedNameText.text(of: peer.subjectDER))
        }
        return PeerIdentifier(round.identity)
    }
}

extension AuthorizationRequest {
    /// All rounds, in order (RFC 4739).
    var rounds: [AuthenticatedRound] { earlierRounds + [AuthenticatedRound(identity: identity, verified: verified)] }
    /// The first one.
    var firstRound: AuthenticatedRound {
        earlierRounds.first ?? AuthenticatedRound(identity: identity, verified: verified)
    }
}
