import Glibc
import IKEMessage
import IPsecTypes
import PacketIO
import Runtime

/// Sends requests at a rate from the addresses of a network, and counts answers. One thread, one socket.
struct Flood {
    private let socket: UDPSocket
    private let target: Endpoint
    private let sources: IPPrefix
    private var random = SystemRandom()
    private var count = FloodCount()
    private let inbound = PacketBatch(capacity: batch, room: 8192, headroom: 0)
    private let outbound = PacketBatch(capacity: batch, room: 1024, headroom: 0)
    /// Requests handed to the kernel in one call.
    private static let batch = 64
    /// How long answers to the last requests are waited for.
    private static let patience: Duration = .milliseconds(500)

    init(target: Endpoint, sources: IPPrefix) throws {
        var options = UDPSocketOptions()
        options.receiveBufferBytes = 16 << 20
        options.sendBufferBytes = 4 << 20
        options.mergesSent = false
        socket = try UDPSocket(bind: Endpoint(.unspecified(target.address.family), port: 0), options: options)
        self.target = target
        self.sources = sources
    }

    mutating func run(rate: Int, for duration: Duration) throws -> FloodCount {
        let start = SystemClock.now
        let end = start + duration
        while SystemClock.now < end {
            let elapsed = (SystemClock.now - start).wholeNanoseconds
            let due = Int(elapsed / 1_000 * Int64(rate) / 1_000_000)
            if count.sent < due { send(min(due - count.sent, Self.batch)) } else { usleep(500) }
            try take()
        }
        count.seconds = Double((SystemClock.now - start).wholeNanoseconds) / 1e9
        let last = SystemClock.now + Self.patience
        while SystemClock.now < last {
            usleep(1000)
            try take()
        }
        return count
    }

    private mutating func send(_ number: Int) {
        outbound.removeAll()
        for _ in 0..<number {
            let request = request()
            count.requestBytes = request.count
            let source = PacketAddress(Endpoint(sources.address(at: random.next()), port: 0))
            _ = request.withUnsafeBytes { outbound.append($0, to: PacketAddress(target), from: source) }
        }
        let outcome = socket.send(outbound, 0..<outbound.count)
        count.sent += outcome.taken - outcome.refused
        count.askedBytes = count.sent * count.requestBytes
        // A full queue is no reason to spin.
        if outcome.taken == 0 { usleep(1000) }
    }

    private mutating func take() throws {
        while true {
            let received = try socket.receive(into: inbound)
            guard received > 0 else { return }
            for index in 0..<received { note([UInt8](inbound.bytes(index))) }
            inbound.removeAll()
        }
    }

    private mutating func note(_ bytes: [UInt8]) {
        guard let message = try? IKEMessage.parse(bytes) else {
            count.malformed += 1
            return
        }
        var types: [NotifyType] = []
        for case .notify(let notify) in message.payloads { types.append(notify.type) }
        if message.header.responderSPI != .zero {
            count.accepted += 1
            return
        }
        count.refusals += 1
        count.refusedBytes += bytes.count
        count.longestRefusal = max(count.longestRefusal, bytes.count)
        if types.contains(.cookie) { count.cookies += 1 }
        if types.contains(.puzzle) { count.puzzles += 1 }
    }

    /// What a client of ours would say, with a public value that nobody has the key of.
    private mutating func request() -> [UInt8] {
        let proposal = Proposal(
            number: 1,
            protocolID: .ike,
            transforms: [
                Transform(type: .encryption, id: 20, keyLength: 256), Transform(type: .prf, id: 6),
                Transform(type: .prf, id: 5), Transform(type: .keyExchange, id: 31),
            ]
        )
        let header = IKEHeader(
            initiatorSPI: IKESPI(random.next() | 1),
            responderSPI: .zero,
            exchangeType: .ikeSAInit,
            flags: .initiator,
            messageID: 0
        )
        return IKEMessage(
            header: header,
            payloads: [
                .securityAssociation(SecurityAssociationPayload(proposals: [proposal])),
                .keyExchange(KeyExchangePayload(method: .x25519, data: octets(32))),
                .nonce(NoncePayload(data: octets(32))),
                .notify(NotifyPayload(.natDetectionSourceIP, data: octets(20))),
                .notify(NotifyPayload(.natDetectionDestinationIP, data: octets(20))),
            ]
        ).serialise()
    }

    private mutating func octets(_ number: Int) -> [UInt8] {
        (0..<number).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    }
}

extension IPPrefix {
    /// The address that `number` picks, modulo the size of the prefix.
    func address(at number: UInt64) -> IPAddress {
        switch range.first {
        case .v4(let first):
            let mask: UInt32 = length >= 32 ? 0 : .max >> UInt32(length)
            return .v4(first | (UInt32(truncatingIfNeeded: number) & mask))
        case .v6(let high, let low):
            return .v6(high, low | (length >= 64 ? number & (.max >> UInt64(length - 64)) : number))
        }
    }
}
