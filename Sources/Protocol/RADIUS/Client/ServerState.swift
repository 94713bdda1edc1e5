import IPsecTypes

/// What a client knows of one of its servers.
struct ServerState: Sendable {
    /// Sockets towards one server: 8 × 256 requests in flight bound what an outage can hold (E11).
    static let laneLimit = 8
    /// Identifiers of one socket (RFC 2865 §3).
    static let identifiersPerLane = 256

    /// One socket's identifiers.
    struct Lane: Sendable {
        /// The next identifier to try: in turn, so that one is not used again soon.
        var next: UInt8 = 0
        /// The requests that wait, by identifier.
        var waiting: [UInt8: RADIUSRequestID] = [:]
    }

    let server: RADIUSServer
    var lanes: [Lane] = [Lane()]
    var isAlive = true
    /// Whether it ever answered a Status-Server: then only another answer brings it back.
    var answersProbes = false
    /// When it was found dead.
    var deadSince = Instant.zero
    /// When it is asked next whether it is back; nil while it is alive.
    var nextProbe: Instant?
    /// When it last answered anything.
    var lastAnswer: Instant?
    var sent: UInt64 = 0
    var answered: UInt64 = 0
    var discarded: [RADIUSDiscard: UInt64] = [:]

    init(_ server: RADIUSServer) { self.server = server }

    /// Requests that wait for its answer.
    var waiting: Int { lanes.reduce(0) { $0 + $1.waiting.count } }

    /// Takes a free identifier; nil when all are in use.
    mutating func take(_ id: RADIUSRequestID) -> (lane: Int, identifier: UInt8)? {
        for index in lanes.indices where lanes[index].waiting.count < Self.identifiersPerLane {
            var identifier = lanes[index].next
            while lanes[index].waiting[identifier] != nil { identifier &+= 1 }
            lanes[index].next = identifier &+ 1
            lanes[index].waiting[identifier] = id
            return (index, identifier)
        }
        guard lanes.count < Self.laneLimit else { return nil }
        lanes.append(Lane(next: 1, waiting: [0: id]))
        return (lanes.count &- 1, 0)
    }

    /// Who waits under an identifier.
    func holder(lane: Int, identifier: UInt8) -> RADIUSRequestID? {
        lanes.indices.contains(lane) ? lanes[lane].waiting[identifier] : nil
    }

    mutating func free(lane: Int, identifier: UInt8) { lanes[lane].waiting[identifier] = nil }
}

/// A request in flight.
struct PendingRequest: Sendable {
    var request: RADIUSRequest
    /// Whether it is a Status-Server of our own.
    var isProbe: Bool
    /// When it fails.
    var deadline: Instant
    /// Where it was sent last.
    var server: Int
    var lane: Int
    var identifier: UInt8
    /// Its Request Authenticator there.
    var authenticator: [UInt8]
    var bytes: [UInt8]
    /// When it was first sent to this server.
    var firstSent: Instant
    /// Transmissions to this server.
    var transmissions = 1
    /// How long the next answer may take.
    var timeout: Duration
    /// When it is sent again, elsewhere or not.
    var nextSend: Instant
    /// Servers that were asked in this round.
    var asked: Set<Int>
}
