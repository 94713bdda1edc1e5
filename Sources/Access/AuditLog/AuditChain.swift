import IPsecTypes

/// The writing end of the audit trail: numbers records and chains each to the one before by its hash, so that a record that
/// is changed, removed, moved or inserted shows.
public struct AuditChain: Sendable {
    /// The hash that the first record of a trail names as the one before it.
    public static let genesis = String(repeating: "0", count: 64)

    /// The number of the last record; 0 before the first.
    public private(set) var sequence: UInt64
    /// The hash of the last record, in hexadecimal.
    public private(set) var hash: String

    private let digest: @Sendable ([UInt8]) -> [UInt8]

    /// Continues a trail after its last record, or starts one. `digest` is SHA-256.
    public init(after tail: AuditTail = .start, digest: @escaping @Sendable ([UInt8]) -> [UInt8]) {
        sequence = tail.sequence
        hash = tail.hash
        self.digest = digest
    }

    /// Numbers and chains a record and returns its line, without a newline.
    public mutating func append(_ record: AuditRecord) -> String {
        var record = record
        record.sequence = sequence + 1
        let line = AuditLine(record, previous: hash)
        let own = Hex.encode(digest(line.body))
        sequence += 1
        hash = own
        return line.closed(hash: own)
    }
}

/// Where a trail ends.
public struct AuditTail: Hashable, Sendable {
    /// The number of the last record; 0 for none.
    public var sequence: UInt64
    /// Its hash, in hexadecimal.
    public var hash: String
    /// Bytes of the file that are whole records; what follows was cut off by a crash and may be truncated away.
    public var wholeBytes: Int

    /// Makes the end of a trail.
    public init(sequence: UInt64, hash: String, wholeBytes: Int) {
        self.sequence = sequence
        self.hash = hash
        self.wholeBytes = wholeBytes
    }

    /// The end of an empty trail.
    public static let start = AuditTail(sequence: 0, hash: AuditChain.genesis, wholeBytes: 0)
}
