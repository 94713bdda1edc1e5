import IPsecTypes
import PacketIO

/// The rings that other workers put packets into whose SA this worker owns (law 3).
final class HandoverRings: Sendable {
    /// Bytes of each ring: some 600 packets of 1500 bytes, above which a worker that lags loses packets, counted.
    private static let capacity = 1 << 20

    /// ESP from the network.
    let inbound: MessageRing
    /// Packets from the TUN.
    let outbound: MessageRing

    init() throws(IOFailure) {
        inbound = try MessageRing(capacity: Self.capacity, maximumLength: 70_000)
        outbound = try MessageRing(capacity: Self.capacity, maximumLength: 70_000)
    }
}

/// The rings of all workers as one of them reaches them for a packet: without counting references, which would make the
/// processors fight for the counts. Whoever makes it keeps the rings.
struct HandoverDoors: ~Copyable {
    private let rings: UnsafeMutablePointer<(inbound: Unmanaged<MessageRing>, outbound: Unmanaged<MessageRing>)>
    private let count: Int

    init(_ handovers: [HandoverRings]) {
        count = handovers.count
        rings = .allocate(capacity: max(1, count))
        for (index, ring) in handovers.enumerated() {
            (rings + index).initialize(to: (.passUnretained(ring.inbound), .passUnretained(ring.outbound)))
        }
    }

    deinit { rings.deallocate() }

    /// Hands ESP from the network to the worker that owns its SA; false when its ring is full.
    func pushInbound(_ worker: UInt16, _ frame: PacketFrame, _ bytes: UnsafeRawBufferPointer) -> Bool {
        guard worker < count else { return false }
        return rings[Int(worker)].inbound._withUnsafeGuaranteedRef { $0.push(frame, bytes) }
    }

    /// Hands a packet from the TUN likewise.
    func pushOutbound(_ worker: UInt16, _ frame: PacketFrame, _ bytes: UnsafeRawBufferPointer) -> Bool {
        guard worker < count else { return false }
        return rings[Int(worker)].outbound._withUnsafeGuaranteedRef { $0.push(frame, bytes) }
    }
}

extension MessageRing {
    /// Puts a frame into the ring: its addresses and TOS, then its bytes.
    func push(_ frame: PacketFrame, _ bytes: UnsafeRawBufferPointer) -> Bool {
        withUnsafeBytes(of: frame) { push(tag: 0, $0, bytes) }
    }

    /// Moves what waits into an empty batch, as far as it fits.
    func drain(into batch: PacketBatch) {
        batch.removeAll()
        _ = drain(limit: batch.capacity) { _, bytes in
            let size = MemoryLayout<PacketFrame>.size
            guard bytes.count >= size else { return }
            let frame = bytes.loadUnaligned(as: PacketFrame.self)
            _ = batch.append(
                UnsafeRawBufferPointer(rebasing: bytes[size...]),
                to: frame.remote,
                from: frame.local,
                tos: frame.tos
            )
        }
    }
}
