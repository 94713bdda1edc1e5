import ESP
import Glibc
import IPsecTypes
import PacketIO

/// Reads packets from a TUN queue and cuts super-packets into the frames of a batch. One worker owns it.
struct TUNReader: ~Copyable {
    /// What a call of ``fill(_:)`` met.
    struct Outcome {
        /// Packets that stood for several.
        var superPackets = 0
        /// Packets that contradict the header in front of them.
        var contradictory = 0
        /// Packets that no frame has room for.
        var tooLong = 0
    }

    /// A super-packet that brings this many frames is sent before the next is read.
    private static let enough = 32

    private let tun: TUNDevice
    private let buffer: UnsafeMutableRawBufferPointer
    private var packet: SuperPacket?
    private var next = 0

    init(_ tun: TUNDevice) {
        self.tun = tun
        buffer = .allocate(byteCount: TUNDevice.longestRead, alignment: 64)
        buffer.initializeMemory(as: UInt8.self, repeating: 0)
    }

    deinit { buffer.deallocate() }

    /// Whether a packet was read that did not go into the batch whole.
    var isUnfinished: Bool { packet != nil }

    /// Fills the batch, whose frames are dropped first, with what waits, without blocking. It stops early where the next
    /// super-packet would be split, so that its segments are sent together.
    mutating func fill(_ batch: PacketBatch) throws(IOFailure) -> Outcome {
        var outcome = Outcome()
        batch.removeAll()
        var reads = 0
        while true {
            if packet == nil {
                guard reads < batch.capacity, batch.count < batch.capacity else { return outcome }
                let got = try tun.read(into: buffer)
                guard got > 0 else { return outcome }
                reads &+= 1
                open(got, &outcome)
            }
            guard let waiting = packet else { continue }
            if next == 0, waiting.count > 1 {
                if batch.count > 0, batch.count &+ waiting.count > batch.capacity { return outcome }
                outcome.superPackets &+= 1
            }
            while next < waiting.count {
                guard let index = batch.appendEmpty() else { return outcome }
                write(waiting, to: batch, index, &outcome)
                next &+= 1
            }
            packet = nil
            if waiting.count > 1, batch.count >= Self.enough { return outcome }
        }
    }

    private mutating func open(_ got: Int, _ outcome: inout Outcome) {
        next = 0
        let bytes = PacketBytes(buffer)
        var header = VirtioNetHeader()
        if tun.headerSize > 0 {
            guard got > tun.headerSize, let found = VirtioNetHeader(bytes) else {
                outcome.contradictory &+= 1
                return
            }
            header = found
        }
        guard let body = bytes.slice(tun.headerSize, count: got &- tun.headerSize) else { return }
        do throws(OffloadFault) {
            packet = try SuperPacket(header, body)
        } catch {
            outcome.contradictory &+= 1
        }
    }

    private func write(_ packet: SuperPacket, to batch: PacketBatch, _ index: Int, _ outcome: inout Outcome) {
        let room = PacketBytes(batch.storage + Int(batch[index].start), count: batch.room)
        do throws(OffloadFault) {
            batch[index].length = UInt32(try packet.write(next, to: room))
        } catch {
            outcome.tooLong &+= 1
            batch.count &-= 1
        }
    }
}
