import ESP
import IPsecTypes
import PacketIO

/// What one worker does with packets, without any I/O: batches in, batches out, so that tests and benches run it alone.
///
/// Everything it points to is its own, except selectors of other workers' slots, which never change.
struct PacketPath: ~Copyable {
    /// What the path was made with; the same for all workers but `index`.
    struct Settings: Sendable {
        var index: UInt16 = 0
        var mtu = DataplaneConfiguration.defaultMTU
        var outerDontFragment: OuterHeader.DontFragment = .clear
        var clampsSegmentSize = true
        var answersProhibited = true
        var sockets: [SocketPlace] = []
    }

    /// Which worker owns an SA, and where its slot is.
    struct Route {
        var slot: UnsafeMutablePointer<SASlot>
        var owner: UInt16
        var handle: Unmanaged<SAHandle>
    }

    /// Events about unknown SPIs that unauthenticated packets may cause a second: enough for a control plane to react.
    static let unknownSPIRate = 10
    /// ICMP answers a second (RFC 1812 §4.3.2.8, RFC 4443 §2.4 (f)).
    static let answerRate = 200
    /// A flapping NAT is reported once a second.
    static let mappingInterval = Duration.seconds(1)

    let settings: Settings
    let inbox: ControlInbox
    let counters: CounterBlock
    let ruleCounters: CounterBlock
    /// Rings of all workers, by index, for packets whose SA is theirs; empty with one worker.
    let handovers: [HandoverRings]
    let doors: HandoverDoors

    let words: UnsafeMutablePointer<UInt64>
    let ruleWords: UnsafeMutablePointer<UInt64>
    let ruleCount: Int
    var routes: FlatTable<UInt32, Route?>
    var outbound = OutboundTable()
    var now = Instant.zero
    var unknownSPIBucket = TokenBucket()
    var answerBucket = TokenBucket()
    /// For packets of transport mode that cannot be restored where they are; in use until the next receive.
    let scratch = UnsafeMutableRawPointer.allocate(byteCount: PacketPath.scratchBytes, alignment: 64)
    var scratchUsed = 0

    init(
        _ settings: Settings,
        inbox: ControlInbox,
        counters: CounterBlock,
        ruleCounters: CounterBlock,
        handovers: [HandoverRings] = []
    ) {
        self.settings = settings
        self.inbox = inbox
        self.counters = counters
        self.ruleCounters = ruleCounters
        self.handovers = handovers
        doors = HandoverDoors(handovers)
        words = counters.words
        ruleWords = ruleCounters.words
        ruleCount = ruleCounters.count / RuleCounterPlace.count
        routes = FlatTable(fillingWith: 0, nil)
    }

    deinit {
        routes.visit { $0?.handle.release() }
        scratch.deallocate()
    }

    /// Carries out a command about SAs; the others are the worker's.
    mutating func apply(_ command: WorkerCommand) {
        switch command {
        case .install(let handle):
            guard routes.value(handle.inboundSPI.rawValue) == nil else { return }
            let route = Route(slot: handle.slot, owner: handle.owner, handle: .passRetained(handle))
            routes.set(handle.inboundSPI.rawValue, route)
            if handle.owner == settings.index { chooseSocket(handle.slot) }
        case .activate(let handle):
            if isInstalled(handle) { outbound.insert(handle) }
        case .deactivate(let handle):
            if handle.owner == settings.index { handle.slot.pointee.sendsWhenHeard = false }
            outbound.remove(handle)
        case .remove(let handle):
            guard isInstalled(handle) else { return }
            outbound.remove(handle)
            if let route = routes.remove(handle.inboundSPI.rawValue) { route?.handle.release() }
        case .move(let handle, let local, let remote, let isEncapsulated):
            guard handle.owner == settings.index, isInstalled(handle) else { return }
            handle.slot.pointee.local = local
            handle.slot.pointee.remote = remote
            handle.slot.pointee.isEncapsulated = isEncapsulated
            handle.slot.pointee.reportedRemote = PacketAddress()
            chooseSocket(handle.slot)
        case .setRules(let changes):
            for change in changes where change.handle.owner == settings.index && isInstalled(change.handle) {
                change.handle.slot.pointee.rules = change.rules.take()
            }
        case .sendIKE, .sendKeepalive, .stop:
            return
        }
    }

    /// The peer uses an SA for the first time: the answer to this very packet must find its way, so the control plane is
    /// told but not waited for. Other workers hear of it from there.
    @inline(never)
    mutating func noteFirstInbound(_ slot: UnsafeMutablePointer<SASlot>) {
        report(.firstInbound, .firstInbound, slot)
        guard slot.pointee.sendsWhenHeard else { return }
        slot.pointee.sendsWhenHeard = false
        guard let route = routes.value(slot.pointee.inboundSPI.rawValue), let handle = route?.handle else { return }
        outbound.insert(handle.takeUnretainedValue())
    }

    private func isInstalled(_ handle: SAHandle) -> Bool {
        guard let route = routes.value(handle.inboundSPI.rawValue) else { return false }
        return route?.slot == handle.slot
    }

    private func chooseSocket(_ slot: UnsafeMutablePointer<SASlot>) {
        slot.pointee.socket = settings.sockets.best(
            role: slot.pointee.isEncapsulated ? .nat : .rawESP,
            local: slot.pointee.local,
            remote: slot.pointee.remote
        )
    }

    /// Counts a drop.
    @inline(__always)
    func drop(_ cause: DropCause) {
        add(1, to: words + WorkerCounterPlace.drops + cause.rawValue)
    }

    /// Counts a drop, also on an SA.
    @inline(__always)
    func drop(_ cause: DropCause, _ slot: UnsafeMutablePointer<SASlot>, _ place: Int) {
        drop(cause)
        add(1, to: slot.pointee.counters + place)
    }

    /// Tells the control plane once; tried again with the next packet when its ring is full.
    func report(_ report: SASlot.Reports, _ kind: InboxRecord.Kind, _ slot: UnsafeMutablePointer<SASlot>) {
        guard !slot.pointee.reported.contains(report) else { return }
        if inbox.push(InboxRecord(kind, spi: slot.pointee.inboundSPI.rawValue)) { slot.pointee.reported.insert(report) }
    }

    /// Soft limits of either direction, and sequence numbers that run out.
    @inline(__always)
    func reportLimits(_ slot: UnsafeMutablePointer<SASlot>) {
        guard
            slot.pointee.inboundMeter.isSoftReached || slot.pointee.outboundMeter.isSoftReached
                || slot.pointee.outbound.isNearExhaustion
        else { return }
        report(.soft, .softExpired, slot)
    }

    /// Adds a packet to a rule's counters.
    @inline(__always)
    func countRule(_ rule: Int32, _ place: Int, bytes: Int) {
        guard rule >= 0, Int(rule) < ruleCount else { return }
        let word = ruleWords + (Int(rule) &* RuleCounterPlace.count &+ place)
        add(1, to: word)
        add(UInt64(bytes), to: word + 1)
    }
}
