import IPsecTypes
import PacketIO

/// The bounded way from the workers to one control thread: a ring for events, one for messages of IKE SAs, and one for
/// messages that begin an IKE SA, so that a flood of strangers never costs a message of an established tunnel.
final class ControlInbox: Sendable {
    /// Events that wait at most: each takes 96 bytes.
    private static let eventBytes = 1 << 20
    /// A UDP datagram's longest payload with the record in front.
    private static let longestMessage = 65_535 + MemoryLayout<InboxRecord>.size

    private let messages: MessageRing
    private let strangers: MessageRing
    private let events: MessageRing
    private let poller: SharedPoller

    init(messageBytes: Int) throws(IOFailure) {
        messages = try MessageRing(
            capacity: max(messageBytes, 4 * Self.longestMessage),
            maximumLength: Self.longestMessage
        )
        strangers = try MessageRing(
            capacity: max(messageBytes, 4 * Self.longestMessage),
            maximumLength: Self.longestMessage
        )
        events = try MessageRing(capacity: Self.eventBytes, maximumLength: 256)
        poller = try SharedPoller([messages, strangers, events].map(\.signal.descriptor))
    }

    /// Readable when something waits.
    var descriptor: CInt { poller.descriptor }

    /// Hands over an IKE message; false when its ring is full.
    func push(_ record: InboxRecord, _ bytes: UnsafeRawBufferPointer) -> Bool {
        let ring = Self.beginsIKESA(bytes) ? strangers : messages
        return withUnsafeBytes(of: record) { ring.push(tag: 0, $0, bytes) }
    }

    /// RFC 7296 §3.1: the responder's SPI is zero in the first message of an IKE SA only. (A message that forges another
    /// one meets no IKE SA, and is dropped there for the price of a look.)
    private static func beginsIKESA(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count >= 16 else { return true }
        return bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self) == 0
    }

    /// Hands over an event; false when the ring is full.
    func push(_ record: InboxRecord) -> Bool {
        withUnsafeBytes(of: record) { events.push(tag: 0, $0) }
    }

    /// Takes what waits, at most `limit` of each kind: events first, strangers last.
    func drain(into items: inout [InboxItem], limit: Int) {
        var taken: [InboxItem] = []
        _ = events.drain(limit: limit) { _, bytes in
            if let item = InboxRecord(bytes)?.event { taken.append(.event(item)) }
        }
        for ring in [messages, strangers] {
            _ = ring.drain(limit: limit) { _, bytes in
                guard let record = InboxRecord(bytes) else { return }
                let message = [UInt8](bytes.dropFirst(MemoryLayout<InboxRecord>.size))
                taken.append(.ike(bytes: message, path: record.path))
            }
        }
        items.append(contentsOf: taken)
    }
}

/// An epoll over some descriptors that never changes, so that one descriptor tells of all.
///
/// Unchecked Sendable: after init only the descriptor is read.
private final class SharedPoller: @unchecked Sendable {
    let descriptor: CInt
    private let poller: Poller

    init(_ descriptors: [CInt]) throws(IOFailure) {
        poller = try Poller()
        for (index, descriptor) in descriptors.enumerated() {
            try poller.add(descriptor, .readable, token: UInt64(index))
        }
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
