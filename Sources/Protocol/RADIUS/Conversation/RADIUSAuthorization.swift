public import IPsecTypes

/// What an Access-Accept, or a CoA-Request, says of a session.
public struct RADIUSAuthorization: Hashable, Sendable {
    /// User-Name: who was authenticated, when the server says so.
    public var userName: String?
    /// Framed-IP-Address; nil for none, and for 255.255.255.254: the gateway chooses (RFC 2865 §5.8).
    public var framedIPv4: IPAddress?
    /// Framed-IPv6-Address (RFC 6911 §3.1).
    public var framedIPv6: IPAddress?
    /// Filter-Id and Tunnel-Private-Group-ID: groups that policy must know.
    public var filters: [String] = []
    /// Class, as it goes back in accounting (RFC 2865 §5.25).
    public var classes: [[UInt8]] = []
    /// Session-Timeout: seconds until the session ends.
    public var sessionTimeout: UInt32?
    /// Acct-Interim-Interval in seconds.
    public var interimInterval: UInt32?

    /// Nothing said.
    public init() {}

    /// Reads attributes.
    ///
    /// Throws for values that do not fit their type and for a Service-Type that we do not serve: the packet is then to be
    /// treated as an Access-Reject (RFC 2865 §5, §5.6).
    public init(_ attributes: [RADIUSAttribute]) throws(RADIUSValueError) {
        userName = try attributes.text(.userName)
        let address = try attributes.address(.framedIPAddress, .v4)
        switch address {
        case .v4(0xffff_fffe): framedIPv4 = nil
        // RFC 2865 §5.8: all ones lets the user choose; here nobody may.
        case .v4(0xffff_ffff):
            throw RADIUSValueError(type: .framedIPAddress, problem: "the peer may not choose its address")
        default: framedIPv4 = address
        }
        framedIPv6 = try attributes.address(.framedIPv6Address, .v6)
        filters = try attributes.texts(.filterID) + attributes.texts(.tunnelPrivateGroupID, tagged: true)
        classes = attributes.all(.class)
        sessionTimeout = try attributes.number(.sessionTimeout)
        interimInterval = try attributes.number(.acctInterimInterval)
        // RFC 2865 §5.6: an unknown or unsupported Service-Type is a Reject. Framed (2) is what a tunnel is.
        if let service = try attributes.number(.serviceType), service != 2 {
            throw RADIUSValueError(type: .serviceType, problem: "\(service) is not served here, only Framed (2)")
        }
    }

    /// The groups for policy: the filters, and each Class that is printable text. A Class may be anything, so one that
    /// policy does not know is passed over; an unknown filter is not (E12).
    public var groups: [String] {
        filters
            + classes.compactMap { String(validating: $0, as: UTF8.self) }.filter { !$0.isEmpty && $0.printable == $0 }
    }

    /// The framed addresses, one a family.
    public var addresses: [IPAddress] { [framedIPv4, framedIPv6].compactMap { $0 } }
}
