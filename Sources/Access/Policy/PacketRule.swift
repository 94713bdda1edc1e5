public import IPsecTypes

/// One rule as the data plane sees it: which resource ends a packet of a session that holds the rule may have.
public struct PacketRule: Hashable, Sendable, Codable {
    /// Its place in the table. Counters, limits and flow records hang on it, and ``ChildSAOwner/ruleIndices`` name it.
    public var index: UInt32
    /// The rule's name in policy.yaml; "peer NAME" for what a `peers:` entry allows by itself.
    public var name: String
    /// The line of policy.yaml that the rule stands on; 0 when it came from no file.
    public var line: Int
    /// The resource ends it allows. Empty for a rule that a reload has removed: nothing passes under it any more.
    public var destinations: [TrafficSelector]

    /// Makes a rule.
    public init(index: UInt32, name: String, line: Int, destinations: [TrafficSelector]) {
        self.index = index
        self.name = name
        self.line = line
        self.destinations = destinations
    }
}
