import ConfigFile
import IKECrypto
import IKEMessage
import IKEv2
import IPsecTypes
import LegacyDigests
import PKI
import Runtime
import Store

/// A connection whose files have been read and whose gateway has been resolved: nothing in it blocks any more.
struct LoadedConnection: Sendable {
    /// Its name.
    var name: String
    /// What it was read from, to be read again; nil for none.
    var source: AgentConnection?
    /// The gateway as it was named.
    var gateway: String
    /// Where IKE_SA_INIT may go, best first.
    var remotes: [Endpoint]
    /// Where a redirect may lead (RFC 5685), by what the redirect says.
    var redirects: [RedirectTarget: [Endpoint]] = [:]
    /// What the engine is given.
    var configuration: ConnectionConfiguration
    /// Our private key, under the connection's key name.
    var signer: LocalKeyOracle.Signer?
    /// Our pre-shared key.
    var preSharedKey: SecretBytes?
    /// Our post-quantum pre-shared key, under the connection's key name.
    var ppk: SecretBytes?
    /// Whom we trust.
    var trust: CertificateAuthenticator.Trust?
    /// What EAP needs, under the connection's name.
    var eap: LocalEAPDesk.Peer?
    /// Whether it is tried again after a failure.
    var isKept: Bool
    /// Whether the configuration itself names all of a family; else a grant of everything is refused (C09).
    var wantsEverything: Bool
    /// Whether traffic with the gateway itself is protected, rather than what is behind it.
    var mode = ChildSAParameters.Mode.tunnel
    /// With transport mode: whether that traffic waits, rather than leaves in clear, while there is no SA.
    var blocksWhenDown = true
}

/// Reads a connection's files. Each failure names the file, what is wrong with it and what to do.
struct ConnectionLoader {
    /// The agent's settings.
    var settings: AgentConfiguration
    /// What passed its known answers; nothing else is offered.
    var available: AvailableAlgorithms

    func load(_ connection: AgentConnection) throws(CulvertError) -> LoadedConnection {
        var loaded = try loadFirstRound(connection)
        loaded.source = connection
        try addEAP(connection, to: &loaded)
        return loaded
    }

    private func loadFirstRound(_ connection: AgentConnection) throws(CulvertError) -> LoadedConnection {
        switch connection.credentials {
        case .profile(let path):
            let profile = try readProfile(path)
            return try load(connection, profile)
        case .certificate(let certificate, let key, let authorities):
            return try certificateConnection(
                connection,
                gateway: connection.gateway ?? "",
                certificate: try read(certificate, isPrivate: false),
                key: SecretBytes(wiping: try read(key, isPrivate: true)),
                authorities: try read(authorities, isPrivate: false)
            )
        case .presharedKey(let path):
            let secret = SecretBytes(wiping: try read(path, isPrivate: true), trimmingLineEnd: true)
            return try sharedKeyConnection(connection, secret: secret)
        case .eap(let authorities): return try eapConnection(connection, authorities)
        }
    }

    func readProfile(_ path: String) throws(CulvertError) -> AgentProfile {
        var bytes = try read(path, isPrivate: true)
        defer { bytes.wipe() }
        do throws(ConfigProblems) {
            return try AgentProfile.decode(bytes, file: path)
        } catch {
            throw CulvertError(error)
        }
    }

    private func load(_ connection: AgentConnection, _ profile: AgentProfile) throws(CulvertError) -> LoadedConnection {
        var connection = connection
        connection.port = connection.port ?? profile.port
        connection.gatewayID = connection.gatewayID ?? profile.gatewayID
        if connection.rootPins.isEmpty { connection.rootPins = profile.rootPins }
        return try certificateConnection(
            connection,
            gateway: connection.gateway ?? profile.gateway,
            certificate: Array(profile.certificate.utf8),
            key: profile.key,
            authorities: Array(profile.authorities.utf8)
        )
    }

    private func certificateConnection(
        _ connection: AgentConnection,
        gateway: String,
        certificate: [UInt8],
        key: SecretBytes,
        authorities: [UInt8]
    ) throws(CulvertError) -> LoadedConnection {
        let chain = try certificates(certificate, "certificate of \(connection.name)")
        let roots = try certificates(authorities, "authorities of \(connection.name)")
        let pins = Set(connection.rootPins.compactMap { SPKIFingerprint($0) })
        let anchors: TrustAnchors
        do throws(TrustAnchors.Failure) {
            anchors = try TrustAnchors(certificates: roots, pins: pins)
        } catch {
            throw CulvertError(.untrustedIssuer, "connection \(connection.name): \(error)")
        }
        let signing: SigningKey
        do throws(KeyRefusal) {
            signing = try key.withUnsafeBytes { (bytes) throws(KeyRefusal) in try SigningKey(pem: bytes) }
        } catch {
            throw CulvertError(.keyUnusable, "the private key of \(connection.name) cannot be used: \(error)")
        }
        guard !signing.isMLDSA || settings.ike.experimentalMLDSA else {
            throw CulvertError(
                .keyUnusable,
                "connection \(connection.name) has an ML-DSA key, and ike.experimental_ml_dsa is off",
                next: "set experimental_ml_dsa: true in the ike section of agent.yaml, or take another certificate"
            )
        }
        // Two files are renewed one after the other.
        guard let leaf = chain.first,
            let parsed = try? ParsedCertificate(der: leaf, allowsMLDSA: settings.ike.experimentalMLDSA),
            parsed.spkiDER == signing.publicKeyDER
        else {
            throw CulvertError(.keyUnusable, "the private key of \(connection.name) is not the key of its certificate")
        }
        let local = try localIdentity(connection, chain)
        let keyID = KeyID(connection.name)
        var result = try base(
            connection,
            gateway: gateway,
            local: local,
            .certificate(chain: chain, key: keyID),
            .certificate(
                authorityKeyHashes: anchors.spkiDERs.map { FixedLegacyDigests.authorityHash(spkiDER: $0) }
            )
        )
        result.signer = LocalKeyOracle.Signer(key: signing, policy: settings.ike.signatures)
        // A profile comes from our own CA, whose gateways carry the gateway role; other peers are told apart by ID alone.
        let purpose: ValidationPurpose
        if case .profile = connection.credentials { purpose = .gateway } else { purpose = .peer }
        result.trust = CertificateAuthenticator.Trust(
            anchors: anchors,
            purpose: purpose,
            signatures: settings.ike.signatures
        )
        return result
    }

    private func sharedKeyConnection(
        _ connection: AgentConnection,
        secret: SecretBytes
    ) throws(CulvertError) -> LoadedConnection {
        do throws(KeyRefusal) {
            _ = try PreSharedKey(secret)
        } catch {
            throw CulvertError(.weakPSK, "the pre-shared key of \(connection.name) is refused: \(error)")
        }
        guard let id = connection.id, let local = Identity(configuration: id) else {
            throw CulvertError(.invalidValue, "connection \(connection.name): id is not an identity")
        }
        let keyID = KeyID(connection.name)
        var result = try base(
            connection,
            gateway: connection.gateway ?? "",
            local: local,
            .preSharedKey(keyID),
            .preSharedKey(keyID)
        )
        result.preSharedKey = secret
        return result
    }

    func base(
        _ connection: AgentConnection,
        gateway: String,
        local: Identity,
        _ ours: LocalAuthentication,
        _ theirs: RemoteAuthentication
    ) throws(CulvertError) -> LoadedConnection {
        guard let expected = Identity(configuration: connection.gatewayID ?? gateway) else {
            throw CulvertError(.invalidValue, "connection \(connection.name): gateway_id is not an identity")
        }
        let port = UInt16(clamping: connection.port ?? 500)
        let remotes = try GatewayName.resolve(gateway).map { Endpoint($0, port: port) }
        let redirects = redirects(connection, gateway, remotes, port)
        var returning = settings.ike.returning
        returning.redirectTargets = redirects.keys.sorted { "\($0)" < "\($1)" }
        // RFC 5685 §3: the gateways that a redirect may lead to are a group, authorized by the same entry.
        let group = connection.redirects.compactMap { Identity(configuration: $0) }.filter { $0 != expected }
        var configuration = ConnectionConfiguration(
            name: connection.name,
            localIdentity: local,
            remoteIdentity: .oneOf([expected] + group),
            localAuthentication: ours,
            remoteAuthentication: theirs,
            ikeProposals: available.usable(
                connection.ikeProposals.map { $0.map { IKEProposal($0) } } ?? settings.ike.offeredProposals
            ),
            children: [child(connection)],
            requestedAddresses: connection.virtualAddress ? IPAddress.Family.allCases : [],
            requestsDNS: connection.virtualAddress,
            alwaysEncapsulates: !settings.network.rawESP,
            fragmentBytes: settings.ike.fragmentSize,
            timing: settings.ike.timing,
            returning: returning
        )
        configuration.signatures = settings.ike.signatures
        configuration.requiresPostQuantum = settings.ike.requirePQ
        guard !settings.ike.requirePQ || configuration.ikeProposals.contains(where: \.guaranteesPostQuantum) else {
            throw CulvertError(
                .invalidValue,
                "connection \(connection.name): ike has no proposal with a post-quantum key exchange, which require_pq wants",
                next: "add one, such as aes256gcm-x25519+mlkem768"
            )
        }
        let ppk = try ppk(connection)
        configuration.ppk = connection.ppk.map { PPKSettings($0, key: KeyID(connection.name)) }
        configuration.mobility = settings.ike.mobility
        configuration.mobility.peerAddresses = remotes.map(\.address)
        var loaded = LoadedConnection(
            name: connection.name,
            gateway: gateway,
            remotes: remotes,
            redirects: redirects,
            configuration: configuration,
            ppk: ppk,
            isKept: connection.autostart,
            wantsEverything: PushedSettings.isEverything(connection.remote)
        )
        loaded.mode = connection.mode
        loaded.blocksWhenDown = connection.blocksWhenDown
        return loaded
    }

    private func child(_ connection: AgentConnection) -> ChildConfiguration {
        let everything = IPAddress.Family.allCases.map { TrafficSelector.everything($0) }
        let named = connection.remote.isEmpty ? everything : connection.remote.map { TrafficSelector($0) }
        var child = settings.esp.child(
            name: "default",
            proposals: available.usable(
                connection.espProposals.map { $0.map { ESPProposal($0) } } ?? settings.esp.offeredProposals
            ),
            local: connection.local.map { TrafficSelector($0) },
            // In transport mode everything between the two hosts.
            remote: connection.mode == .transport ? [] : named
        )
        child.mode = connection.mode
        child.allowsTunnelFallback = connection.allowsTunnel
        return child
    }

    private func ppk(_ connection: AgentConnection) throws(CulvertError) -> SecretBytes? {
        guard let reference = connection.ppk else { return nil }
        let secret = SecretBytes(wiping: try read(reference.path, isPrivate: true), trimmingLineEnd: true)
        do throws(KeyRefusal) {
            return try PreSharedKey(secret).secret
        } catch {
            throw CulvertError(.weakPSK, "the post-quantum pre-shared key of \(connection.name) is refused: \(error)")
        }
    }

    /// Our gateway under its name and addresses, and those that the configuration names. What cannot be resolved now is left
    /// out: a redirect to it is not followed.
    private func redirects(
        _ connection: AgentConnection,
        _ gateway: String,
        _ remotes: [Endpoint],
        _ port: UInt16
    ) -> [RedirectTarget: [Endpoint]] {
        var result: [RedirectTarget: [Endpoint]] = [:]
        func add(_ name: String, _ endpoints: [Endpoint]) {
            for endpoint in endpoints { result[.address(endpoint.address)] = [endpoint] }
            if IPAddress(name) == nil { result[.fqdn(name)] = endpoints }
        }
        for name in connection.redirects {
            guard let addresses = try? GatewayName.resolve(name) else { continue }
            add(name, addresses.map { Endpoint($0, port: port) })
        }
        add(gateway, remotes)
        return result
    }

    private func localIdentity(_ connection: AgentConnection, _ chain: [[UInt8]]) throws(CulvertError) -> Identity {
        if let text = connection.id {
            guard let identity = Identity(configuration: text) else {
                throw CulvertError(.invalidValue, "connection \(connection.name): id is not an identity")
            }
            return identity
        }
        guard let leaf = chain.first, let parsed = try? ParsedCertificate(der: leaf, allowsMLDSA: true) else {
            throw CulvertError(.badCertificateFile, "the certificate of \(connection.name) cannot be read")
        }
        if let name = parsed.names.dns.first, let identity = Identity(configuration: name) { return identity }
        if let address = parsed.names.addresses.first { return .address(address) }
        if parsed.subjectDER.count > 2 { return .distinguishedName(parsed.subjectDER) }
        throw CulvertError(.badCertificateFile, "the certificate of \(connection.name) names nobody")
    }

    func certificates(_ pem: [UInt8], _ what: String) throws(CulvertError) -> [[UInt8]] {
        do {
            return try PEM.certificates(in: pem)
        } catch {
            throw CulvertError(.badCertificateFile, "the \(what) cannot be read: \(error)")
        }
    }

    func read(_ path: String, isPrivate: Bool) throws(CulvertError) -> [UInt8] {
        do throws(AtomicFile.Failure) {
            return isPrivate ? try AtomicFile.readPrivate(path) : try AtomicFile.read(path)
        } catch {
            throw error.culvertError
        }
    }
}

extension SecretBytes {
    /// Takes what was read from a file, without the line end that editors put there, and wipes the array.
    convenience init(wiping bytes: consuming [UInt8], trimmingLineEnd: Bool = false) {
        var slice = bytes[...]
        while trimmingLineEnd, let last = slice.last, last == 10 || last == 13 { slice = slice.dropLast() }
        self.init(slice)
        slice = []
        bytes.wipe()
    }
}
