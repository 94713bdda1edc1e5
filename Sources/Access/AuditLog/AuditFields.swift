import IPsecTypes

/// The keys of a line as JSON knows them.
struct AuditFields: Decodable {
    var actor: String?
    var addresses: [IPAddress]?
    var bytesIn: UInt64?
    var bytesOut: UInt64?
    var claimedID: String?
    var code: String?
    var count: UInt64?
    var event: AuditEvent
    var gateway: String
    var name: String?
    var packetsIn: UInt64?
    var packetsOut: UInt64?
    var pathLocal: String?
    var pathRemote: String?
    var peerID: String?
    var reason: String?
    var resources: [String]?
    var rule: String?
    var seconds: Int64?
    var selectors: [String]?
    var sequence: UInt64
    var serial: String?
    var session: String?
    var spis: [String]?
    var suite: String?
    var tenant: String?
    var time: String
    var transport: Path.Transport?
    var version: Int64
    var previous: String
    var hash: String

    enum CodingKeys: String, CodingKey {
        case actor, addresses
        case bytesIn = "bytes_in"
        case bytesOut = "bytes_out"
        case claimedID = "claimed_id"
        case code, count
        case event, gateway, name
        case packetsIn = "packets_in"
        case packetsOut = "packets_out"
        case pathLocal = "path_local"
        case pathRemote = "path_remote"
        case peerID = "peer_id"
        case reason, resources, rule, seconds, selectors
        case sequence = "seq"
        case serial, session, spis, suite, tenant, time, transport, version, previous, hash
    }

    /// The record; nil when a field has no meaning or the version is another.
    var record: AuditRecord? {
        guard version == AuditRecord.version, let time = WallTime(rfc3339: time) else { return nil }
        var record = AuditRecord(event, at: time, gateway: gateway)
        record.sequence = sequence
        record.actor = actor
        record.addresses = addresses ?? []
        record.bytesIn = bytesIn
        record.bytesOut = bytesOut
        record.claimedID = claimedID
        if let code {
            guard let known = ErrorCode(code) else { return nil }
            record.code = known
        }
        record.count = count
        record.name = name
        record.packetsIn = packetsIn
        record.packetsOut = packetsOut
        if let transport {
            guard let local = pathLocal.flatMap(Endpoint.init(text:)),
                let remote = pathRemote.flatMap(Endpoint.init(text:))
            else { return nil }
            record.path = Path(transport: transport, local: local, remote: remote)
        }
        record.peerID = peerID
        record.reason = reason
        record.resources = resources ?? []
        record.rule = rule
        record.seconds = seconds
        record.selectors = selectors ?? []
        record.serial = serial
        record.session = session
        record.spis = spis ?? []
        record.suite = suite
        record.tenant = tenant
        return record
    }
}

extension Endpoint {
    /// Reads "192.0.2.1:500" or "[2001:db8::1]:500"; nil for anything else.
    init?(text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            return nil
        }
        var host = text[..<colon]
        if host.first == "[", host.last == "]" { host = host.dropFirst().dropLast() }
        guard let address = IPAddress(String(host)) else { return nil }
        self.init(address, port: port)
    }
}
