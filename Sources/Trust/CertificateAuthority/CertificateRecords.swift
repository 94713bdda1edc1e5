import IPsecTypes
import PKI

/// The authority's records in a ``StateStore``.
///
///     ca/cert/<issuer>/<serial>       the record
///     ca/revoked/<issuer>/<serial>    time of revocation and end of validity, in seconds
///
/// A revocation is written first, so that a crash between the two leaves the certificate refused.
public struct CertificateRecords: Sendable {
    /// Where revocations are; a gateway watches this prefix.
    public static let revokedPrefix = "ca/revoked/"
    private static let recordPrefix = "ca/cert/"

    private let store: any StateStore
    private let tenant: String

    /// Records of one tenant.
    public init(store: any StateStore, tenant: String = StateKey.defaultTenant) {
        self.store = store
        self.tenant = tenant
    }

    /// Writes the record of a new certificate; a serial number that was used before is a conflict.
    func insert(_ record: CertificateRecord) async throws(CertificateAuthorityError) {
        let value = record.encoded()
        let key = recordKey(record.issuer, record.serial)
        try await translated { () async throws(StateStoreError) in
            _ = try await store.put(key, value, expecting: .absent)
        }
    }

    /// All records, oldest first.
    public func all() async throws(CertificateAuthorityError) -> [CertificateRecord] {
        let entries = try await translated { () async throws(StateStoreError) in
            try await store.all(tenant: tenant, prefix: Self.recordPrefix)
        }
        var records: [CertificateRecord] = []
        for entry in entries { records.append(try CertificateRecord.decode(entry.value)) }
        return records.sorted { ($0.issuedAt, $0.serial) < ($1.issuedAt, $1.serial) }
    }

    /// The record of a certificate under whichever issuer; nil when there is none.
    public func find(_ serial: CertificateSerial) async throws(CertificateAuthorityError) -> CertificateRecord? {
        try await all().first { $0.serial == serial }
    }

    /// Revokes a certificate; doing so twice keeps the first time and reason.
    @discardableResult
    public func revoke(
        _ serial: CertificateSerial,
        at time: WallTime,
        reason: String
    ) async throws(CertificateAuthorityError) -> CertificateRecord {
        guard var record = try await find(serial) else { throw .unknownSerial(serial) }
        if record.revocation != nil { return record }
        record.revocation = .init(at: time, reason: CertificateRecord.line(reason))
        let mark = RevocationMark(at: time, notAfter: record.certificate.notAfter).encoded()
        let markKey = StateKey(tenant: tenant, "\(Self.revokedPrefix)\(record.issuer)/\(serial)")
        let key = recordKey(record.issuer, serial)
        let value = record.encoded()
        let result = record
        return try await translated { () async throws(StateStoreError) in
            _ = try await store.put(markKey, mark, expecting: nil)
            _ = try await store.put(key, value, expecting: nil)
            return result
        }
    }

    /// Everything that is revoked, and the revision from which to watch for more.
    public func revocations() async throws(CertificateAuthorityError) -> RevocationFeed {
        let (revision, entries) = try await translated { () async throws(StateStoreError) in
            // The revision is read first: what is revoked in between is then seen twice rather than never.
            let revision = try await store.latestRevision()
            return (revision, try await store.all(tenant: tenant, prefix: Self.revokedPrefix))
        }
        var feed = RevocationFeed(revision: revision)
        for entry in entries { feed.apply(key: entry.key, value: entry.value) }
        return feed
    }

    /// Brings a feed up to date; returns the serial numbers that are new in it.
    public func refresh(_ feed: inout RevocationFeed) async throws(CertificateAuthorityError) -> [RevokedCertificate] {
        var found: [RevokedCertificate] = []
        while true {
            let start = feed.revision
            let page = try await translated { () async throws(StateStoreError) in
                try await store.changes(tenant: tenant, prefix: Self.revokedPrefix, after: start, limit: 512)
            }
            for change in page.changes {
                if let new = change.value.flatMap({ feed.apply(key: change.key, value: $0) }) { found.append(new) }
            }
            feed.revision = page.next
            if page.changes.count < 512 { return found }
        }
    }

    private func recordKey(_ issuer: SPKIFingerprint, _ serial: CertificateSerial) -> StateKey {
        StateKey(tenant: tenant, "\(Self.recordPrefix)\(issuer)/\(serial)")
    }

    private func translated<Value>(
        _ body: () async throws(StateStoreError) -> Value
    ) async throws(CertificateAuthorityError) -> Value {
        do {
            return try await body()
        } catch {
            throw .store(error)
        }
    }
}

/// A certificate that was revoked, as the feed tells it.
public struct RevokedCertificate: Hashable, Sendable {
    /// The issuer's key.
    public let issuer: SPKIFingerprint
    /// The serial number.
    public let serial: CertificateSerial
    /// When it was revoked.
    public let at: WallTime
}

/// The revocations a gateway checks against, kept up to date from the store's changes.
public struct RevocationFeed: Sendable {
    /// What is revoked.
    public private(set) var revoked = RevokedSerials()
    /// Up to where the store's changes are in it.
    public internal(set) var revision: StateRevision

    init(revision: StateRevision) {
        self.revision = revision
    }

    @discardableResult
    mutating func apply(key: StateKey, value: [UInt8]) -> RevokedCertificate? {
        let parts = key.name.dropFirst(CertificateRecords.revokedPrefix.count).split(separator: "/")
        guard parts.count == 2, let issuer = parts.first.flatMap({ SPKIFingerprint(String($0)) }),
            let serial = parts.last.flatMap({ CertificateSerial(String($0)) })
        else { return nil }
        // A mark whose time cannot be read still revokes: since ever.
        let time = RevocationMark.decode(value)?.at ?? WallTime(secondsSinceEpoch: 0)
        if case .revoked = revoked.status(of: serial, issuer: issuer) { return nil }
        revoked.insert(serial, issuer: issuer, at: time)
        return RevokedCertificate(issuer: issuer, serial: serial, at: time)
    }
}

/// The value of a revocation's entry.
struct RevocationMark {
    let at: WallTime
    let notAfter: WallTime

    func encoded() -> [UInt8] { Array("\(at.secondsSinceEpoch) \(notAfter.secondsSinceEpoch)".utf8) }

    static func decode(_ bytes: [UInt8]) -> RevocationMark? {
        let numbers = String(decoding: bytes.prefix(64), as: UTF8.self).split(separator: " ").compactMap { Int64($0) }
        guard numbers.count == 2, let at = numbers.first, let end = numbers.last else { return nil }
        return RevocationMark(at: WallTime(secondsSinceEpoch: at), notAfter: WallTime(secondsSinceEpoch: end))
    }
}
