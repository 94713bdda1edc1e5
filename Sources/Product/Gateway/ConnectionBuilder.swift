import ConfigFile
import IKECrypto
import IKEMessage
import IKEv2
import IPsecTypes
import LegacyDigests
import PKI
import Policy
import Runtime

/// Makes the engine's connections: one for each `peers:` entry, one for all that are known by their subject, then one for
/// all agents. The engine takes the first that fits.
struct ConnectionBuilder {
    private(set) var connections: [ConnectionConfiguration] = []
    private(set) var signers: [KeyID: LocalKeyOracle.Signer] = [:]
    private(set) var preSharedKeys: [KeyID: SecretBytes] = [:]
    private(set) var ppks: [KeyID: SecretBytes] = [:]
    private(set) var trust: [String: CertificateAuthenticator.Trust] = [:]

    private let configuration: GatewayConfiguration
    private let own: TrustAnchors
    private let available: AvailableAlgorithms
    let chain: [[UInt8]]
    private let key: SigningKey
    private let identity: Identity

    init(
        _ configuration: GatewayConfiguration,
        own: TrustAnchors,
        available: AvailableAlgorithms
    ) throws(CulvertError) {
        self.configuration = configuration
        self.own = own
        self.available = available
        let certificateFile = configuration.identity.certificate
        let bytes = try readFile(certificateFile)
        do throws(PEM.Failure) {
            chain = try PEM.certificates(in: bytes)
        } catch {
            throw CulvertError(.badCertificateFile, "\(certificateFile): \(error)")
        }
        var keyBytes = try readFile(configuration.identity.key, isPrivate: true)
        defer { keyBytes.wipe() }
        do throws(KeyRefusal) {
            key = try SigningKey(pem: keyBytes)
        } catch {
            throw CulvertError(.keyUnusable, "\(configuration.identity.key): \(error)")
        }
        guard !key.isMLDSA || configuration.ike.experimentalMLDSA else {
            throw CulvertError(
                .keyUnusable,
                "\(configuration.identity.key) is an ML-DSA key, and ike.experimental_ml_dsa is off",
                next: "set experimental_ml_dsa: true in the ike section, or take another key"
            )
        }
        guard let leaf = chain.first,
            let parsed = try? ParsedCertificate(der: leaf, allowsMLDSA: configuration.ike.experimentalMLDSA)
        else {
            throw CulvertError(.badCertificateFile, "\(certificateFile) holds no certificate that can be read")
        }
        guard parsed.spkiDER == key.publicKeyDER else {
            throw CulvertError(.keyUnusable, "\(configuration.identity.key) is not the key of \(certificateFile)")
        }
        let shown = configuration.identity.id ?? parsed.names.dns.first ?? configuration.identityName
        guard let identity = Identity(configuration: shown) else {
            throw CulvertError(.invalidValue, "identity.id: \(shown.printable) is not an identity")
        }
        self.identity = identity
    }

    mutating func add(_ peer: PolicyPeer, authorities: [String: TrustAnchors]) throws(CulvertError) {
        let name = LoadedGateway.connectionName(peer)
        let schemes = try schemes(peer)
        guard let remote = Identity(peer.id) else {
            throw CulvertError(.invalidValue, "\(peer.reference): \(peer.id) cannot be used with a pre-shared key")
        }
        let local = peer.localID.flatMap { Identity($0) } ?? identity
        let policy = signingPolicy(schemes)
        let ours: LocalAuthentication
        let theirs: RemoteAuthentication
        switch peer.authentication {
        case .presharedKey(let path):
            preSharedKeys[KeyID(name)] = try sharedKey(path)
            ours = .preSharedKey(KeyID(name))
            theirs = .preSharedKey(KeyID(name))
        case .certificate(let authority):
            let anchors = try anchors(authority, authorities, peer)
            signers[KeyID(name)] = LocalKeyOracle.Signer(key: key, policy: policy)
            trust[name] = trust(anchors, schemes)
            ours = .certificate(chain: chain, key: KeyID(name))
            theirs = .certificate(authorityKeyHashes: hashes(anchors))
        // Users share one connection, see addUsers.
        case .eap: return
        }
        var made = base(name, local, .oneOf([remote]), ours, theirs)
        if peer.thenEAP != nil { made.furtherRemote = [RemoteRound(identity: .any, authentication: try eap(peer))] }
        try add(made, peer)
    }

    /// Peers with distinguished names share one connection; policy tells them apart by their certificates' subjects and
    /// roots. What is negotiated before that must therefore be the same for all of them.
    mutating func addNamed(_ peers: [PolicyPeer], authorities: [String: TrustAnchors]) throws(CulvertError) {
        guard let first = peers.first else { return }
        var roots: [[UInt8]] = []
        for peer in peers {
            guard case .certificate(let authority) = peer.authentication else { continue }
            guard
                peer.localID == first.localID, try schemes(peer) == schemes(first),
                peer.ikeProposals == first.ikeProposals, peer.espProposals == first.espProposals
            else {
                throw CulvertError(
                    .invalidValue,
                    "\(peer.reference): peers with distinguished names must have the same local_id, signatures, ike and esp"
                        + " as \(first.reference)"
                )
            }
            roots += try anchors(authority, authorities, peer).certificates.map(\.der).filter { !roots.contains($0) }
        }
        let name = peers.count == 1 ? LoadedGateway.connectionName(first) : LoadedGateway.namedPeers
        let all: TrustAnchors
        do throws(TrustAnchors.Failure) {
            all = try TrustAnchors(certificates: roots)
        } catch {
            throw CulvertError(.untrustedIssuer, "\(first.reference): \(error)")
        }
        let schemes = try schemes(first)
        signers[KeyID(name)] = LocalKeyOracle.Signer(key: key, policy: signingPolicy(schemes))
        trust[name] = trust(all, schemes)
        let local = first.localID.flatMap { Identity($0) } ?? identity
        let ours = LocalAuthentication.certificate(chain: chain, key: KeyID(name))
        let theirs = RemoteAuthentication.certificate(authorityKeyHashes: hashes(all))
        try add(base(name, local, .anyDistinguishedName, ours, theirs), first)
    }

    private mutating func add(_ made: ConnectionConfiguration, _ peer: PolicyPeer) throws(CulvertError) {
        var connection = made
        connection.signatures = signaturePolicy(try schemes(peer))
        if let own = peer.ikeProposals { connection.ikeProposals = available.usable(own.map { IKEProposal($0) }) }
        if let own = peer.espProposals {
            connection.children[0].proposals = available.usable(own.map { ESPProposal($0) })
        }
        guard !connection.requiresPostQuantum || connection.ikeProposals.contains(where: \.guaranteesPostQuantum) else {
            throw CulvertError(
                .invalidValue,
                "\(peer.reference): ike has no proposal with a post-quantum key exchange, which require_pq wants",
                next: "add one, such as aes256gcm-x25519+mlkem768"
            )
        }
        if let ppk = peer.ppk {
            ppks[KeyID(made.name)] = try sharedKey(ppk.path)
            connection.ppk = PPKSettings(
                entries: [
                    .init(
                        type: ppk.isOpaque ? .opaque : .fixed,
                        identifier: Array(ppk.id.utf8),
                        key: KeyID(made.name)
                    )
                ],
                isRequired: ppk.isRequired
            )
        }
        connection.timing = configuration.ike.siteTiming
        connection.replacesOlder = false
        connections.append(connection)
    }

    /// All whom EAP alone authenticates; policy tells them apart by the names and groups that EAP proves. It comes after all
    /// others and takes who brings no AUTH of its own.
    mutating func addUsers(_ peers: [PolicyPeer]) throws(CulvertError) {
        guard let first = peers.first else { return }
        for peer in peers {
            guard
                peer.localID == first.localID, peer.ikeProposals == first.ikeProposals,
                peer.espProposals == first.espProposals
            else {
                throw CulvertError(
                    .invalidValue,
                    "\(peer.reference): peers that EAP authenticates must have the same local_id, ike and esp as"
                        + " \(first.reference)"
                )
            }
        }
        let name = LoadedGateway.users
        signers[KeyID(name)] = LocalKeyOracle.Signer(key: key, policy: signingPolicy(try schemes(first)))
        let local = first.localID.flatMap { Identity($0) } ?? identity
        let ours = LocalAuthentication.certificate(chain: chain, key: KeyID(name))
        var made = base(name, local, .any, ours, try eap(first))
        made.eapOnly = configuration.eap.eapOnly
        try add(made, first)
    }

    private func eap(_ peer: PolicyPeer) throws(CulvertError) -> RemoteAuthentication {
        guard let server = configuration.eap.server else {
            throw CulvertError(
                .invalidValue,
                "\(peer.reference): EAP is to authenticate it, and gateway.yaml has no eap.server",
                next: "set eap.server to local or radius"
            )
        }
        let claimed: EAPRequirement.ClaimedIdentity = configuration.eap.claimed == .same ? .same : .ignored
        return .eap(EAPRequirement(settings: server.rawValue, claimed: claimed))
    }

    mutating func addAgents() {
        let name = LoadedGateway.agents
        let schemes = usual
        signers[KeyID(name)] = LocalKeyOracle.Signer(key: key, policy: signingPolicy(schemes))
        trust[name] = trust(own, schemes)
        connections.append(
            base(
                name,
                identity,
                .any,
                .certificate(chain: chain, key: KeyID(name)),
                .certificate(authorityKeyHashes: hashes(own))
            )
        )
    }

    private func base(
        _ name: String,
        _ local: Identity,
        _ remote: RemoteIdentity,
        _ ours: LocalAuthentication,
        _ theirs: RemoteAuthentication
    ) -> ConnectionConfiguration {
        let everything = IPAddress.Family.allCases.map { TrafficSelector.everything($0) }
        let child = configuration.esp.child(
            name: "default",
            proposals: available.usable(configuration.esp.acceptedProposals),
            local: everything,
            remote: everything
        )
        var connection = ConnectionConfiguration(
            name: name,
            localIdentity: local,
            remoteIdentity: remote,
            localAuthentication: ours,
            remoteAuthentication: theirs,
            ikeProposals: available.usable(configuration.ike.acceptedProposals),
            children: [child],
            alwaysEncapsulates: !configuration.listen.rawESP,
            fragmentBytes: configuration.ike.fragmentSize,
            timing: configuration.ike.timing,
            returning: configuration.ike.returning
        )
        connection.localAuthorityHashes = hashes(own)
        connection.signatures = configuration.ike.signatures
        connection.requiresPostQuantum = configuration.ike.requirePQ
        connection.mobility = configuration.ike.mobility
        connection.mobility.localAddresses = configuration.listen.announced
        return connection
    }

    private func anchors(
        _ authority: PolicyPeer.Authority,
        _ authorities: [String: TrustAnchors],
        _ peer: PolicyPeer
    ) throws(CulvertError) -> TrustAnchors {
        switch authority {
        case .own: return own
        case .file(let path):
            guard let anchors = authorities[path] else { throw CulvertError(.missingFile, "\(path) was not read") }
            return anchors
        case .publicKey(let digest):
            guard let pin = SPKIFingerprint(digest) else {
                throw CulvertError(.invalidValue, "\(peer.reference): not a SHA-256 value")
            }
            do throws(TrustAnchors.Failure) {
                let known = own.certificates.filter { $0.fingerprint == pin }.map(\.der)
                return try TrustAnchors(certificates: known, pins: [pin])
            } catch {
                throw CulvertError(.untrustedIssuer, "\(peer.reference): \(error)")
            }
        }
    }

    private func sharedKey(_ path: String) throws(CulvertError) -> SecretBytes {
        var bytes = try readFile(path, isPrivate: true)
        while let last = bytes.last, last == 10 || last == 13 { bytes.removeLast() }
        let secret = SecretBytes(bytes)
        bytes.wipe()
        do throws(KeyRefusal) {
            return try PreSharedKey(secret).secret
        } catch {
            throw CulvertError(.weakPSK, "\(path): \(error)")
        }
    }

    private func hashes(_ anchors: TrustAnchors) -> [[UInt8]] {
        anchors.spkiDERs.map { FixedLegacyDigests.authorityHash(spkiDER: $0) }
    }

    private func trust(_ anchors: TrustAnchors, _ schemes: [PolicyPeer.Signature]) -> CertificateAuthenticator.Trust {
        CertificateAuthenticator.Trust(
            anchors: anchors,
            purpose: .peer,
            signatures: signaturePolicy(schemes)
        )
    }

    /// What the peer may sign with.
    private func signaturePolicy(_ allowed: [PolicyPeer.Signature]) -> SignaturePolicy {
        SignaturePolicy(kinds: Set(allowed.map(\.kind)))
    }

    /// What we sign with. Our key is of one kind whatever the peer's is; only an RSA key has a choice, and takes it from the
    /// peer's list.
    private func signingPolicy(_ allowed: [PolicyPeer.Signature]) -> SignaturePolicy {
        let rsa = Set(allowed.map(\.kind)).intersection([.rsaPSS, .rsaPKCS1])
        let kinds = rsa.isEmpty ? SignaturePolicy.modern : rsa.union([.ecdsa, .ed25519])
        return SignaturePolicy(kinds: configuration.ike.experimentalMLDSA ? kinds.union([.mlDSA]) : kinds)
    }

    /// What a peer that names no signatures may use.
    private var usual: [PolicyPeer.Signature] {
        let modern: [PolicyPeer.Signature] = [.ecdsa, .ed25519, .rsaPSS]
        return configuration.ike.experimentalMLDSA ? modern + [.mlDSA] : modern
    }

    private func schemes(_ peer: PolicyPeer) throws(CulvertError) -> [PolicyPeer.Signature] {
        guard let named = peer.signatures else { return usual }
        guard configuration.ike.experimentalMLDSA || !named.contains(.mlDSA) else {
            throw CulvertError(
                .invalidValue,
                "\(peer.reference): signatures names ml-dsa, and ike.experimental_ml_dsa is off",
                next: "set experimental_ml_dsa: true in the ike section of gateway.yaml"
            )
        }
        return named
    }
}
