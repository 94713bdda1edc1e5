/// Families of scenarios; each seed of a family is another run.
public enum ScenarioKind: String, Sendable, CaseIterable {
    /// A good network and many commands: nothing is ever lost.
    case clean
    /// Up to 30 % of packets lost.
    case lossy
    /// Packets overtake each other and arrive twice.
    case reordering
    /// Agents behind NATs of every kind that forget, sometimes a gateway behind one too.
    case nat
    /// Both ends rekey all the time.
    case rekeying
    /// IKE SAs change their owner.
    case handover
    /// Hosts lose their memory.
    case crash
    /// Only small datagrams get through, certificates are large.
    case smallMTU
    /// Bits flip, old packets come back.
    case hostile
    /// What the engine asks for is slow, or fails.
    case slowDriver
    /// The network is cut now and then.
    case partition
    /// Some peers have no valid credentials.
    case strangers
    /// Hours with default timers.
    case longRun
    /// Agents change their addresses.
    case moving
    /// Hosts stop for a while, and come back with and without what they knew.
    case persisted
    /// Civil clocks jump, hosts are suspended.
    case clocks
    /// Somebody on the path forges, replays, reflects, cuts and transplants.
    case adversary
    /// Strangers flood the gateway with IKE_SA_INIT.
    case flood
    /// Additional key exchanges, in IKE_INTERMEDIATE and IKE_FOLLOWUP_KE, over networks that lose, reorder and cut.
    case hybrid
    /// Post-quantum pre-shared keys, mandatory and optional, some unknown to the other end.
    case ppk
    /// Users prove themselves by EAP, alone or after a certificate or key, over a bad network.
    case eap
    /// The gateway forgets everything but its ticket keys, again and again, and wants cookies from secrets that change, now
    /// and then: sessions come back by tickets.
    case returning
    /// Child SAs in transport mode, most of them through NATs at one end or both.
    case transport
}
