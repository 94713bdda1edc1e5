import IKEv2
import IPsecTypes
import RADIUS
import Runtime

/// What the gateway knows of a session towards RADIUS: how accounting names it, and what its server said.
struct RADIUSSession {
    /// The user's name: what the server authenticated, else the session's identity.
    var userName: String
    /// Whether a RADIUS server let it in.
    var isAuthenticated: Bool
    /// What its server says of it.
    var authorization: RADIUSAuthorization
    /// Where the peer was when it came.
    var path: Path
    /// When its next interim record is due; nil before its start.
    var nextInterim: Instant?
    /// How often it has one.
    var interval: Duration

    /// An interim interval below this would be a flood (RFC 2869 §5.16 wants 60 s or more).
    static let shortestInterval: Duration = .seconds(60)

    init(_ entry: RADIUSAcceptances.Entry?, identity: String, path: Path, interval: Duration) {
        userName = entry?.userName ?? identity
        isAuthenticated = entry != nil
        authorization = entry?.authorization ?? RADIUSAuthorization()
        self.path = path
        self.interval = interval
        takeInterval()
    }

    /// Follows the server's Acct-Interim-Interval.
    mutating func takeInterval() {
        guard let seconds = authorization.interimInterval else { return }
        interval = max(.seconds(Int64(seconds)), Self.shortestInterval)
    }

    /// The attributes that say who and where (RFC 2866 §5.13), Class as it came (RFC 2865 §5.25).
    func identification(_ addresses: [IPAddress]) -> [RADIUSAttribute] {
        var attributes = [
            RADIUSAttribute(.userName, text: userName),
            // RFC 2866 §5.6: RADIUS (1), Local (2). RFC 2865 §5.41: Virtual (5).
            RADIUSAttribute(.acctAuthentic, number: isAuthenticated ? 1 : 2),
            RADIUSAttribute(.serviceType, number: 2), RADIUSAttribute(.nasPortType, number: 5),
        ]
        attributes += RADIUSStations.attributes(path)
        for address in addresses {
            let type: RADIUSAttributeType = address.family == .v4 ? .framedIPAddress : .framedIPv6Address
            attributes.append(RADIUSAttribute(type, address: address))
        }
        return attributes + authorization.classes.map { RADIUSAttribute(.class, $0) }
    }

    /// Whether all that a request gives fits this session.
    func fits(_ selection: DynamicRequest.Selection, id: String, addresses: [IPAddress]) -> Bool {
        let stations = [RADIUSStations.calling(path), "\(path.remote.address)"]
        return selection.sessionID.map { $0 == id } ?? true
            && selection.userName.map { $0 == userName } ?? true
            && selection.addresses.allSatisfy { addresses.contains($0) }
            && selection.callingStation.map { stations.contains($0) } ?? true
            && selection.classes.allSatisfy { authorization.classes.contains($0) }
    }
}
