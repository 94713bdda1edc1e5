import IPsecTypes

/// Writes a record as one line of JSON: keys sorted, absent ones left out, every character escaped that could break a line
/// or steer a terminal. The last two keys are the hash of the record before and the record's own.
struct AuditLine {
    private var text = "{"

    /// The line without its own hash and closing brace.
    init(_ record: AuditRecord, previous: String) {
        // Sorted by key; the reader and the tests hold the order.
        add("actor", record.actor)
        add("addresses", record.addresses.map(\.description))
        add("bytes_in", record.bytesIn)
        add("bytes_out", record.bytesOut)
        add("claimed_id", record.claimedID)
        add("code", record.code?.description)
        add("count", record.count)
        add("event", record.event.rawValue)
        add("gateway", record.gateway)
        add("name", record.name)
        add("packets_in", record.packetsIn)
        add("packets_out", record.packetsOut)
        add("path_local", record.path.map { $0.local.description })
        add("path_remote", record.path.map { $0.remote.description })
        add("peer_id", record.peerID)
        add("reason", record.reason)
        add("resources", record.resources)
        add("rule", record.rule)
        add("seconds", record.seconds)
        add("selectors", record.selectors)
        add("seq", record.sequence)
        add("serial", record.serial)
        add("session", record.session)
        add("spis", record.spis)
        add("suite", record.suite)
        add("tenant", record.tenant)
        add("time", record.time.rfc3339)
        add("transport", record.path?.transport.rawValue)
        add("version", AuditRecord.version)
        add("previous", previous)
    }

    /// What the hash covers.
    var body: [UInt8] { Array(text.utf8) }

    /// The whole line without its newline.
    func closed(hash: String) -> String { text + AuditLine.hashMark + hash + "\"}" }

    /// What stands between the body and the hash.
    static let hashMark = ",\"hash\":\""

    private mutating func key(_ key: String) {
        if text.utf8.count > 1 { text += "," }
        text += "\"\(key)\":"
    }

    private mutating func add(_ name: String, _ value: String?) {
        guard let value else { return }
        key(name)
        text += Self.quoted(value)
    }

    private mutating func add(_ name: String, _ value: (some BinaryInteger)?) {
        guard let value else { return }
        key(name)
        text += "\(value)"
    }

    private mutating func add(_ name: String, _ values: [String]) {
        guard !values.isEmpty else { return }
        key(name)
        text += "[" + values.map(Self.quoted).joined(separator: ",") + "]"
    }

    /// Text that a peer chose is cut here: a record must fit a syslog datagram of 64 KiB with room to spare.
    static let maximumText = 2048

    private static func quoted(_ value: String) -> String {
        // Nearly everything in a record is plain ASCII: names, addresses, algorithms.
        let isPlainASCII = value.utf8.allSatisfy { (0x20...0x7e).contains($0) && $0 != 0x22 && $0 != 0x5c }
        if isPlainASCII, value.utf8.count <= maximumText { return "\"\(value)\"" }
        var result = "\""
        for scalar in value.unicodeScalars.prefix(maximumText) {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            default:
                if (0x20...0x7e).contains(scalar.value) || isPlain(scalar) {
                    result.unicodeScalars.append(scalar)
                } else {
                    for unit in String(scalar).utf16 {
                        let digits = String(unit, radix: 16)
                        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                    }
                }
            }
        }
        return result + "\""
    }

    private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        let text = String(scalar)
        return text.printable == text
    }
}
