import CLinux
import ESP
import Glibc
import IPsecTypes
import PacketIO

/// What a worker thread is started with.
struct WorkerContext: Sendable {
    var settings: PacketPath.Settings
    var sockets: WorkerSockets
    var tun: TUNDevice
    var queue: CommandQueue
    var inbox: ControlInbox
    var counters: CounterBlock
    var ruleCounters: CounterBlock
    var handovers: [HandoverRings]
    var failure: FailureBox
}

/// One thread of the data plane: waits for its TUN queue, sockets, commands and rings, and moves batches between them.
///
/// Lives on its thread's stack; nothing of it is shared but what the context names.
struct DataplaneWorker: ~Copyable {
    /// Frames a batch: one recvmmsg call's worth; more only adds latency.
    static let batchFrames = 64
    /// Receptions a call: each may hold 64 KiB of merged datagrams.
    static let receivedFrames = 32
    /// How often a full socket buffer is waited for before the rest of a batch is dropped, and how long each time.
    static let blockedAttempts = 4
    static let blockedMilliseconds: CInt = 2

    private enum Token {
        static let wake: UInt64 = 0
        static let tun: UInt64 = 1
        static let inboundRing: UInt64 = 2
        static let outboundRing: UInt64 = 3
        static let sockets: UInt64 = 16
    }

    private let context: WorkerContext
    /// The context's sockets, reached without counting references.
    private let sockets: UnsafeMutablePointer<WorkerSockets.Borrowed>
    private let poller: Poller
    private let received: PacketBatch
    private var inner: PacketMerger
    private var reader: TUNReader
    private let writer: TUNWriter
    private let outgoing: PacketBatch
    private let answers: PacketBatch
    private let messages: PacketBatch
    private var path: PacketPath
    /// Whether each socket has DF set at the moment; only looked at under the `copy` policy.
    private var setsDontFragment: [Bool]
    private var isRunning = true

    init(_ context: WorkerContext) throws(IOFailure) {
        let poller = try Self.makePoller(context)
        self.context = context
        self.poller = poller
        // Datagrams may have any length; pages of a slot that are never reached cost nothing.
        received = PacketBatch(capacity: Self.receivedFrames, room: PacketBatch.largestRoom)
        inner = PacketMerger(capacity: PacketPath.openedAtMost, kinds: TUNWriter.kinds(context.tun.offloads))
        reader = TUNReader(context.tun)
        writer = TUNWriter(context.tun, context.counters.words)
        outgoing = PacketBatch(
            capacity: Self.batchFrames,
            room: min(PacketBatch.largestRoom, max(PacketBatch.defaultRoom, context.settings.mtu + 256))
        )
        answers = PacketBatch(capacity: Self.batchFrames, room: PacketBatch.defaultRoom)
        messages = PacketBatch(capacity: 1, room: PacketBatch.largestRoom)
        path = PacketPath(
            context.settings,
            inbox: context.inbox,
            counters: context.counters,
            ruleCounters: context.ruleCounters,
            handovers: context.handovers
        )
        setsDontFragment = context.sockets.sockets.map { _ in context.settings.outerDontFragment == .set }
        sockets = .allocate(capacity: max(1, context.sockets.sockets.count))
        for (place, socket) in context.sockets.sockets.enumerated() {
            (sockets + place).initialize(to: WorkerSockets.Borrowed(socket))
        }
    }

    deinit { sockets.deallocate() }

    private static func makePoller(_ context: WorkerContext) throws(IOFailure) -> Poller {
        let poller = try Poller()
        try poller.add(context.queue.signal.descriptor, .readable, token: Token.wake)
        try poller.add(context.tun.descriptor, .readable, token: Token.tun)
        for (place, socket) in context.sockets.sockets.enumerated() {
            try poller.add(socket.descriptor, .readable, token: Token.sockets + UInt64(place))
        }
        if context.handovers.count > 1 {
            let rings = context.handovers[Int(context.settings.index)]
            try poller.add(rings.inbound.signal.descriptor, .readable, token: Token.inboundRing)
            try poller.add(rings.outbound.signal.descriptor, .readable, token: Token.outboundRing)
        }
        return poller
    }

    /// Runs until told to stop, or until the TUN is gone.
    mutating func run() {
        while isRunning {
            do throws(IOFailure) {
                let ready = try poller.wait()
                path.now = SystemClock.now
                carryOutCommands()
                var index = 0
                while index < ready, isRunning {
                    try handle(poller.event(index).token)
                    index &+= 1
                }
            } catch {
                context.failure.set(error)
                isRunning = false
            }
        }
    }

    private mutating func handle(_ token: UInt64) throws(IOFailure) {
        switch token {
        case Token.wake:
            context.queue.signal.clear()
            carryOutCommands()
        case Token.tun:
            try readTUN()
        case Token.inboundRing:
            context.handovers[Int(context.settings.index)].inbound.drain(into: received)
            // The owner need not know which kind of socket took a packet: both carry plain ESP from here on.
            openAndWrite(.rawESP)
        case Token.outboundRing:
            context.handovers[Int(context.settings.index)].outbound.drain(into: outgoing)
            sealAndSend()
        default:
            receive(Int(token - Token.sockets))
        }
    }

    private mutating func receive(_ place: Int) {
        let got: Int
        do throws(IOFailure) {
            got = try sockets[place].receive(into: received)
        } catch {
            // Errors of earlier datagrams (ICMP unreachable) are reported once and mean nothing for this socket.
            return
        }
        if got > 0 { openAndWrite(context.sockets.places[place].role) }
    }

    private mutating func openAndWrite(_ role: SocketRole) {
        var next = 0
        while next < received.count {
            next = path.receive(received, from: next, on: role, into: &inner)
            writer.write(&inner)
        }
    }

    /// Reads what waits, at most a batch of packets; a super-packet that needs several batches is finished first.
    @inline(never)
    private mutating func readTUN() throws(IOFailure) {
        repeat {
            let outcome = try reader.fill(outgoing)
            if outcome.contradictory > 0 { countDrops(.badOffload, outcome.contradictory) }
            if outcome.tooLong > 0 { countDrops(.truncated, outcome.tooLong) }
            if outcome.superPackets > 0 {
                add(UInt64(outcome.superPackets), to: path.words + WorkerCounterPlace.superPackets)
            }
            if outgoing.count > 0 { sealAndSend() }
        } while reader.isUnfinished && isRunning
    }

    private mutating func sealAndSend() {
        answers.removeAll()
        path.send(outgoing, answers: answers)
        sendMarked(outgoing)
        let count = answers.count
        if count > 0 {
            add(UInt64(count), to: path.words + WorkerCounterPlace.icmpAnswers)
            writer.write(answers)
        }
    }

    /// Sends sealed frames in runs that leave by the same socket with the same DF.
    @inline(never)
    private mutating func sendMarked(_ batch: PacketBatch) {
        let frames = batch.frames
        var start = 0
        while start < batch.count {
            let mark = frames[start].mark
            var end = start + 1
            while end < batch.count, frames[end].mark == mark { end &+= 1 }
            let place = Int(mark & FrameMark.socket)
            if context.settings.outerDontFragment == .copy {
                switchDontFragment(place, mark & FrameMark.dontFragment != 0)
            }
            let lost = send(batch, start..<end, place)
            set(path.words + WorkerCounterPlace.refusedSegments, UInt64(batch.refusedSegments))
            if lost.blocked > 0 { countDrops(.sendBlocked, lost.blocked) }
            if lost.refused > 0 { countDrops(.sendRefused, lost.refused) }
            start = end
        }
    }

    private func countDrops(_ cause: DropCause, _ count: Int) {
        add(UInt64(count), to: path.words + WorkerCounterPlace.drops + cause.rawValue)
    }

    /// Sends frames, waiting a little where the socket's buffer is full: the TUN's queue holds back its senders meanwhile.
    private func send(_ batch: PacketBatch, _ range: Range<Int>, _ place: Int) -> (blocked: Int, refused: Int) {
        let socket = sockets[place]
        var next = range.lowerBound
        var refused = 0
        for attempt in 0...Self.blockedAttempts {
            let outcome = socket.send(batch, next..<range.upperBound)
            next += outcome.taken
            refused += outcome.refused
            guard next < range.upperBound, outcome.isBlocked, attempt < Self.blockedAttempts else { break }
            var wait = pollfd(fd: socket.descriptor, events: Int16(POLLOUT), revents: 0)
            _ = poll(&wait, 1, Self.blockedMilliseconds)
        }
        return (range.upperBound - next, refused)
    }

    private mutating func switchDontFragment(_ place: Int, _ wanted: Bool) {
        guard setsDontFragment[place] != wanted, case .udp(let socket) = context.sockets.sockets[place],
            socket.family == .v4
        else { return }
        do throws(IOFailure) {
            try socket.setPathMTUDiscovery(wanted ? .always : WorkerSockets.discovery(.copy, .v4))
            setsDontFragment[place] = wanted
        } catch {
            context.failure.note(error)
        }
    }

    private mutating func carryOutCommands() {
        for command in context.queue.take() {
            switch command {
            case .sendIKE(let bytes, let remote, let local, let role):
                sendMessage(bytes, remote, local, role)
            case .sendKeepalive(let remote, let local):
                // RFC 3948 §2.3.
                sendMessage([0xFF], remote, local, .nat, isKeepalive: true)
            case .stop:
                isRunning = false
            case .install, .activate, .deactivate, .remove, .move, .setRules:
                path.apply(command)
            }
        }
    }

    private mutating func sendMessage(
        _ bytes: [UInt8],
        _ remote: PacketAddress,
        _ local: PacketAddress,
        _ role: SocketRole,
        isKeepalive: Bool = false
    ) {
        let place = Int(context.settings.sockets.best(role: role, local: local, remote: remote))
        messages.removeAll()
        // RFC 3948 §2.2: four zero bytes tell IKE from ESP on port 4500.
        let marked = role == .nat && !isKeepalive ? [0, 0, 0, 0] + bytes : bytes
        guard place >= 0, marked.withUnsafeBytes({ messages.append($0, to: remote, from: local) }) != nil else {
            add(1, to: path.words + WorkerCounterPlace.ikeUnsent)
            return
        }
        if context.settings.outerDontFragment == .copy { switchDontFragment(place, false) }
        let lost = send(messages, 0..<1, place)
        let sent = lost.blocked + lost.refused == 0
        let word =
            !sent
            ? WorkerCounterPlace.ikeUnsent
            : isKeepalive ? WorkerCounterPlace.keepalivesSent : WorkerCounterPlace.ikeSent
        add(1, to: path.words + word)
    }
}
