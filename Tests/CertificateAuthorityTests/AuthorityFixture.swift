import IPsecTypes
import PKI
import Testing

@testable import CertificateAuthority

/// 2026-11-23T12:00:00Z.
let noon = WallTime(secondsSinceEpoch: 1_795_435_200)

/// Random bytes that differ from call to call and are the same in every run.
struct Dice {
    private var next: UInt8 = 0

    mutating func roll(_ count: Int) -> [UInt8] {
        next &+= 1
        return (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ Int(next) &* 7) }
    }

    mutating func moment(_ time: WallTime = noon) -> EmbeddedAuthority.Moment {
        EmbeddedAuthority.Moment(wallClock: time, serialRandom: roll(CertificateSerial.randomByteCount))
    }
}

/// An authority over a store, with a maker of keys.
struct Fixture {
    let authority: EmbeddedAuthority
    let store: any StateStore
    let rootKey: MadeKey
    let issuingKey: MadeKey
    let pin: SPKIFingerprint
    var dice = Dice()

    init(root: KeyKind = .ecdsaP384, issuing: KeyKind = .ecdsaP256, store: any StateStore = MemoryStateStore()) throws {
        let maker = SoftwareKeyMaker()
        rootKey = try maker.makeKey(root)
        issuingKey = try maker.makeKey(issuing)
        self.store = store
        let made = try EmbeddedAuthority.establish(
            trustDomain: "example.com",
            rootSigner: rootKey.signer,
            issuingSigner: issuingKey.signer,
            wallClock: noon,
            rootSerialRandom: dice.roll(20),
            issuingSerialRandom: dice.roll(20)
        )
        pin = made.pin
        authority = try EmbeddedAuthority(
            rootDER: made.rootDER,
            issuingDER: made.issuingDER,
            signer: issuingKey.signer,
            trustDomain: "example.com",
            records: CertificateRecords(store: store)
        )
    }

    var anchors: TrustAnchors { get throws { try TrustAnchors(certificates: [authority.rootDER], pins: [pin]) } }

    mutating func gateway(_ key: MadeKey) async throws -> EmbeddedAuthority.Issued {
        try await authority.issueGateway(
            dnsNames: ["vpn.example.com"],
            addresses: [.v4(0xC000_0201), .v6(0x2001_0DB8_0000_0000, 1)],
            spki: key.signer.subjectPublicKeyInfo,
            label: "gateway",
            at: dice.moment()
        )
    }

    mutating func workload(
        _ profile: CertificateProfile = .agent,
        _ key: MadeKey,
        claims: CertificateClaims? = nil,
        lifetime: Int64? = nil,
        at time: WallTime = noon
    ) async throws -> EmbeddedAuthority.Issued {
        let id = ULID(milliseconds: UInt64(time.secondsSinceEpoch) * 1_000, random: dice.roll(10))
        return try await authority.issueWorkload(
            profile,
            id: id,
            spiffePath: "agent/runner1",
            claims: claims,
            spki: key.signer.subjectPublicKeyInfo,
            label: "runner1",
            lifetime: lifetime,
            at: dice.moment(time)
        )
    }

    func validate(
        _ chain: [[UInt8]],
        as purpose: ValidationPurpose = .peer,
        at time: WallTime = noon,
        revocation: any RevocationView = RevokedSerials()
    ) async throws -> Result<ValidatedPeer, ValidationFailure> {
        await PathValidator().validate(
            chain: chain,
            anchors: try anchors,
            wallClock: time,
            purpose: purpose,
            revocation: revocation
        )
    }
}

extension Result where Failure == ValidationFailure {
    var code: String? {
        if case .failure(let failure) = self { return failure.code }
        return nil
    }
}
