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
