import Foundation
import IPsecTypes
import PacketIO
import Runtime
import Synchronization

/// One sender and one receiver on threads of their own, and what is on its way between them.
final class PacketStream: Sendable {
    private let sender: UDPSocket
    private let receiver: UDPSocket
    private let target: Endpoint
    private let payload: Int
    private let window: Int
    private let sent = Atomic<Int>(0)
    private let received = Atomic<Int>(0)
    private let lost = Atomic<Int>(0)
    private let stopping = Atomic<Bool>(false)
    /// How often the receiver looks: often enough for a million packets a second within the default window.
    private static let interval: Duration = .microseconds(250)
    /// Packets handed to the kernel in one call.
    private static let batch = 32
    /// Without an arrival for so long, what is on its way counts as lost.
    private static let patience: Duration = .milliseconds(20)

    init(sender: UDPSocket, receiver: UDPSocket, target: Endpoint, payload: Int, window: Int) {
        self.sender = sender
        self.receiver = receiver
        self.target = target
        self.payload = payload
        self.window = window
    }

    /// Runs both threads and counts what arrives after the warm-up.
    func run(warmUp: Duration, counted: Duration) throws -> PacketCount {
        let arrival = try EventSignal()
        let alarm = try DeadlineTimer()
        let poller = try Poller()
        try poller.add(alarm.descriptor, .readable, token: 1)
        let ends = [Waiting<IOFailure?>(), Waiting<IOFailure?>()]
        start("load-receive", ends[0]) { [self] () throws(IOFailure) in try receive(arrival) }
        start("load-send", ends[1]) { [self] () throws(IOFailure) in try send(arrival) }
        func sleep(_ duration: Duration) throws {
            alarm.arm(SystemClock.now + duration)
            while try poller.wait() == 0 {}
            alarm.clear()
        }
        try sleep(warmUp)
        let (first, firstSent, firstLost) = counters
        let begin = SystemClock.now
        try sleep(counted)
        let (last, lastSent, lastLost) = counters
        let elapsed = SystemClock.now - begin
        stopping.store(true, ordering: .relaxed)
        for end in ends {
            if case .some(.some(let failure)) = end.wait(seconds: 5) { throw failure }
        }
        return PacketCount(
            sent: lastSent - firstSent,
            received: last - first,
            lost: lastLost - firstLost,
            packetsPerSecond: Int(Double(last - first) * 1e9 / Double(elapsed.wholeNanoseconds))
        )
    }

    private var counters: (received: Int, sent: Int, lost: Int) {
        (received.load(ordering: .relaxed), sent.load(ordering: .relaxed), lost.load(ordering: .relaxed))
    }

    private func start(
        _ name: String,
        _ end: Waiting<IOFailure?>,
        _ body: @escaping @Sendable () throws(IOFailure) -> Void
    ) {
        let thread = Thread {
            do throws(IOFailure) {
                try body()
                end.finish(nil)
            } catch {
                end.finish(error)
            }
        }
        thread.name = name
        thread.start()
    }

    /// Looks at regular moments rather than at each packet: waking up for every one would cost more than carrying it.
    private func receive(_ arrival: EventSignal) throws(IOFailure) {
        let batch = PacketBatch(capacity: 64, room: max(64, payload), headroom: 0)
        let poller = try Poller()
        let tick = try DeadlineTimer()
        try poller.add(tick.descriptor, .readable, token: 1)
        while !stopping.load(ordering: .relaxed) {
            tick.arm(SystemClock.now + Self.interval)
            _ = try poller.wait(timeout: .milliseconds(50))
            tick.clear()
            var count = try receiver.receive(into: batch)
            guard count > 0 else { continue }
            while count > 0 {
                received.add(count, ordering: .relaxed)
                count = try receiver.receive(into: batch)
            }
            arrival.signal()
        }
    }

    private func send(_ arrival: EventSignal) throws(IOFailure) {
        let batch = PacketBatch(capacity: Self.batch, room: max(64, payload), headroom: 0)
        let filler = [UInt8](repeating: 0x5A, count: payload)
        for _ in 0..<Self.batch {
            filler.withUnsafeBytes { _ = batch.append($0, to: PacketAddress(target)) }
        }
        let poller = try Poller()
        try poller.add(arrival.descriptor, .readable, token: 1)
        while !stopping.load(ordering: .relaxed) {
            let (received, sent, lost) = counters
            let free = min(Self.batch, window - (sent - received - lost))
            guard free >= min(Self.batch, window) else {
                if try poller.wait(timeout: Self.patience) > 0 {
                    arrival.clear()
                } else {
                    // Nothing came: what is still missing will not come.
                    let (received, sent, lost) = counters
                    self.lost.add(max(0, sent - received - lost), ordering: .relaxed)
                }
                continue
            }
            let outcome = sender.send(batch, 0..<free)
            self.sent.add(outcome.taken - outcome.refused, ordering: .relaxed)
            if outcome.isBlocked || outcome.refused > 0 { _ = try poller.wait(timeout: .milliseconds(1)) }
        }
    }
}
