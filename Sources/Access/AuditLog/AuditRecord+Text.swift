import IPsecTypes

extension AuditRecord {
    /// The record as one line for people; whatever could steer a terminal is escaped.
    ///
    ///     2026-11-23T13:05:00Z  session.start  runner1  10.99.0.2  rule deploy-prod (policy.yaml:41) -> registry
    public var line: String {
        var parts = [time.rfc3339, event.rawValue.padded(to: 21)]
        if let who = name ?? peerID { parts.append(who) }
        if peerID == nil, let claimedID { parts.append("claimed \(claimedID)") }
        if !addresses.isEmpty { parts.append(addresses.map(\.description).joined(separator: ",")) }
        if let rule {
            parts.append("rule \(rule)" + (resources.isEmpty ? "" : " -> " + resources.joined(separator: ", ")))
        }
        if let path { parts.append("\(path.transport.rawValue) \(path.remote)") }
        if let suite { parts.append(suite) }
        if !spis.isEmpty { parts.append("spi " + spis.joined(separator: "/")) }
        if !selectors.isEmpty { parts.append(selectors.joined(separator: " ")) }
        if let bytesIn, let bytesOut { parts.append("in \(bytesIn) B out \(bytesOut) B") }
        if let seconds { parts.append("\(seconds) s") }
        if let count { parts.append("\(count) times") }
        if let serial { parts.append("serial \(serial)") }
        if let code { parts.append("\(code)") }
        if let reason { parts.append(reason) }
        if let actor { parts.append("by \(actor)") }
        if let session { parts.append("session \(session)") }
        return parts.map(\.printable).joined(separator: "  ")
    }
}
