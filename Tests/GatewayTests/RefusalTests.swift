import AuditLog
import CryptoDoubles
import IKECrypto
import IKEMessage
import IKEv2
import IPsecTypes
import PKI
import RuntimeDoubles
import SwiftASN1
import Synchronization
import Testing
import X509

@testable import Gateway
@testable import Runtime

/// Why somebody was refused is said in the log; the wire says AUTHENTICATION_FAILED, with the same octets for every cause.
@Suite struct RefusalTests {
    private static let policy = """
        version: 1
        resources:
          registry: {address: 10.20.0.0/28, ports: [tcp/443]}
        rules:
          - {name: builders, when: {name: runner1}, allow: [registry]}
        peers:
          - {name: branch, id: "fqdn:branch.example.com", psk_file: branch.psk, allow: [registry]}
          - {name: laptop, id: "fqdn:laptop.example.com", authority: careless.crt, allow: [registry]}
          - name: old
            id: "fqdn:old.example.com"
            authority: careless.crt
            signatures: [rsa-pss]
            allow: [registry]
        """

    /// HDR, SK{N(AUTHENTICATION_FAILED)}: no next payload, eight octets, no protocol, no SPI, type 24.
    private static let notify: [UInt8] = [0, 0, 0, 8, 0, 0, 0, 24]

    private struct Case {
        var what: String
        var code: ErrorCode
        /// The stable word; nil where policy has refused and gives a sentence.
        var word: String?
        var identity: Identity
        var credentials: TestCredentials?
        var psk: String?
    }

    /// Who is refused, with the code that the gateway's own side gets to know.
    private func cases(_ authority: TestAuthority, _ careless: CarelessAuthority) async throws -> [Case] {
        let laptop = Identity.fqdn("laptop.example.com")
        func spoilt(
            _ what: String,
            _ code: ErrorCode,
            _ word: String,
            _ credentials: TestCredentials,
            _ identity: Identity? = nil
        ) -> Case {
            Case(what: what, code: code, word: word, identity: identity ?? laptop, credentials: credentials)
        }
        let name = "laptop.example.com"
        var all = [
            Case(
                what: "unknown ID",
                code: .identityMismatch,
                word: "identity_mismatch",
                identity: .fqdn("stranger.example.com"),
                psk: sharedKey
            ),
            Case(
                what: "wrong pre-shared key",
                code: .pskMismatch,
                word: "psk_mismatch",
                identity: .fqdn("branch.example.com"),
                psk: String(sharedKey.reversed())
            ),
            spoilt("wrong key", .authenticationFailed, "auth_signature", try careless.leaf(name, wrongKey: true)),
            spoilt("expired", .certificateExpired, "cert_expired", try careless.leaf(name, from: -9000, to: -7200)),
            spoilt("expired just now", .clocksDiffer, "clock_skew", try careless.leaf(name, from: -900, to: -240)),
            spoilt(
                "not yet valid",
                .certificateNotYetValid,
                "cert_not_yet_valid",
                try careless.leaf(name, from: 2 * 86_400, to: 3 * 86_400)
            ),
            spoilt("valid in ten minutes", .clocksDiffer, "clock_skew", try careless.leaf(name, from: 600, to: 7200)),
            spoilt("untrusted", .untrustedIssuer, "cert_unknown_issuer", try CarelessAuthority("other").leaf(name)),
            spoilt(
                "another authority of the same name",
                .untrustedIssuer,
                "cert_bad_signature",
                try CarelessAuthority().leaf(name)
            ),
            spoilt(
                "EKU",
                .wrongRole,
                "cert_extended_key_usage",
                try careless.leaf(name, purpose: [1, 3, 6, 1, 5, 5, 7, 3, 4])
            ),
            spoilt("an authority as peer", .wrongRole, "cert_ca_as_peer", try careless.leaf(name, isAuthority: true)),
            spoilt("another name", .identityMismatch, "id_mismatch", try careless.leaf("tablet.example.com")),
            spoilt(
                "method",
                .methodRefused,
                "auth_method",
                try careless.leaf("old.example.com"),
                .fqdn("old.example.com")
            ),
            spoilt("revoked", .certificateRevoked, "cert_revoked", try careless.leaf(name)),
        ]
        let agent = try await authority.agent("runner2")
        let agentName = try #require(try ParsedCertificate(der: agent.chain[0]).names.dns.first)
        all.append(
            Case(what: "policy", code: .noRuleMatches, word: nil, identity: .fqdn(agentName), credentials: agent)
        )
        return all
    }

    @Test func everyCauseHasTheSameOctetsFromTheGateway() async throws {
        let authority = try TestAuthority()
        let careless = try CarelessAuthority()
        let (directory, configuration) = try await GatewayFixture.files(authority, policy: Self.policy)
        try directory.write(sharedKey, to: "branch.psk")
        try directory.write(try careless.rootPEM, to: "careless.crt")
        let gateway = try GatewayFixture(authority, directory, configuration)
        var lengths: [Int: [String]] = [:]
        var headers: [[UInt8]: [String]] = [:]
        for refused in try await cases(authority, careless) {
            if refused.what == "revoked" { try revoke(refused, of: try careless.rootDER, at: gateway) }
            let crypto = RecordingCrypto(StandardCryptoProvider())
            let client = try gateway.client(refused.identity, refused.credentials, refused.psk, crypto)
            #expect(try await client.connect()?.refusal == .peerRefused(.authenticationFailed), "\(refused.what)")
            let last = try #require(gateway.network.sent.last { $0.path.local.address == gatewayAddress })
            lengths[last.bytes.count, default: []].append(refused.what)
            // Next payload, version, exchange, flags and Message ID; then SK's own header.
            headers[Array(last.bytes[16..<24] + last.bytes[28..<32]), default: []].append(refused.what)
            #expect(crypto.opened == [Self.notify], "\(refused.what)")
            let event: AuditEvent = refused.word == nil ? .sessionRefused : .authenticationFailed
            let identity = "\(refused.identity)"
            let (code, word) = (refused.code, refused.word)
            let record = try await gateway.record(event) { record in
                record.code == code && (record.claimedID == identity || record.peerID == identity)
                    && (word.map { record.reason?.contains("reason: \($0)") == true } ?? true)
            }
            let newest = try gateway.auditRecords().last?.reason ?? ""
            #expect(record != nil, "\(refused.what): \(newest)")
            try await client.stop()
        }
        #expect(lengths.count == 1, "\(lengths)")
        #expect(headers.count == 1, "\(headers)")
        try await gateway.stop()
    }

    private func revoke(_ refused: Case, of root: [UInt8], at gateway: GatewayFixture) throws {
        let leaf = try ParsedCertificate(der: try #require(refused.credentials).chain[0])
        let issuer = try ParsedCertificate(der: root)
        gateway.revoked.serials.withLock {
            $0.insert(leaf.serial, issuer: issuer.fingerprint, at: WallTime(secondsSinceEpoch: 1_700_000_000))
        }
    }

    // MARK: The other direction

    /// A gateway that an agent has reason to refuse.
    private struct BadGateway {
        var what: String
        var reason: String
        var credentials: TestCredentials
        var identity = "vpn.example.com"
    }

    private static func badGateways(_ careless: CarelessAuthority) throws -> [BadGateway] {
        let name = "vpn.example.com"
        return [
            BadGateway(
                what: "wrong key",
                reason: "auth_signature",
                credentials: try careless.leaf(name, isGateway: true, wrongKey: true)
            ),
            BadGateway(
                what: "expired",
                reason: "cert_expired",
                credentials: try careless.leaf(name, from: -9000, to: -7200, isGateway: true)
            ),
            BadGateway(
                what: "not yet",
                reason: "cert_not_yet_valid",
                credentials: try careless.leaf(name, from: 2 * 86_400, to: 3 * 86_400, isGateway: true)
            ),
            BadGateway(
                what: "clock",
                reason: "clock_skew",
                credentials: try careless.leaf(name, from: 600, to: 7200, isGateway: true)
            ),
            BadGateway(
                what: "untrusted",
                reason: "cert_unknown_issuer",
                credentials: try CarelessAuthority("other").leaf(name, isGateway: true)
            ),
            BadGateway(
                what: "EKU",
                reason: "cert_extended_key_usage",
                credentials: try careless.leaf(name, purpose: [1, 3, 6, 1, 5, 5, 7, 3, 4], isGateway: true)
            ),
            BadGateway(what: "no gateway", reason: "cert_not_a_gateway", credentials: try careless.leaf(name)),
            BadGateway(
                what: "certificate of another name",
                reason: "id_mismatch",
                credentials: try careless.leaf("y.example.com", isGateway: true)
            ),
            BadGateway(
                what: "another identity",
                reason: "",
                credentials: try careless.leaf("x.example.com", isGateway: true),
                identity: "x.example.com"
            ),
        ]
    }

    @Test func everyCauseHasTheSameOctetsFromTheAgent() async throws {
        let careless = try CarelessAuthority()
        var lengths: [Int: [String]] = [:]
        for bad in try Self.badGateways(careless) {
            let network = MemoryNetwork()
            let crypto = RecordingCrypto(StandardCryptoProvider())
            let gateway = try Self.gateway(bad, on: network, crypto)
            let agent = try Self.agent(careless, on: network)
            agent.initiate(Self.connection(), to: gatewayAddress)
            _ = try await eventually { [agent] in agent.reports.contains { $0.isOutcome } }
            let cause = agent.reports.first { $0.isOutcome }?.refusal
            switch cause {
            case .authentication(let failure): #expect(failure.reason == bad.reason, "\(bad.what)")
            case .identity: #expect(bad.reason.isEmpty, "\(bad.what)")
            default: Issue.record("\(bad.what): \(String(describing: cause))")
            }
            _ = try await eventually { crypto.opened.count == 2 }
            // IKE_AUTH, then INFORMATIONAL with the notify alone (RFC 7296 §2.21.2).
            #expect(crypto.opened.last == Self.notify, "\(bad.what)")
            let last = network.sent.last { $0.path.remote.address == gatewayAddress }
            lengths[last?.bytes.count ?? 0, default: []].append(bad.what)
            try await blocking { [agent, gateway] in
                agent.stop()
                gateway.stop()
            }
        }
        #expect(lengths.count == 1, "\(lengths)")
    }

    private static func gateway(
        _ bad: BadGateway,
        on network: MemoryNetwork,
        _ crypto: RecordingCrypto
    ) throws -> TestShard {
        let key = KeyID("gateway")
        let signer = LocalKeyOracle.Signer(key: try SigningKey(pem: Array(bad.credentials.keyPEM.utf8)))
        let connection = ConnectionConfiguration(
            name: "agents",
            localIdentity: .fqdn(bad.identity),
            remoteIdentity: .oneOf([.fqdn("laptop.example.com")]),
            localAuthentication: .certificate(chain: bad.credentials.chain, key: key),
            remoteAuthentication: .preSharedKey(KeyID("agent")),
            children: [ChildConfiguration(name: "default", remoteSelectors: [.everything(.v4)])]
        )
        return try TestShard(
            at: gatewayAddress,
            on: network,
            connections: [connection],
            oracle: LocalKeyOracle(
                crypto: StandardCryptoProvider(),
                signers: [key: signer],
                preSharedKeys: [KeyID("agent"): SecretBytes(sharedKey.utf8)]
            ),
            authenticator: CertificateAuthenticator(
                crypto: StandardCryptoProvider(),
                trust: [:],
                registry: PeerRegistry()
            ),
            crypto: crypto
        ) { _ in
            .allow(
                AuthorizationGrant(
                    owner: ChildSAOwner(session: "s", ruleIndices: []),
                    localSelectors: [.everything(.v4)],
                    remoteSelectors: [.everything(.v4)]
                )
            )
        }
    }

    private static func agent(_ careless: CarelessAuthority, on network: MemoryNetwork) throws -> TestShard {
        let trust = CertificateAuthenticator.Trust(
            anchors: try TrustAnchors(certificates: [try careless.rootDER]),
            purpose: .gateway
        )
        return try TestShard(
            at: .v4(0xc633_6499),
            on: network,
            oracle: LocalKeyOracle(
                crypto: StandardCryptoProvider(),
                preSharedKeys: [KeyID("agent"): SecretBytes(sharedKey.utf8)]
            ),
            authenticator: CertificateAuthenticator(
                crypto: StandardCryptoProvider(),
                trust: ["gw": trust],
                registry: PeerRegistry()
            )
        )
    }

    private static func connection() -> ConnectionConfiguration {
        ConnectionConfiguration(
            name: "gw",
            localIdentity: .fqdn("laptop.example.com"),
            // With two names nothing is asked for, and the gateway says who it is.
            remoteIdentity: .oneOf([.fqdn("vpn.example.com"), .fqdn("vpn2.example.com")]),
            localAuthentication: .preSharedKey(KeyID("agent")),
            remoteAuthentication: .certificate(authorityKeyHashes: []),
            children: [ChildConfiguration(name: "default", remoteSelectors: [.everything(.v4)])]
        )
    }
}
