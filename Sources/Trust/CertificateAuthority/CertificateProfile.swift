/// What kind of certificate is issued and how long it lives.
public enum CertificateProfile: String, Hashable, Sendable, CaseIterable {
    /// The trust anchor: signs issuing authorities and nothing else.
    case root
    /// Signs gateways, agents and jobs.
    case issuing
    /// A Culvert gateway.
    case gateway
    /// An agent that runs without a CI.
    case agent
    /// One job.
    case job

    /// Seconds a certificate of this kind lives unless told otherwise.
    public var defaultLifetime: Int64 {
        switch self {
        case .root: 10 * 365 * 86_400
        case .issuing: 2 * 365 * 86_400
        case .gateway: 30 * 86_400
        case .agent: 86_400
        case .job: 15 * 60
        }
    }

    /// Lifetimes that may be asked for, in seconds.
    public var lifetimes: ClosedRange<Int64> {
        switch self {
        case .root: 365 * 86_400...20 * 365 * 86_400
        case .issuing: 86_400...5 * 365 * 86_400
        case .gateway: 3_600...397 * 86_400
        // A site that cannot fetch a new certificate daily may have one for as long as a gateway.
        case .agent: 300...397 * 86_400
        case .job: 5 * 60...60 * 60
        }
    }

    /// Seconds a leaf is valid before it is issued: peers of other makes forgive no slow clock.
    public static let backdating: Int64 = 300
}
