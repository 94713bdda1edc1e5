import Foundation
import IPsecTypes

/// A record as it is read back, with what the chain says of it.
public struct AuditEntry: Hashable, Sendable {
    /// The record.
    public var record: AuditRecord
    /// The hash that it names as the one before it.
    public var previous: String
    /// Its own hash.
    public var hash: String
    /// What the hash covers.
    public var body: [UInt8]

    /// Reads one line, with or without its newline; nil for anything that is no whole record.
    public init?(line: some Collection<UInt8>) {
        var bytes = Array(line)
        if bytes.last == 0x0a { bytes.removeLast() }
        let mark = Array(AuditLine.hashMark.utf8)
        // The hash has a fixed place at the end: 64 digits, a quote and a brace.
        let bodyEnd = bytes.count - 66 - mark.count
        guard bodyEnd > 0, bytes.count <= AuditReader.maximumLine,
            Array(bytes[bodyEnd..<(bodyEnd + mark.count)]) == mark, bytes.suffix(2) == [0x22, 0x7d]
        else { return nil }
        guard let fields = try? JSONDecoder().decode(AuditFields.self, from: Data(bytes)),
            let record = fields.record
        else { return nil }
        self.record = record
        self.previous = fields.previous
        self.hash = fields.hash
        self.body = Array(bytes[..<bodyEnd])
    }
}

/// What is wrong with an audit trail, and where.
public struct AuditDamage: Error, Hashable, Sendable, CustomStringConvertible {
    /// What it is.
    public enum Kind: Hashable, Sendable {
        /// The line is no record.
        case unreadable
        /// The record does not have the hash that it names: it was changed.
        case changed
        /// The record before it is another than the one it names: records were removed, moved or inserted.
        case broken
        /// The numbers have a gap.
        case gap(expected: UInt64, found: UInt64)
        /// The last line is cut off, as a crash leaves it.
        case cutOff
    }

    /// What it is.
    public var kind: Kind
    /// The line, from 1.
    public var line: Int

    /// One sentence.
    public var description: String {
        switch kind {
        case .unreadable: "line \(line) is no audit record"
        case .changed: "line \(line) was changed: its hash does not fit"
        case .broken: "records before line \(line) were removed, moved or inserted: the chain is broken"
        case .gap(let expected, let found): "line \(line) has number \(found) instead of \(expected)"
        case .cutOff: "line \(line) is cut off"
        }
    }
}

/// Checks an audit trail line by line, in constant memory.
public struct AuditReader: Sendable {
    /// A longer line is damage: fields are bounded.
    public static let maximumLine = 1 << 20

    /// Records that were read and found good.
    public private(set) var records: UInt64 = 0
    /// The last good record's place in the chain.
    public private(set) var tail: AuditTail

    private let digest: @Sendable ([UInt8]) -> [UInt8]
    private var line = 0
    private let anchored: Bool

    /// Starts at the beginning of a trail, or after a record that is known, as when files are rotated. `digest` is
    /// SHA-256. With `tail` nil the first record is taken as it comes.
    public init(after tail: AuditTail? = .start, digest: @escaping @Sendable ([UInt8]) -> [UInt8]) {
        self.tail = tail ?? .start
        self.anchored = tail != nil
        self.digest = digest
    }

    /// Reads the next line, without its newline.
    public mutating func read(_ bytes: some Collection<UInt8>) throws(AuditDamage) -> AuditRecord {
        line += 1
        guard let entry = AuditEntry(line: bytes) else { throw AuditDamage(kind: .unreadable, line: line) }
        guard Hex.encode(digest(entry.body)) == entry.hash else { throw AuditDamage(kind: .changed, line: line) }
        if anchored || records > 0 {
            guard entry.previous == tail.hash else { throw AuditDamage(kind: .broken, line: line) }
            guard entry.record.sequence == tail.sequence + 1 else {
                throw AuditDamage(kind: .gap(expected: tail.sequence + 1, found: entry.record.sequence), line: line)
            }
        }
        records += 1
        tail = AuditTail(
            sequence: entry.record.sequence,
            hash: entry.hash,
            wholeBytes: tail.wholeBytes + bytes.count + 1
        )
        return entry.record
    }

    /// Checks a whole file. Returns what is wrong first, nil when all is well.
    public mutating func verify(_ file: [UInt8]) -> AuditDamage? {
        let lines = file.split(separator: 0x0a, omittingEmptySubsequences: false)
        for (index, bytes) in lines.enumerated() {
            let isLast = index == lines.count - 1
            if isLast, bytes.isEmpty { return nil }
            do throws(AuditDamage) {
                _ = try read(bytes)
            } catch {
                if isLast, error.kind == .unreadable { return AuditDamage(kind: .cutOff, line: error.line) }
                return error
            }
            if isLast { return AuditDamage(kind: .cutOff, line: line) }
        }
        return nil
    }

    /// Where a trail ends, from the last bytes of its file: the last whole line that is a record. `offset` is where
    /// `bytes` start in the file. Trusts the line's own hash after checking it; nil when there is no such line.
    public static func tail(
        of bytes: [UInt8],
        at offset: Int = 0,
        digest: ([UInt8]) -> [UInt8]
    ) -> AuditTail? {
        var end = bytes.lastIndex(of: 0x0a)
        while let last = end {
            let start = bytes[..<last].lastIndex(of: 0x0a)
            let line = bytes[(start.map { $0 + 1 } ?? 0)..<last]
            if let entry = AuditEntry(line: line), Hex.encode(digest(entry.body)) == entry.hash {
                return AuditTail(sequence: entry.record.sequence, hash: entry.hash, wholeBytes: offset + last + 1)
            }
            end = start
        }
        return nil
    }
}
