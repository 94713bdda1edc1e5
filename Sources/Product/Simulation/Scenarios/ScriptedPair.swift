import IKEMessage
import IKEv2
import IPsecTypes

/// One agent and one gateway on a perfect network, under a script: for collisions and deadlines.
public final class ScriptedPair {
    /// What differs between scripts.
    public struct Options: Sendable {
        /// Timers of a site instead of a job.
        public var site = false
        /// Whether a NAT stands before the agent.
        public var behindNAT = false
        /// What kind of NAT.
        public var nat = NATBehaviour()
        /// One way.
        public var delay: Duration = .milliseconds(20)
        /// Children that the agent asks for.
        public var children = 1
        /// Whether the course of events is written down.
        public var isTracing = false

        /// A job's agent without NAT.
        public init() {}
    }

    /// What either end can be told to do.
    public enum Command: String, Sendable, CaseIterable {
        /// Rekey the first Child SA.
        case rekeyChild
        /// Delete the first Child SA.
        case closeChild
        /// Make one more Child SA.
        case addChild
        /// Rekey the IKE SA.
        case rekeyIKE
        /// Delete the IKE SA.
        case closeIKE
        /// Check whether the peer lives.
        case probe
    }

    let world: SimulatedWorld
    private let scenario: Scenario
    private var number: UInt64 = 0

    /// Makes both hosts.
    public init(seed: UInt64, options: Options = Options()) {
        var scenario = Scenario(kind: .clean, seed: seed)
        scenario.agents = 1
        scenario.children = options.children
        scenario.credentials = .preSharedKey
        scenario.site = options.site
        scenario.nat = options.behindNAT ? options.nat : nil
        scenario.usesIPv6 = false
        scenario.virtualAddresses = true
        scenario.refusesFirstMethod = false
        scenario.demandsCookies = false
        scenario.answerLatency = .zero ... .zero
        scenario.conditions = .fixedDelay(options.delay)
        self.scenario = scenario
        world = SimulatedWorld(seed: seed, conditions: scenario.conditions, isTracing: options.isTracing)
        world.recordsTimeline = true
        world.add(scenario.gateway())
        world.add(scenario.agent(0))
    }

    var gateway: SimulatedHost { world.hosts[0] }
    var agent: SimulatedHost { world.hosts[1] }

    /// What should not have happened.
    public var findings: [Finding] { world.findings }
    /// The course of events.
    public var trace: [String] { world.trace }
    /// What both hosts did.
    public var timeline: [TimelineEntry] { world.timeline }
    /// The virtual time.
    public var now: Instant { world.now }
    /// Counts of what happened.
    public var statistics: SimulationStatistics { world.statistics }
    /// Half-open IKE SAs of the gateway.
    public var halfOpenCount: Int { gateway.endpoint.halfOpenCount }
    /// IKE SAs at the agent and at the gateway.
    public var saCounts: (agent: Int, gateway: Int) {
        (agent.endpoint.statuses().count, gateway.endpoint.statuses().count)
    }

    /// Whether nothing gets through.
    public var isPartitioned: Bool {
        get { world.network.conditions.isPartitioned }
        set { world.network.conditions.isPartitioned = newValue }
    }

    /// Whether the agent can make no ephemeral keys.
    public var agentFailsKeyExchange: Bool {
        get { agent.description.failsKeyExchange }
        set {
            agent.description.failsKeyExchange = newValue
            gateway.description.failsKeyExchange = newValue
        }
    }

    /// The agent begins; nothing is tried again by itself.
    public func connect() {
        agent.wantsUp = true
        agent.connect()
        agent.wantsUp = false
    }

    /// The gateway loses everything but what its files hold, and is back after a while.
    public func restartGateway(after pause: Duration) {
        gateway.crash()
        world.run(for: pause)
        gateway.restart()
    }

    /// The agent begins again, by its ticket where it has one.
    public func reconnect() {
        agent.wantsUp = true
        agent.connect()
    }

    /// Sets the gateway's civil clock; the monotonic one goes on.
    public func stepGatewayClock(by seconds: Int64) { gateway.stepClock(by: seconds) }

    /// How long the gateway grants an IKE SA, by its civil clock; nil for ever.
    public var leaseSeconds: Int64? {
        get { gateway.description.leaseSeconds }
        set { gateway.description.leaseSeconds = newValue }
    }

    /// Lets virtual time pass.
    public func run(for duration: Duration) { world.run(for: duration) }

    /// Takes IKE messages out of the network: of this exchange, or all; nil ends that.
    public func drop(where predicate: ((_ exchange: UInt8, _ isResponse: Bool) -> Bool)?) {
        guard let predicate else {
            world.network.filter = nil
            return
        }
        world.network.filter = { packet in
            guard let message = packet.ikeMessage, let header = try? IKEHeader.parse(message.span) else { return false }
            return predicate(header.exchangeType.rawValue, header.flags.contains(.response))
        }
    }

    /// Loses the IKE message with this number, counted from now on, from 1.
    public func drop(message number: Int) {
        var count = 0
        world.network.filter = { packet in
            guard packet.ikeMessage != nil else { return false }
            count += 1
            return count == number
        }
    }

    /// Inner packets both ways, one each `pause`, until the pair is gone.
    public func keepTrafficFlowing(pause: Duration) {
        world.script(after: pause) { [weak self] _ in
            guard let self else { return }
            world.sendTraffic(agent, to: SimulatedWorld.server(0))
            world.sendTraffic(gateway, to: SimulatedWorld.lease(0))
            keepTrafficFlowing(pause: pause)
        }
    }

    /// Tells one end to do something after a while.
    public func order(_ command: Command, ofGateway: Bool, after pause: Duration) {
        world.script(after: pause) { [weak self] _ in
            guard let self else { return }
            perform(command, ofGateway ? gateway : agent)
        }
    }

    func perform(_ command: Command, _ host: SimulatedHost) {
        guard let status = host.endpoint.statuses().first, status.phase == .established else { return }
        world.note("- \(command) at \(host.name)")
        let child = status.children.first { $0.phase == .installed }
        switch command {
        case .rekeyChild: if let child { host.perform(.rekeyChild(status.id, child.inboundSPI)) }
        case .closeChild: if let child { host.perform(.closeChild(status.id, child.inboundSPI)) }
        case .addChild: host.perform(.addChild(status.id, further(host)))
        case .rekeyIKE: host.perform(.rekeyIKE(status.id))
        case .closeIKE: host.perform(.close(status.id, .requested))
        case .probe: host.perform(.probe(status.id))
        }
    }

    private func further(_ host: SimulatedHost) -> ChildConfiguration {
        guard host === gateway else { return scenario.child(1, isAgent: true, number: 0) }
        var child = scenario.child(0, isAgent: false, number: 0)
        child.name = "further"
        child.localSelectors = [TrafficSelector(addresses: IPRange(SimulatedWorld.server(0)))]
        child.remoteSelectors = [TrafficSelector(addresses: IPRange(SimulatedWorld.lease(0)))]
        return child
    }

    /// Finds what both ends disagree about, once nothing is under way; both may have nothing at all.
    public func checkAgreement() {
        let counts = saCounts
        if counts != (0, 0) { world.report(world.disagreements(agent, gateway, withAnyChildren: true)) }
        world.report(world.leftovers(agent) + world.leftovers(gateway))
    }
}
