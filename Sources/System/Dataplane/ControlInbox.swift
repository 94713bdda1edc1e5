import IPsecTypes
import PacketIO

/// The bounded way from the workers to one control thread: a ring for IKE messages and one for events, so that a flood of
/// the former never costs one of the latter.
final class ControlInbox: Sendable {
    /// Events that wait at most: each takes 96 bytes.
    private static let eventBytes = 1 << 20
    /// A UDP datagram's longest payload with the record in front.
    private static let longestMessage = 65_535 + MemoryLayout<InboxRecord>.size

    private let messages: MessageRing
    private let events: MessageRing
    private let poller: SharedPoller

    init(messageBytes: Int) throws(IOFailure) {
        messages = try MessageRing(
            capacity: max(messageBytes, 4 * Self.longestMessage),
            maximumLength: Self.longestMessage
        )
        events = try MessageRing(capacity: Self.eventBytes, maximumLength: 256)
        poller = try SharedPoller(messages.signal.descriptor, events.signal.descriptor)
    }

    /// Readable when something waits.
    var descriptor: CInt { poller.descriptor }

    /// Hands over an IKE message; false when the ring is full.
    func push(_ record: InboxRecord, _ bytes: UnsafeRawBufferPointer) -> Bool {
        withUnsafeBytes(of: record) { messages.push(tag: 0, $0, bytes) }
    }

    /// Hands over an event; false when the ring is full.
    func push(_ record: InboxRecord) -> Bool {
        withUnsafeBytes(of: record) { events.push(tag: 0, $0) }
    }

    /// Takes what waits, events first, at most `limit` of each.
    func drain(into items: inout [InboxItem], limit: Int) {
        var taken: [InboxItem] = []
        _ = events.drain(limit: limit) { _, bytes in
            if let item = InboxRecord(bytes)?.event { taken.append(.event(item)) }
        }
        _ = messages.drain(limit: limit) { _, bytes in
            guard let record = InboxRecord(bytes) else { return }
            let message = [UInt8](bytes.dropFirst(MemoryLayout<InboxRecord>.size))
            taken.append(.ike(bytes: message, path: record.path))
        }
        items.append(contentsOf: taken)
    }
}

/// An epoll over two descriptors that never changes, so that one descriptor tells of both.
///
/// Unchecked Sendable: after init only the descriptor is read.
private final class SharedPoller: @unchecked Sendable {
    let descriptor: CInt
    private let poller: Poller

    init(_ first: CInt, _ second: CInt) throws(IOFailure) {
        poller = try Poller()
        try poller.add(first, .readable, token: 0)
        try poller.add(second, .readable, token: 1)
        descriptor = poller.descriptor
    }
}

/// A ring message's fixed part, in plain words.
struct InboxRecord: BitwiseCopyable {
    enum Kind: UInt8 {
        case ike500, ike4500, softExpired, hardExpired, unknownSPI500, unknownSPI4500, mappingChanged, firstInbound
    }

    var kind: UInt8
    var spi: UInt32
    var remote: PacketAddress
    var local: PacketAddress

    init(_ kind: Kind, spi: UInt32 = 0, remote: PacketAddress = PacketAddress(), local: PacketAddress = PacketAddress())
    {
        self.kind = kind.rawValue
        self.spi = spi
        self.remote = remote
        self.local = local
    }

    init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= MemoryLayout<InboxRecord>.size else { return nil }
        self = bytes.loadUnaligned(as: InboxRecord.self)
    }

    var path: Path {
        let isPort500 = kind == Kind.ike500.rawValue || kind == Kind.unknownSPI500.rawValue
        return Path(
            transport: isPort500 ? .udp500 : .udp4500,
            local: local.endpoint ?? Endpoint(.v4(0), port: 0),
            remote: remote.endpoint ?? Endpoint(.v4(0), port: 0)
        )
    }

    var event: SABackendEvent? {
        let spi = SPI(spi)
        switch Kind(rawValue: kind) {
        case .softExpired: return .expired(inboundSPI: spi, hard: false)
        case .hardExpired: return .expired(inboundSPI: spi, hard: true)
        case .unknownSPI500, .unknownSPI4500: return .unknownSPI(spi, path: path)
        case .mappingChanged: return remote.endpoint.map { .mappingChanged(inboundSPI: spi, remote: $0) }
        case .firstInbound: return .firstInbound(inboundSPI: spi)
        case .ike500, .ike4500, nil: return nil
        }
    }
}
