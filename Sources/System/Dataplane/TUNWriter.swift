import ESP
import Glibc
import IPsecTypes
import PacketIO

/// Writes packets to a TUN queue, runs of them as one where it takes that. One worker owns it.
struct TUNWriter {
    private let tun: TUNDevice
    private let words: UnsafeMutablePointer<UInt64>

    /// `words` are the worker's counters, which outlive this.
    init(_ tun: TUNDevice, _ words: UnsafeMutablePointer<UInt64>) {
        precondition(
            MemoryLayout<PacketPiece>.size == MemoryLayout<iovec>.size
                && MemoryLayout<PacketPiece>.offset(of: \.length) == MemoryLayout<iovec>.offset(of: \.iov_len),
            "layouts of pieces differ"
        )
        self.tun = tun
        self.words = words
    }

    /// What a TUN takes in one piece: what it gives.
    static func kinds(_ offloads: TUNOffloads) -> PacketMerger.Kinds {
        var kinds: PacketMerger.Kinds = []
        if offloads.contains(.tcp4) { kinds.insert(.tcp4) }
        if offloads.contains(.tcp6) { kinds.insert(.tcp6) }
        if offloads.contains(.udp) { kinds.insert(.udp) }
        return kinds
    }

    /// Writes all that was collected, and forgets it.
    func write(_ inner: inout PacketMerger) {
        var run = 0
        while run < inner.runCount {
            let code = write(inner.pieces(ofRun: run))
            let kind = inner.kind(ofRun: run)
            if code == 0 {
                if !kind.isEmpty { add(1, to: words + WorkerCounterPlace.mergedWrites) }
            } else if kind.isEmpty {
                countRefused()
            } else {
                writeOneByOne(&inner, run, kind, code)
            }
            run &+= 1
        }
        inner.removeAll()
    }

    /// A kernel that does not know a kind of super-packet calls it invalid: then it gets no more of them.
    private func writeOneByOne(_ inner: inout PacketMerger, _ run: Int, _ kind: PacketMerger.Kinds, _ code: CInt) {
        add(1, to: words + WorkerCounterPlace.refusedMerges)
        if code == EINVAL { inner.kinds.remove(kind) }
        var member: Int?
        repeat {
            let one = inner.pieces(ofRun: run, member: member)
            if write(one.pieces) != 0 { countRefused() }
            member = one.next
        } while member != nil
    }

    /// Writes the packets of a batch one by one.
    func write(_ batch: PacketBatch) {
        var header = (UInt64(0), UInt64(0))
        withUnsafeMutableBytes(of: &header) { header in
            var index = 0
            while index < batch.count {
                let bytes = batch.bytes(index)
                index &+= 1
                guard let start = header.baseAddress else { return }
                var pieces = (iovec(iov_base: start, iov_len: tun.headerSize), iovec(iov_base: nil, iov_len: 0))
                pieces.1 = iovec(iov_base: bytes.baseAddress, iov_len: bytes.count)
                let code = withUnsafeBytes(of: &pieces) { raw -> CInt in
                    guard let first = raw.bindMemory(to: iovec.self).baseAddress else { return EINVAL }
                    return tun.write(first, count: 2)
                }
                if code != 0 { countRefused() }
            }
        }
    }

    /// Without virtio headers the first piece, which is one, is left out.
    @inline(__always)
    private func write(_ pieces: UnsafeMutableBufferPointer<PacketPiece>) -> CInt {
        let skipped = tun.headerSize > 0 ? 0 : 1
        guard let first = pieces.baseAddress, pieces.count > skipped else { return EINVAL }
        return UnsafeRawPointer(first + skipped).withMemoryRebound(to: iovec.self, capacity: pieces.count) {
            tun.write($0, count: pieces.count &- skipped)
        }
    }

    private func countRefused() {
        add(1, to: words + WorkerCounterPlace.drops + DropCause.tunRefused.rawValue)
    }
}
