import ESP
public import IPsecTypes
import PacketIO
public import Policy
import Synchronization

/// The userspace data plane: a TUN interface on one side, UDP 500 and 4500 and optionally IP protocol 50 on the other, and
/// worker threads in between (laws 3 and 7).
///
/// Calls may come from any thread and return at once; workers carry them out in the order of the calls, before any later
/// packet. The registry of SAs is behind a lock that no packet takes. Sendable: all stored properties are.
public final class UserspaceDataplane: Sendable {
    struct Registry {
        var handles: [SPI: SAHandle] = [:]
        var rules: RuleTable?
        var threads: [WorkerThread] = []
        var tun: TUNDevice?
        var places: [SocketPlace] = []
        var mergesReceived = false
        var isStopped = false
    }

    /// What it was made with.
    public let configuration: DataplaneConfiguration
    let registry: Mutex<Registry>
    let queues: [CommandQueue]
    private let inbox: ControlInbox
    private let counters: [CounterBlock]
    private let ruleCounters: [CounterBlock]
    private let handovers: [HandoverRings]
    private let failureBox = FailureBox()

    /// Most workers: SAs are spread over them by SPI.
    public static let maximumWorkers = 16

    /// Makes a data plane that is not running yet. SAs may be installed at once.
    ///
    /// - Parameters:
    ///   - configuration: addresses, ports, names, limits.
    ///   - rules: the rules that packets are checked against, by ``ChildSAOwner/ruleIndices``; an SA without any passes
    ///     nothing then. Nil on an agent's side, where selectors alone decide.
    public init(_ configuration: DataplaneConfiguration, rules: RuleTable?) throws(IOFailure) {
        precondition((1...Self.maximumWorkers).contains(configuration.workers), "1...16 workers")
        precondition((576...65_000).contains(configuration.mtu), "an MTU of 576...65000")
        self.configuration = configuration
        registry = Mutex(Registry(rules: rules))
        inbox = try ControlInbox(messageBytes: configuration.inboxBytes)
        var queues: [CommandQueue] = []
        var handovers: [HandoverRings] = []
        for _ in 0..<configuration.workers {
            queues.append(try CommandQueue())
            if configuration.workers > 1 { handovers.append(try HandoverRings()) }
        }
        self.queues = queues
        self.handovers = handovers
        counters = queues.map { _ in CounterBlock(count: WorkerCounterPlace.count) }
        ruleCounters = queues.map { _ in CounterBlock(count: RuleTable.maximumRules * RuleCounterPlace.count) }
    }

    deinit { stop() }

    /// Creates the TUN interface, binds the sockets and starts the workers. What was opened is closed again on failure.
    public func start() throws(IOFailure) {
        let settings = PacketPath.Settings(
            mtu: configuration.mtu,
            outerDontFragment: configuration.outerDontFragment,
            clampsSegmentSize: configuration.clampsSegmentSize,
            answersProhibited: configuration.answersProhibited
        )
        // Found out now, not while the first SA is installed.
        _ = ESPAcceleration.aesGCM
        let tun = try TUNDevice(
            name: configuration.tunName,
            multiQueue: configuration.workers > 1,
            offloads: configuration.offloads.tun
        )
        var contexts: [WorkerContext] = []
        for index in 0..<configuration.workers {
            let sockets = try WorkerSockets(configuration, sharing: contexts.first?.sockets)
            var own = settings
            own.index = UInt16(index)
            own.sockets = sockets.places
            contexts.append(
                WorkerContext(
                    settings: own,
                    sockets: sockets,
                    tun: index == 0 ? tun : try tun.openQueue(),
                    queue: queues[index],
                    inbox: inbox,
                    counters: counters[index],
                    ruleCounters: ruleCounters[index],
                    handovers: handovers,
                    failure: failureBox
                )
            )
        }
        var threads: [WorkerThread] = []
        do throws(IOFailure) {
            for context in contexts { threads.append(try WorkerThread(context)) }
        } catch {
            stopThreads(threads)
            throw error
        }
        let places = contexts.first?.settings.sockets ?? []
        let mergesReceived = contexts.first?.sockets.mergesReceived ?? false
        registry.withLock { state in
            state.threads = threads
            state.tun = tun
            state.places = places
            state.mergesReceived = mergesReceived
        }
    }

    /// Stops the workers, closes TUN and sockets and forgets all SAs. Calls after it do nothing.
    public func stop() {
        let threads = registry.withLock { state in
            let threads = state.threads
            state.threads = []
            state.isStopped = true
            state.tun = nil
            return threads
        }
        stopThreads(threads)
        // Commands that nobody carries out any more hold SAs.
        for queue in queues { _ = queue.take() }
        registry.withLock { $0.handles = [:] }
    }

    private func stopThreads(_ threads: [WorkerThread]) {
        for queue in queues.prefix(threads.count) { _ = queue.push(.stop) }
        for thread in threads { thread.join() }
    }

    /// The TUN interface's name, once started.
    public var interfaceName: String? { registry.withLock { $0.tun?.name } }

    /// What the kernel is asked to carry in large pieces, and what AES-GCM runs on: "on", or why not, by name. Empty
    /// before the start.
    public var offloads: [String: String] {
        let (tun, mergesReceived) = registry.withLock { ($0.tun, $0.mergesReceived) }
        guard let tun else { return [:] }
        var result = ["aes-gcm": ESPAcceleration.aesGCM]
        let wanted = configuration.offloads
        for name in wanted.tun.names {
            result["tun \(name)"] = "off: the kernel's TUN does not know it"
        }
        for name in tun.offloads.names { result["tun \(name)"] = "on" }
        for name in TUNOffloads.all.subtracting(wanted.tun).names { result["tun \(name)"] = "off: not wanted" }
        let refusals = counters.reduce(0) { $0 + $1.read(WorkerCounterPlace.refusedSegments) }
        result["udp segment"] =
            !wanted.segmentsSent
            ? "off: not wanted"
            : refusals == 0 ? "on" : "refused by the path or the kernel \(refusals) times, then sent one by one"
        result["udp gro"] =
            mergesReceived ? "on" : wanted.mergesReceived ? "off: the kernel does not know it" : "off: not wanted"
        return result
    }

    /// Why a worker stopped by itself, such as a deleted TUN interface; nil while all is well.
    public var failure: IOFailure? { failureBox.fatalFailure }

    /// The ports in use, once started: those of IKE and of IKE and ESP in UDP.
    public var ports: (ike: UInt16, nat: UInt16)? {
        registry.withLock { state in
            guard let ike = state.places.first(where: { $0.role == .ike }),
                let nat = state.places.first(where: { $0.role == .nat })
            else { return nil }
            return (ike.port, nat.port)
        }
    }

    /// Readable when ``drainInbox(into:limit:)`` has something to give; to be polled, never read.
    public var controlDescriptor: CInt { inbox.descriptor }

    /// Appends what waits for the control plane: events first, then IKE messages, at most `limit` of each. One control
    /// thread calls it.
    public func drainInbox(into items: inout [InboxItem], limit: Int = 256) {
        inbox.drain(into: &items, limit: limit)
    }

    /// Sends an IKE message by the socket of the path's transport, with the non-ESP marker on port 4500. False when the
    /// queue is full or the transport is none of UDP's; the sender retransmits anyway.
    @discardableResult
    public func sendIKE(_ bytes: [UInt8], path: Path) -> Bool {
        let role: SocketRole
        switch path.transport {
        case .udp500: role = .ike
        case .udp4500: role = .nat
        case .tcp, .tls: return false
        }
        let (local, remote) = (PacketAddress(path.local), PacketAddress(path.remote))
        return queues[0].push(.sendIKE(bytes: bytes, remote: remote, local: local, role: role), isMessage: true)
    }

    /// Sends a NAT keepalive (RFC 3948 §4) along a path on port 4500.
    @discardableResult
    public func sendKeepalive(_ path: Path) -> Bool {
        let (local, remote) = (PacketAddress(path.local), PacketAddress(path.remote))
        return queues[0].push(.sendKeepalive(remote: remote, local: local), isMessage: true)
    }

    /// All counters, summed over the workers.
    public func statistics() -> DataplaneStatistics {
        var result = DataplaneStatistics()
        for block in counters { result.add(block) }
        let ruleCount = registry.withLock { $0.rules?.count ?? 0 }
        for block in ruleCounters { result.addRules(block, count: ruleCount) }
        return result
    }
}

extension DataplaneStatistics {
    fileprivate mutating func add(_ block: CounterBlock) {
        traffic.inboundPackets += block.read(WorkerCounterPlace.inboundPackets)
        traffic.inboundBytes += block.read(WorkerCounterPlace.inboundBytes)
        traffic.outboundPackets += block.read(WorkerCounterPlace.outboundPackets)
        traffic.outboundBytes += block.read(WorkerCounterPlace.outboundBytes)
        ikeReceived += block.read(WorkerCounterPlace.ikeReceived)
        ikeSent += block.read(WorkerCounterPlace.ikeSent)
        ikeUnsent += block.read(WorkerCounterPlace.ikeUnsent)
        keepalivesReceived += block.read(WorkerCounterPlace.keepalivesReceived)
        keepalivesSent += block.read(WorkerCounterPlace.keepalivesSent)
        icmpAnswers += block.read(WorkerCounterPlace.icmpAnswers)
        superPackets += block.read(WorkerCounterPlace.superPackets)
        mergedReceives += block.read(WorkerCounterPlace.mergedReceives)
        mergedWrites += block.read(WorkerCounterPlace.mergedWrites)
        for cause in DropCause.allCases {
            let count = block.read(WorkerCounterPlace.drops + cause.rawValue)
            if count > 0 { drops[cause, default: 0] += count }
        }
    }

    fileprivate mutating func addRules(_ block: CounterBlock, count: Int) {
        for rule in 0..<count {
            let base = rule * RuleCounterPlace.count
            let inbound = block.read(base + RuleCounterPlace.inboundPackets)
            let outbound = block.read(base + RuleCounterPlace.outboundPackets)
            guard inbound > 0 || outbound > 0 else { continue }
            var counters = rules[UInt32(rule)] ?? TrafficCounters()
            counters.inboundPackets += inbound
            counters.inboundBytes += block.read(base + RuleCounterPlace.inboundBytes)
            counters.outboundPackets += outbound
            counters.outboundBytes += block.read(base + RuleCounterPlace.outboundBytes)
            rules[UInt32(rule)] = counters
        }
    }
}
