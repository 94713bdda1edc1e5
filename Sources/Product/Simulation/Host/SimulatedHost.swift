import IKECrypto
import IKEMessage
import IKEv2
import IPsecTypes

/// A host: drives an ``IKEEndpoint`` as a shard does, and its data plane.
public final class SimulatedHost {
    let index: Int
    var description: HostDescription
    unowned let world: SimulatedWorld
    var endpoint: IKEEndpoint
    var dataplane = SimulatedDataplane()
    var vault = KeyVault()
    var random: SplitMix64
    private(set) var crypto: RecordingCryptoProvider
    /// Grows with each restart: answers to an earlier life are lost.
    private(set) var incarnation = 0
    private(set) var isUp = true
    /// Whether it keeps its connection up.
    var wantsUp = false
    /// The IKE SA it began and has not given up.
    var current: IKESAID?
    var backoff: Duration = SimulatedHost.firstBackoff
    var lastEpoch: UInt16 = 0
    /// Between two owners: what arrives for it is lost.
    var isFrozen = false
    /// The machine sleeps.
    var isSuspended = false
    /// Answers to actions that came meanwhile.
    var lateAnswers: [IKEEvent] = []
    /// Addresses that policy gave out, by the IKE SA that holds them.
    var leases: [IKESAID: IPAddress] = [:]
    /// Child SAs that a rekeying replaced, and those that went for a reason that excuses lost packets.
    var rekeyed: Set<SPI> = []
    var excused: Set<SPI> = []
    /// Child SAs that replace others: nobody may send on them before the other end can receive.
    var successors: Set<SPI> = []
    var armedAt: Instant?
    /// Requests seen, for the sabotage of ``Sabotage/retransmissionIsNew``.
    var seenRequests: [UInt64: IKESASnapshot] = [:]
    var pool: [Identity: UInt32] = [:]
    /// What makes bad messages of good ones; nil for a sound host.
    var sender: ImpairedSender?
    /// Tickets by their IKE SA, and the one for the next try.
    var tickets: [IKESAID: SessionTicket] = [:]
    var ticket: SessionTicket?
    /// What its file of secrets holds: ticket keys, newest first.
    private var ticketKeys: [TicketKey] = []
    /// Its conversations by EAP, in either role.
    var eap = SimulatedEAP()
    var keepsReports = false
    /// Everything that was reported, while it is kept.
    var reports: [IKEReport] = []
    private var actions: [IKEAction] = []
    private var inbox: [Input] = []
    private var isBusy = false
    private var lastTimeout: Instant?
    private var timeoutsInARow = 0

    /// Timeouts of one instant that nobody needs: a handful of IKE SAs, each a few times.
    static let timeoutLimit = 20

    static let firstBackoff: Duration = .seconds(1)
    static let longestBackoff: Duration = .seconds(8)

    enum Input {
        case datagram([UInt8], Path)
        case event(IKEEvent)
        case timeout
    }

    init(index: Int, description: HostDescription, world: SimulatedWorld, random: SplitMix64) {
        self.index = index
        self.description = description
        self.world = world
        var random = random
        let seed = random.next()
        crypto = RecordingCryptoProvider(seed: seed, host: index, ledger: world.ledger)
        endpoint = Self.makeEndpoint(index, description, crypto, &random)
        self.random = random
        readSecrets()
    }

    /// What a start does: a fresh ticket key beside those of before, and the crash secret of ever.
    private func readSecrets() {
        let bytes = (0..<TicketKey.secretLength).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        guard let key = TicketKey(id: random.next(), secret: SecretBytes(bytes)) else { return }
        ticketKeys = Array(([key] + ticketKeys).prefix(8))
        let crash = SecretBytes(Array("crash secret of \(name)".utf8))
        var ignored: [IKEAction] = []
        endpoint.perform(
            .useSecrets(ReturnSecrets(crash: [crash], tickets: ticketKeys)),
            now: .zero,
            wallClock: wallClock,
            using: &random,
            into: &ignored
        )
    }

    private static func makeEndpoint(
        _ index: Int,
        _ description: HostDescription,
        _ crypto: RecordingCryptoProvider,
        _ random: inout SplitMix64
    ) -> IKEEndpoint {
        let spis = SPIAllocator(
            node: UInt8(index % 16),
            shard: 0,
            key: (random.next(), random.next()),
            start: random.next()
        )
        return IKEEndpoint(configuration: description.configuration, crypto: crypto, spis: spis)
    }

    /// IKE SAs that tickets brought back to it as responder.
    var resumed: Int { description.connection == nil ? Int(endpoint.statistics.resumed) : 0 }

    var name: String { description.name }
    var wallClock: WallTime {
        WallTime(secondsSinceEpoch: 1_800_000_000 + world.now.nanoseconds / 1_000_000_000)
            .advanced(bySeconds: description.clockSkewSeconds)
    }

    // MARK: Inputs

    /// Hands the endpoint one input after another; what an action answers at once comes after the actions before it.
    func take(_ input: Input) {
        inbox.append(input)
        guard !isBusy else { return }
        isBusy = true
        while !inbox.isEmpty { handle(inbox.removeFirst()) }
        isBusy = false
        arm()
    }

    private func handle(_ input: Input) {
        guard isUp else { return }
        let (now, wall) = (world.now, wallClock)
        switch input {
        case .datagram(let bytes, let path):
            prepareSabotage(bytes)
            endpoint.receive(bytes, path: path, now: now, wallClock: wall, using: &random, into: &actions)
        case .event(let event):
            endpoint.handle(event, now: now, wallClock: wall, using: &random, into: &actions)
        case .timeout:
            endpoint.handleTimeout(now: now, wallClock: wall, using: &random, into: &actions)
            noteTimeout()
        }
        carryOut()
    }

    /// A deadline may be due at once, once or twice; for ever would be a busy loop.
    private func noteTimeout() {
        timeoutsInARow = lastTimeout == world.now ? timeoutsInARow + 1 : 0
        lastTimeout = world.now
        if timeoutsInARow == Self.timeoutLimit { world.find(.deadline, "\(name): deadlines never pass") }
    }

    /// Carries out a command; returns the IKE SA it is about.
    @discardableResult
    func perform(_ command: IKECommand) -> IKESAID? {
        guard isUp, !isSuspended else { return nil }
        precondition(!isBusy, "commands come from outside")
        isBusy = true
        let id = endpoint.perform(
            command,
            now: world.now,
            wallClock: wallClock,
            using: &random,
            into: &actions
        )
        switch command {
        case .initiate, .begin: current = id
        default: break
        }
        carryOut()
        while !inbox.isEmpty { handle(inbox.removeFirst()) }
        isBusy = false
        arm()
        return id
    }

    private func carryOut() {
        let batch = actions
        actions.removeAll(keepingCapacity: true)
        noteRemovals(batch)
        for action in batch { carryOut(action) }
    }

    /// The world wakes this host when the endpoint wants to.
    private func arm() {
        guard isUp, description.sabotage != .ignoresDeadlines, let deadline = endpoint.nextDeadline else { return }
        // A machine that slept finds deadlines in the past.
        let next = max(deadline, world.now)
        if let armedAt, armedAt <= next { return }
        armedAt = next
        world.schedule(.timeout(host: index, incarnation: incarnation), at: next)
    }

    func wake() {
        guard !isSuspended else { return }
        // An earlier deadline came in between: this call was for nothing.
        guard armedAt == world.now else { return }
        armedAt = nil
        take(.timeout)
    }

    /// Answers an action, after the latency of whoever does it.
    func answer(_ event: IKEEvent) {
        let latency = random.duration(description.answerLatency)
        if latency == .zero {
            inbox.append(.event(event))
        } else {
            world.schedule(.answer(host: index, incarnation: incarnation, event), at: world.now + latency)
        }
    }

    // MARK: Life and death

    /// Loses everything but its configuration.
    func crash() {
        guard isUp else { return }
        world.note("\(name): crash")
        isUp = false
        isFrozen = false
        isSuspended = false
        lateAnswers = []
        leases.removeAll()
        incarnation += 1
        current = nil
        armedAt = nil
        dataplane = SimulatedDataplane()
        vault = KeyVault()
        eap = SimulatedEAP()
        tickets.removeAll()
        ticket = nil
        pool.removeAll()
        seenRequests.removeAll()
        rekeyed.removeAll()
        excused.removeAll()
        successors.removeAll()
    }

    func restart() {
        guard !isUp else { return }
        world.note("\(name): restart")
        isUp = true
        lastEpoch = 0
        description.configuration.ivEpoch = 0
        backoff = Self.firstBackoff
        crypto = RecordingCryptoProvider(seed: random.next(), host: index, ledger: world.ledger)
        replaceEndpoint()
        if wantsUp { connect() }
    }

    /// A fresh endpoint, as another owner has.
    func replaceEndpoint() {
        world.statistics.resumed += resumed
        endpoint = Self.makeEndpoint(index, description, crypto, &random)
        readSecrets()
        armedAt = nil
    }

    /// Takes an answer, unless it was for an earlier life.
    func receiveAnswer(_ event: IKEEvent, incarnation: Int) {
        guard incarnation == self.incarnation else { return }
        guard !isSuspended else { return lateAnswers.append(event) }
        take(.event(event))
    }

    // MARK: Packets

    func receive(_ packet: SimulatedPacket) {
        guard isUp, !isSuspended else { return }
        if let message = packet.ikeMessage {
            guard !isFrozen else { return }
            if !packet.isTampered { world.wire.received(message) }
            let isFloated = packet.destination.port == SimulatedPacket.natPort
            let path = Path(
                transport: isFloated ? .udp4500 : .udp500,
                local: packet.destination,
                remote: packet.source
            )
            take(.datagram(message, path))
            return
        }
        guard packet.payload.count > 1 else {
            world.statistics.keepalives += 1
            return
        }
        var events: [SABackendEvent] = []
        let outcome = dataplane.open(packet.payload, from: packet.source, now: world.now, events: &events)
        world.traffic.arrived(outcome, packet, self)
        for event in events { take(.event(.backend(event))) }
    }

    /// Sends an inner packet; false when no SA takes it.
    func sendInner(_ number: UInt64, to destination: IPAddress) -> Bool {
        guard isUp, !isSuspended, let entry = dataplane.outbound(to: destination), case .v4(let target) = destination,
            let selector = entry.parameters.localSelectors.first, case .v4(let source) = selector.addresses.first,
            let iv = entry.iv.next()
        else { return false }
        entry.sequence += 1
        var packet = SimulatedESP(
            spi: entry.parameters.outboundSPI,
            sequence: entry.sequence,
            iv: iv,
            number: number,
            source: source,
            destination: target
        )
        packet.tag = packet.tag(keyDigest: entry.outboundDigest)
        world.ledger.seal(key: entry.outboundDigest, iv: iv, what: "ESP of \(name)")
        let path = entry.parameters.path
        if entry.parameters.udpEncapsulation {
            send(packet.bytes, .udp, path.local, path.remote)
        } else {
            send(packet.bytes, .esp, Endpoint(path.local.address, port: 0), Endpoint(path.remote.address, port: 0))
        }
        let expired = entry.parameters.lifetime.softPackets.map { entry.sequence >= $0 } ?? false
        if expired, !entry.softReported {
            entry.softReported = true
            take(.event(.backend(.expired(inboundSPI: entry.parameters.inboundSPI, hard: false))))
        }
        return true
    }

    func send(_ payload: [UInt8], _ carrier: SimulatedPacket.Carrier, _ source: Endpoint, _ destination: Endpoint) {
        world.transmit(
            SimulatedPacket(
                carrier: carrier,
                source: source,
                destination: destination,
                payload: payload,
                sentAt: world.now
            ),
            from: self
        )
    }
}
