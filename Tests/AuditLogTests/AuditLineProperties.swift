import AuditLog
import IPsecTypes

/// What must hold for any octets whatever, read as a line of an audit trail. The tests and the fuzz target share this file.
enum AuditLineProperties {
    /// The line is refused, or its record can be shown and written, and reads back as the same record.
    static func violation(line bytes: [UInt8]) -> String? {
        var reader = AuditReader(after: nil, digest: { _ in [UInt8](repeating: 0, count: 32) })
        _ = reader.verify(bytes)
        guard let entry = AuditEntry(line: bytes) else { return nil }
        guard entry.record.line.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7f }) else {
            return "a record could steer a terminal"
        }
        var chain = AuditChain(digest: { _ in [UInt8](repeating: 0, count: 32) })
        let line = chain.append(entry.record)
        guard line.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7f }) else {
            return "a written record is not one printable line"
        }
        guard let again = AuditEntry(line: line.utf8) else { return "what was written is refused" }
        var second = AuditChain(digest: { _ in [UInt8](repeating: 0, count: 32) })
        return second.append(again.record) == line ? nil : "writing is not stable"
    }
}
