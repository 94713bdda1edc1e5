/// What somebody on the path does. Chances are per mille of the packets that pass.
public struct AdversarySettings: Sendable, Hashable {
    /// Sends a message made up around SPIs that were seen.
    public var forge = 0
    /// Sends an old packet of anybody again.
    public var replay = 0
    /// Sends a packet back to whom it came from.
    public var reflect = 0
    /// Sends the beginning of a packet.
    public var truncate = 0
    /// Sends the body of one IKE SA's message under the SPIs of another.
    public var transplant = 0
    /// Sends a packet as if it came from somewhere else, sooner or later than the original.
    public var spoof = 0
    /// IKE_SA_INIT requests a second, from addresses that may be anybody's.
    public var flood = 0

    /// Nobody is there.
    public init() {}

    /// Whether anybody is there.
    public var isActive: Bool { forge + replay + reflect + truncate + transplant + spoof + flood > 0 }

    static func random(using random: inout SplitMix64) -> AdversarySettings {
        var settings = AdversarySettings()
        settings.forge = random.number(0...150)
        settings.replay = random.number(0...150)
        settings.reflect = random.number(0...200)
        settings.truncate = random.number(0...100)
        settings.transplant = random.number(0...150)
        settings.spoof = random.number(0...150)
        return settings
    }
}
