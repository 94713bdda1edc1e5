import IKEMessage
import IKEv2
import IPsecTypes

/// Hosts, the network between them, and a clock that jumps from event to event. The same seed gives the same run.
public final class SimulatedWorld {
    enum Event {
        case arrive(SimulatedPacket)
        case timeout(host: Int, incarnation: Int)
        case answer(host: Int, incarnation: Int, IKEEvent)
        case script((SimulatedWorld) -> Void)
    }

    /// The network behind the gateway, a constant.
    public static let servers: IPPrefix = {
        guard let prefix = IPPrefix(.v4(0x0A14_0000), length: 16) else { preconditionFailure("10.20.0.0/16") }
        return prefix
    }()

    /// All randomness comes from it.
    public let seed: UInt64
    /// The virtual time.
    public private(set) var now: Instant = .zero
    /// Counts of what happened.
    public var statistics = SimulationStatistics()
    /// What should never have happened.
    public private(set) var findings: [Finding] = []
    /// The course of events, when ``isTracing``.
    public private(set) var trace: [String] = []
    /// Whether the course of events is written down.
    public let isTracing: Bool

    /// What deadlines are measured by, when ``recordsTimeline``.
    public private(set) var timeline: [TimelineEntry] = []
    var recordsTimeline = false

    var random: SplitMix64
    var network: SimulatedNetwork
    private(set) var hosts: [SimulatedHost] = []
    let ledger = KeyUseLedger()
    var wire = WireChecker()
    var traffic = TrafficLedger()
    var runs = RunLedger()
    var adversary: Adversary
    /// Sees every packet as its host sends it.
    var tap: ((SimulatedPacket, SimulatedHost) -> Void)?
    private var queue = EventQueue<Event>()
    private var digestSoFar = Digest()
    /// Whether actions of drivers may fail at the moment.
    var faultsAreOn = false
    /// Whether they ever could.
    private(set) var faultsHappened = false
    private(set) var handled = 0
    /// Hosts without valid credentials: nobody may take them for authenticated.
    var strangers: Set<Int> = []

    /// Findings after which a run stops: one is enough, and a broken run finds thousands.
    static let findingLimit = 20

    init(seed: UInt64, conditions: LinkConditions, isTracing: Bool) {
        self.seed = seed
        self.isTracing = isTracing
        random = SplitMix64(seed: seed)
        adversary = Adversary(seed: seed ^ 0xAD7E_125A)
        network = SimulatedNetwork(conditions: conditions)
    }

    /// A digest of every packet so far, with its time.
    public var digest: UInt64 { digestSoFar.value }

    @discardableResult
    func add(_ description: HostDescription) -> SimulatedHost {
        let host = SimulatedHost(index: hosts.count, description: description, world: self, random: random.fork())
        hosts.append(host)
        network.attach(host.index, address: description.address, nat: description.nat)
        return host
    }

    // MARK: Time

    func schedule(_ event: Event, at time: Instant) { queue.push(event, at: max(time, now)) }

    func script(after pause: Duration, _ body: @escaping (SimulatedWorld) -> Void) {
        schedule(.script(body), at: now + pause)
    }

    /// Lets everything happen that is due up to `time`, and moves the clock there.
    func run(until time: Instant) {
        while let next = queue.next, next <= time, findings.count < Self.findingLimit { step() }
        now = max(now, time)
    }

    func run(for duration: Duration) { run(until: now + duration) }

    /// Whether anything is going to happen.
    var isIdle: Bool { queue.next == nil }

    func step() {
        guard let (at, event) = queue.pop() else { return }
        now = at
        handled += 1
        switch event {
        case .arrive(let packet):
            guard let (host, packet) = network.arrive(packet, now: now) else { return }
            digestSoFar.add(UInt64(bitPattern: now.nanoseconds) ^ UInt64(host))
            hosts[host].receive(packet)
        case .timeout(let host, let incarnation):
            guard hosts[host].incarnation == incarnation else { return }
            hosts[host].wake()
        case .answer(let host, let incarnation, let event):
            hosts[host].receiveAnswer(event, incarnation: incarnation)
        case .script(let body): body(self)
        }
        for reuse in ledger.takeReuses() { find(.ivReuse, reuse) }
        for reflection in ledger.takeReflections() { find(.reflection, reflection) }
        checkBounds()
    }

    // MARK: Packets

    func transmit(_ packet: SimulatedPacket, from host: SimulatedHost) {
        digestSoFar.add(UInt64(bitPattern: now.nanoseconds))
        digestSoFar.add(packet.payload)
        tap?(packet, host)
        for arrival in network.send(packet, from: host.index, now: now, using: &random) {
            schedule(.arrive(arrival.packet), at: arrival.at)
            for (pause, made) in adversary.watch(arrival.packet) { schedule(.arrive(made), at: now + pause) }
        }
        guard isTracing, let message = packet.ikeMessage, let header = try? IKEHeader.parse(message.span) else {
            return
        }
        note(
            "\(host.name): -> \(packet.destination) \(header.exchangeType) \(header.flags) \(header.messageID) "
                + "\(header.initiatorSPI)/\(header.responderSPI) \(message.count) bytes"
        )
    }

    /// Sends one inner packet from `host`; false when no SA takes it.
    @discardableResult
    func sendTraffic(_ host: SimulatedHost, to destination: IPAddress) -> UInt64? {
        guard host.isUp, let number = traffic.send(host, to: destination) else { return nil }
        return host.sendInner(number, to: destination) ? number : nil
    }

    /// Sends IKE_SA_INIT requests of nobody as long as the adversary's settings say so.
    func flood() {
        let perSecond = adversary.settings.flood
        guard perSecond > 0 else { return }
        if let packet = adversary.floodRequest() { schedule(.arrive(packet), at: now) }
        script(after: .nanoseconds(1_000_000_000 / Int64(perSecond))) { $0.flood() }
    }

    // MARK: Findings

    func find(_ invariant: Finding.Invariant, _ detail: String) {
        guard findings.count < Self.findingLimit else { return }
        findings.append(Finding(invariant: invariant, at: now, detail: detail))
        note("FINDING \(invariant.rawValue): \(detail)")
    }

    func note(_ text: @autoclosure () -> String) {
        if isTracing { trace.append("\(now.seconds) \(text())") }
    }

    func setFaults(_ on: Bool) {
        faultsAreOn = on
        if on { faultsHappened = true }
    }

    func mark(_ host: SimulatedHost, _ event: TimelineEntry.Event) {
        if recordsTimeline { timeline.append(TimelineEntry(at: now, host: host.name, event: event)) }
    }

    // MARK: Addresses

    /// The lease of an identity such as "agent3.example".
    static func leaseNumber(_ identity: Identity) -> UInt32 {
        guard let name = SimulatedHost.text(of: identity) else { return 250 }
        return UInt32(name.filter(\.isNumber)) ?? 250
    }

    static func lease(_ number: UInt32) -> IPAddress { .v4(0x0A63_0000 + 10 + number) }

    /// A server that child `number` reaches.
    static func server(_ number: Int) -> IPAddress { .v4(0x0A14_0001 + UInt32(number) << 8) }
}
