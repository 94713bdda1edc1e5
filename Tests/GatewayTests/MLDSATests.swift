import AuditLog
import CertificateAuthority
import ConfigFile
import IKECrypto
import IKEMessage
import IKEv2
import IPsecTypes
import PKI
import RuntimeDoubles
import Testing

@testable import Gateway
@testable import Runtime

/// ML-DSA in IKE_AUTH, from the certificate file to the session: experimental, and off unless both ends turn it on.
@Suite(.serialized) struct MLDSATests {
    private let on = SignaturePolicy(kinds: SignaturePolicy.modern.union([.mlDSA]))

    private func established(
        gateway: ExperimentalGatewayKey,
        client: ExperimentalGatewayKey
    ) async throws -> AuditRecord? {
        let fixture = try await GatewayFixture(experimental: gateway.kind) { $0.ike.experimentalMLDSA = true }
        let caller = try fixture.client(
            try await fixture.authority.agent("runner1", experimental: client.kind),
            signatures: on
        )
        let child = try #require(try await caller.connect()?.child)
        #expect(child.remoteSelectors.map(\.description) == ["10.20.0.0/28[tcp/443]"])
        let start = try await fixture.record(.sessionStart)
        try await caller.stop()
        try await fixture.stop()
        return start
    }

    /// The two ends choose independently (RFC 7427): every mixture of keys stands.
    @Test(arguments: ExperimentalGatewayKey.allCases, ExperimentalGatewayKey.allCases)
    func everyMixtureOfKeysAuthenticates(gateway: ExperimentalGatewayKey, client: ExperimentalGatewayKey) async throws {
        #expect(try await established(gateway: gateway, client: client)?.name == "runner1")
    }

    /// A peer that has nothing else, at a gateway that was not told: AUTHENTICATION_FAILED there, the reason here.
    @Test func aGatewayThatWasNotToldRefuses() async throws {
        let fixture = try await GatewayFixture()
        let caller = try fixture.client(
            try await fixture.authority.agent("runner1", experimental: .mlDSA65),
            signatures: on
        )
        #expect(try await caller.connect()?.refusal == .peerRefused(.authenticationFailed))
        let record = try #require(try await fixture.record(.authenticationFailed))
        #expect(record.reason?.contains("ike.experimental_ml_dsa") == true)
        #expect(record.peerID == nil)
        try await caller.stop()
        try await fixture.stop()
    }

    /// The gateway proves itself by ML-DSA alone, and the caller was not told.
    @Test func aCallerThatWasNotToldRefuses() async throws {
        let fixture = try await GatewayFixture(experimental: .mlDSA87) { $0.ike.experimentalMLDSA = true }
        let caller = try fixture.client(try await fixture.authority.agent("runner1"))
        guard case .authentication(let failure)? = try await caller.connect()?.refusal else {
            Issue.record("it did not refuse")
            return
        }
        #expect(failure.text.contains("ike.experimental_ml_dsa"))
        try await caller.stop()
        try await fixture.stop()
    }

    private func policy(_ signatures: String) -> String {
        """
        version: 1
        resources:
          registry: {address: 10.20.0.0/28, ports: [tcp/443]}
        peers:
          - name: branch
            id: fqdn:branch.example.com
            authority: own
            signatures: [\(signatures)]
            allow: [registry]
          - name: other
            id: fqdn:other.example.com
            authority: own
            signatures: [ecdsa, ed25519]
            allow: [registry]
        """
    }

    /// The other peer lets the gateway list the hashes of all signatures, so that only policy refuses. `[ml-dsa]` leaves a peer nothing classical to fall back to.
    @Test func aPeerThatMustSignWithMLDSAIsRefusedOtherwise() async throws {
        let fixture = try await GatewayFixture(policy: policy("ml-dsa")) { $0.ike.experimentalMLDSA = true }
        let classical = try fixture.client(
            try await fixture.authority.gateway("branch.example.com"),
            signatures: on
        )
        #expect(try await classical.connect()?.refusal == .peerRefused(.authenticationFailed))
        let record = try #require(try await fixture.record(.authenticationFailed))
        #expect(record.reason?.contains("not among the signatures allowed") == true)
        let modern = try fixture.client(
            try await fixture.authority.gateway("branch.example.com", experimental: .mlDSA65),
            signatures: on
        )
        #expect(try await modern.connect()?.child != nil)
        try await classical.stop()
        try await modern.stop()
        try await fixture.stop()
    }

    /// And one that may use ECDSA alone does not pass with ML-DSA.
    @Test func aPeerThatIsClassicalByPolicyIsRefusedWithMLDSA() async throws {
        let fixture = try await GatewayFixture(policy: policy("ecdsa")) { $0.ike.experimentalMLDSA = true }
        let modern = try fixture.client(
            try await fixture.authority.gateway("branch.example.com", experimental: .mlDSA65),
            signatures: on
        )
        #expect(try await modern.connect()?.refusal == .peerRefused(.authenticationFailed))
        let record = try #require(try await fixture.record(.authenticationFailed))
        #expect(record.reason?.contains("not allowed here") == true)
        try await modern.stop()
        try await fixture.stop()
    }

    @Test func whatIsOffIsNotLoaded() async throws {
        let authority = try TestAuthority()
        let (keyDirectory, withKey) = try await GatewayFixture.files(
            authority,
            policy: GatewayFixture.registryPolicy,
            experimental: .mlDSA65
        )
        #expect {
            try LoadedGateway.load(withKey, available: AlgorithmSelfTest.run())
        } throws: { error in
            (error as? CulvertError)?.code == .keyUnusable && "\(error)".contains("experimental_ml_dsa")
        }
        let (policyDirectory, withPolicy) = try await GatewayFixture.files(authority, policy: policy("ml-dsa"))
        #expect {
            try LoadedGateway.load(withPolicy, available: AlgorithmSelfTest.run())
        } throws: { error in
            (error as? CulvertError)?.code == .invalidValue && "\(error)".contains("experimental_ml_dsa")
        }
        withExtendedLifetime((keyDirectory, policyDirectory)) {}
    }
}

/// The keys of one end.
enum ExperimentalGatewayKey: CaseIterable {
    case ecdsa
    case mlDSA65
    case mlDSA87

    var kind: ExperimentalLeafKey.Kind? {
        switch self {
        case .ecdsa: nil
        case .mlDSA65: .mlDSA65
        case .mlDSA87: .mlDSA87
        }
    }
}
