import Glibc
import IPsecTypes
import PKI
import Store
import Testing

@testable import CertificateAuthority

@Test func everythingIssuedIsListedWithItsNames() async throws {
    var fixture = try Fixture()
    let maker = SoftwareKeyMaker()
    let gateway = try await fixture.gateway(try maker.makeKey(.ecdsaP256))
    let agent = try await fixture.workload(.agent, try maker.makeKey(.ecdsaP256), at: noon.advanced(bySeconds: 1))
    let records = try await fixture.authority.records.all()
    #expect(records == [gateway.record, agent.record])
    #expect(records.map(\.profile) == [.gateway, .agent])
    #expect(records.map(\.label) == ["gateway", "runner1"])
    #expect(Set(records.map(\.serial)).count == 2)
    #expect(try await fixture.authority.records.find(agent.record.serial) == agent.record)
}

@Test func aRevokedCertificateIsRefusedAtOnceAndStaysListed() async throws {
    var fixture = try Fixture()
    let issued = try await fixture.workload(.agent, try SoftwareKeyMaker().makeKey(.ecdsaP256))
    let records = fixture.authority.records
    var feed = try await records.revocations()
    #expect(try await fixture.validate(issued.chain, revocation: feed.revoked).code == nil)

    let record = try await records.revoke(issued.record.serial, at: noon, reason: "laptop\nlost")
    #expect(record.revocation?.reason == "laptop?lost")
    let news = try await records.refresh(&feed)
    #expect(news.map(\.serial) == [issued.record.serial])
    #expect(try await fixture.validate(issued.chain, revocation: feed.revoked).code == "cert_revoked")
    #expect(try await records.refresh(&feed).isEmpty)
    // Read from the beginning it is the same.
    #expect(try await records.revocations().revoked == feed.revoked)
    // Twice keeps the first.
    let again = try await records.revoke(issued.record.serial, at: noon.advanced(bySeconds: 5), reason: "other")
    #expect(again.revocation == record.revocation)
    #expect(try await records.all().map(\.revocation) == [record.revocation])
}

@Test func anUnknownSerialCannotBeRevoked() async throws {
    let fixture = try Fixture()
    let serial = try #require(CertificateSerial("0102"))
    await #expect(throws: CertificateAuthorityError.unknownSerial(serial)) {
        try await fixture.authority.records.revoke(serial, at: noon, reason: "")
    }
}

@Test func aSerialNumberIsUsedOnce() async throws {
    let fixture = try Fixture()
    let key = try SoftwareKeyMaker().makeKey(.ecdsaP256)
    let moment = EmbeddedAuthority.Moment(wallClock: noon, serialRandom: [UInt8](repeating: 9, count: 20))
    func issue() async throws {
        _ = try await fixture.authority.issueGateway(
            dnsNames: ["a.example.com"],
            addresses: [],
            spki: key.signer.subjectPublicKeyInfo,
            label: "g",
            at: moment
        )
    }
    try await issue()
    await #expect(throws: CertificateAuthorityError.self) { try await issue() }
}

@Test func aMarkThatCannotBeReadStillRevokes() async throws {
    var fixture = try Fixture()
    let issued = try await fixture.workload(.agent, try SoftwareKeyMaker().makeKey(.ecdsaP256))
    let name = "\(CertificateRecords.revokedPrefix)\(fixture.authority.fingerprint)/\(issued.record.serial)"
    try await fixture.store.put(StateKey(name), [0xFF], expecting: nil)
    let feed = try await fixture.authority.records.revocations()
    #expect(try await fixture.validate(issued.chain, revocation: feed.revoked).code == "cert_revoked")
}

@Test func recordsSurviveTheirStoredForm() async throws {
    var fixture = try Fixture()
    var record = try await fixture.gateway(try SoftwareKeyMaker().makeKey(.ecdsaP256)).record
    #expect(try CertificateRecord.decode(record.encoded()) == record)
    record.revocation = .init(at: noon, reason: "a=b")
    #expect(try CertificateRecord.decode(record.encoded()) == record)
    let text = String(decoding: record.encoded(), as: UTF8.self)
    for damaged in [
        "", "culvert-certificate 2\n" + text.drop { $0 != "\n" },
        text.replacing("profile=gateway", with: "profile=king"),
        text.replacing("issuer=", with: "issuer=x"), String(text.prefix(100)),
    ] {
        #expect(throws: CertificateAuthorityError.self) { try CertificateRecord.decode(Array(damaged.utf8)) }
    }
}

@Test func recordsAreKeptInSQLiteAcrossProcesses() async throws {
    var template = Array("/tmp/culvert-ca-XXXXXX".utf8CString)
    let directory = try #require(mkdtemp(&template).map { String(cString: $0) })
    defer {
        for name in ["", "-wal", "-shm"] { unlink("\(directory)/state.db\(name)") }
        rmdir(directory)
    }
    let path = "\(directory)/state.db"
    let store = try SQLiteStateStore(path: path)
    var fixture = try Fixture(store: store)
    let issued = try await fixture.workload(.agent, try SoftwareKeyMaker().makeKey(.ecdsaP256))
    var feed = try await fixture.authority.records.revocations()

    // The command line's process.
    let other = CertificateRecords(store: try SQLiteStateStore(path: path))
    #expect(try await other.all() == [issued.record])
    try await other.revoke(issued.record.serial, at: noon, reason: "lost")

    #expect(try await fixture.authority.records.refresh(&feed).map(\.serial) == [issued.record.serial])
    #expect(try await fixture.validate(issued.chain, revocation: feed.revoked).code == "cert_revoked")
}
