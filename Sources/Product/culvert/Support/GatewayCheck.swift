import ConfigFile
import Gateway
import IKECrypto
import IPsecTypes
import Netlink
import PKI
import PacketIO
import Policy
import RADIUS
import Runtime

/// What `culvert gateway check` finds. Every check runs, whatever an earlier one found.
struct GatewayCheck {
    /// What is fine, by label.
    private(set) var facts: [CulvertError.Detail] = []
    /// What works but may surprise.
    private(set) var warnings: [String] = []
    /// What keeps the gateway from running, or a reload from being taken.
    private(set) var errors: [CulvertError] = []

    /// An operator wants to hear of an end that is this near.
    static let expiryNoticeSeconds: Int64 = 14 * 86_400

    /// The findings for programs.
    var document: Document { Document(ok: errors.isEmpty, facts: facts, warnings: warnings, errors: errors) }

    struct Document: Encodable {
        var ok: Bool
        var facts: [CulvertError.Detail]
        var warnings: [String]
        var errors: [CulvertError]
    }

    /// Checks all that gateway.yaml names. A policy that cannot be read is thrown, with its places.
    static func run(_ configuration: GatewayConfiguration, path: String) throws -> GatewayCheck {
        var check = GatewayCheck()
        check.facts.append(.init("config", path))
        try check.credentials(configuration)
        check.network(configuration)
        let (document, source) = try ConfigurationFiles.policy(configuration.files.policy)
        check.policy(document, file: configuration.files.policy, source: source)
        return check
    }

    // MARK: RADIUS

    /// Reads the RADIUS servers' secrets; nil when there are none, or one cannot be used.
    mutating func radius(_ configuration: GatewayConfiguration) -> RADIUSService.Parts? {
        do throws(CulvertError) {
            let parts = try configuration.radiusParts()
            if let parts {
                let names = parts.access.map { "\($0.name) \($0.endpoint)" }
                facts.append(.init("radius", names.joined(separator: ", ")))
            }
            return parts
        } catch {
            errors.append(error)
            return nil
        }
    }

    /// Adds what the servers answered.
    mutating func add(_ check: RADIUSCheck) {
        facts += check.facts
        errors += check.errors
    }

    // MARK: Certificate and key

    private mutating func credentials(_ configuration: GatewayConfiguration) throws {
        let identity = configuration.identity
        let chain = certificates(identity.certificate)
        let roots = certificates(identity.authorities)
        let allowsMLDSA = configuration.ike.experimentalMLDSA
        key(identity.key, of: chain?.first, in: identity.certificate, allowsMLDSA)
        guard let chain, let roots else { return }
        let anchors: TrustAnchors
        do throws(TrustAnchors.Failure) {
            anchors = try TrustAnchors(certificates: roots)
        } catch {
            errors.append(CulvertError(.badCertificateFile, "\(identity.authorities): \(error)"))
            return
        }
        let now = SystemClock.wall
        let asPeer = try Self.validate(chain, anchors, now, .peer, allowsMLDSA)
        switch asPeer {
        case .failure(let failure):
            errors.append(
                CulvertError(
                    Self.code(failure),
                    "\(identity.certificate) is refused by those who trust \(identity.authorities): \(failure)",
                    next: "culvert ca issue --role gateway"
                )
            )
        case .success(let peer):
            name(configuration, peer)
            if peer.pathNotAfter < now.advanced(bySeconds: Self.expiryNoticeSeconds) {
                warnings.append(
                    "the certificate ends at \(peer.pathNotAfter.rfc3339); renew it: culvert ca issue --role gateway"
                )
            }
            if case .failure(let failure) = try Self.validate(chain, anchors, now, .gateway, allowsMLDSA) {
                warnings.append("Culvert agents with a profile will not take this for a gateway: \(failure)")
            }
        }
    }

    private mutating func name(_ configuration: GatewayConfiguration, _ peer: ValidatedPeer) {
        let shown = configuration.identity.id ?? peer.names.dns.first ?? configuration.identityName
        let identity: CertificateIdentity = IPAddress(shown).map { .address($0) } ?? .fqdn(shown)
        do throws(ValidationFailure) {
            try IdentityBinding.check(identity, against: peer)
            let until = peer.pathNotAfter.rfc3339
            facts.append(.init("identity", "\(shown), certificate of \(peer.pathNames.last ?? "") until \(until)"))
        } catch {
            errors.append(
                CulvertError(
                    .identityMismatch,
                    "identity.id \(shown) is no name of \(configuration.identity.certificate)",
                    details: [("names", peer.names.listed.joined(separator: ", "))],
                    next: "set identity.id to one of the names, or issue a certificate: culvert ca issue --role gateway"
                )
            )
        }
    }

    private mutating func key(
        _ path: String,
        of leaf: [UInt8]?,
        in certificateFile: String,
        _ allowsMLDSA: Bool
    ) {
        do throws(CulvertError) {
            let bytes = try Files.readPrivate(path)
            let key: SigningKey
            do throws(KeyRefusal) {
                key = try SigningKey(pem: bytes)
            } catch {
                throw CulvertError(.keyUnusable, "\(path): \(error)")
            }
            guard !key.isMLDSA || allowsMLDSA else {
                throw CulvertError(.keyUnusable, "\(path) is an ML-DSA key, and ike.experimental_ml_dsa is off")
            }
            guard let leaf, let parsed = try? ParsedCertificate(der: leaf, allowsMLDSA: allowsMLDSA) else { return }
            guard parsed.spkiDER == key.publicKeyDER else {
                throw CulvertError(.keyUnusable, "\(path) is not the key of \(certificateFile)")
            }
        } catch {
            errors.append(error)
        }
    }

    /// The certificates of a file; nil when there are none, which is noted.
    private mutating func certificates(_ path: String) -> [[UInt8]]? {
        do throws(CulvertError) {
            let bytes = try Files.read(path)
            do throws(PEM.Failure) {
                return try PEM.certificates(in: bytes)
            } catch {
                throw CulvertError(.badCertificateFile, "\(path): \(error)")
            }
        } catch {
            errors.append(error)
            return nil
        }
    }

    private static func validate(
        _ chain: [[UInt8]],
        _ anchors: TrustAnchors,
        _ now: WallTime,
        _ purpose: ValidationPurpose,
        _ allowsMLDSA: Bool
    ) throws -> Result<ValidatedPeer, ValidationFailure> {
        try Blocking.run {
            await PathValidator().validate(
                chain: chain,
                anchors: anchors,
                wallClock: now,
                purpose: purpose,
                allowsMLDSA: allowsMLDSA
            )
        }
    }

    private static func code(_ failure: ValidationFailure) -> ErrorCode {
        switch failure {
        case .expired: .certificateExpired
        case .notYetValid: .certificateNotYetValid
        case .unknownIssuer, .noTrustAnchor, .badSignature: .untrustedIssuer
        case .weakKey, .weakSignature: .weakKey
        case .keyUsage, .extendedKeyUsage, .notAGateway, .authorityAsPeer: .wrongRole
        case .revoked: .certificateRevoked
        default: .badCertificateFile
        }
    }

    // MARK: Network

    private mutating func network(_ configuration: GatewayConfiguration) {
        facts.append(.init("pools", configuration.pools.map(\.description).joined(separator: ", ")))
        let listen = configuration.listen
        facts.append(
            .init(
                "listens",
                "\(listen.addresses.map(\.description).joined(separator: ", ")) udp/\(listen.ikePort) udp/\(listen.natPort)"
                    + (listen.rawESP ? " esp" : "")
            )
        )
        if !Files.exists("/dev/net/tun") { warnings.append("there is no /dev/net/tun here: modprobe tun") }
        guard let networks = try? LocalNetworks(RouteNetlink()) else { return }
        for pool in configuration.pools {
            for overlap in networks.overlaps(pool, ignoring: [configuration.network.tun]) {
                errors.append(
                    CulvertError(
                        .poolConflict,
                        "network.pools: \(overlap)",
                        next: "choose pools that are free here: network.pools in gateway.yaml"
                    )
                )
            }
        }
        let own = Set(networks.interfaces.flatMap(\.addresses).map(\.address))
        for address in listen.addresses where address != .unspecified(address.family) && !own.contains(address) {
            warnings.append("listen.addresses: \(address) is not an address of this machine at present")
        }
    }

    // MARK: Policy

    private mutating func policy(_ document: PolicyDocument, file: String, source: String) {
        for peer in document.peers { secrets(of: peer) }
        let failures = PolicyEngine(document).testFailures()
        errors += failures.map { CulvertError(.policyTestFailed, "\($0.place): \($0.message)") }
        let counts = [
            Amounts.count(document.rules.count, "rule"), Amounts.count(document.resources.count, "resource"),
            Amounts.count(document.peers.count, "peer"), Amounts.count(document.tests.count, "test"),
        ]
        facts.append(.init("policy", "\(file): \(counts.joined(separator: ", "))"))
        if document.rules.isEmpty, document.peers.isEmpty {
            warnings.append("the policy grants nothing: nobody can connect")
        }
    }

    private mutating func secrets(of peer: PolicyPeer) {
        switch peer.authentication {
        case .certificate(.file(let path)): _ = certificates(path)
        case .certificate(.own), .certificate(.publicKey), .eap: return
        case .presharedKey(let path):
            do throws(CulvertError) {
                var bytes = try Files.readPrivate(path)
                while let last = bytes.last, last == 10 || last == 13 { bytes.removeLast() }
                do throws(KeyRefusal) {
                    _ = try PreSharedKey(SecretBytes(bytes))
                } catch {
                    throw CulvertError(.weakPSK, "the key of \(peer.reference) in \(path) is refused: \(error)")
                }
            } catch {
                errors.append(error)
            }
        }
    }
}
