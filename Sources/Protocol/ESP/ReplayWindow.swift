/// The anti-replay window of one inbound SA: RFC 4303 §3.4.3 and appendix A, with the bitmap of RFC 6479.
///
/// Sequence numbers are 64 bits inside. With ESN the upper half is inferred (appendix A2.2); without, it is zero. The
/// bitmap has one block of 64 more than the window, so that moving the window clears whole blocks.
public struct ReplayWindow: ~Copyable {
    /// Widest window: 32 Ki packets, 4 KiB a tunnel.
    public static let maximumSize = 32768

    /// Packets the window spans.
    public let size: Int
    /// Whether sequence numbers have 64 bits.
    public let extended: Bool
    /// The highest sequence number authenticated so far; 0 before the first.
    public private(set) var highest: UInt64

    private let blocks: UnsafeMutablePointer<UInt64>
    private let blockCount: Int

    /// Makes a window of `size` packets, rounded up to a multiple of 64 and clamped to 64...``maximumSize``. `highest` is
    /// above 0 only for an SA that is taken over: everything up to it counts as seen.
    public init(size: Int, extended: Bool, highest: UInt64 = 0) {
        let rounded = (min(max(size, 64), Self.maximumSize) + 63) / 64 * 64
        self.size = rounded
        self.extended = extended
        self.highest = highest
        blockCount = rounded / 64 + 1
        blocks = .allocate(capacity: blockCount)
        blocks.initialize(repeating: highest == 0 ? 0 : .max, count: blockCount)
        if highest > 0 {
            // Numbers above `highest` in its block are not seen yet.
            let used = highest & 63
            blocks[Int((highest >> 6) % UInt64(blockCount))] = used == 63 ? .max : (1 << (used + 1)) - 1
        }
    }

    deinit { blocks.deallocate() }

    /// The whole sequence number of a packet that carries `low`, if it may be new; nil when it must be dropped unread:
    /// seen before, left of the window, or a number that no sender uses.
    public func candidate(_ low: UInt32) -> UInt64? {
        guard let sequence = inferred(low), sequence != 0 else { return nil }
        return isNew(sequence) ? sequence : nil
    }

    /// Records an authenticated packet. Returns false, and changes nothing, when it is a duplicate after all; otherwise
    /// `advanced` tells whether it is the newest.
    public mutating func accept(_ sequence: UInt64) -> Bool {
        guard sequence != 0, isNew(sequence) else { return false }
        let block = sequence >> 6
        if sequence > highest {
            let passed = min(block &- (highest >> 6), UInt64(blockCount))
            var step: UInt64 = 1
            while step <= passed {
                // Blocks between the old and the new head; with a jump past the whole window, every block once.
                blocks[Int((block &- passed &+ step) % UInt64(blockCount))] = 0
                step &+= 1
            }
            highest = sequence
        }
        blocks[Int(block % UInt64(blockCount))] |= 1 << (sequence & 63)
        return true
    }

    private func isNew(_ sequence: UInt64) -> Bool {
        if sequence > highest { return true }
        guard highest &- sequence < UInt64(size) else { return false }
        return blocks[Int((sequence >> 6) % UInt64(blockCount))] & (1 << (sequence & 63)) == 0
    }

    /// RFC 4303 appendix A2.2: the subspace that makes the number fall into or after the window.
    private func inferred(_ low: UInt32) -> UInt64? {
        guard extended else { return UInt64(low) }
        let top = UInt32(truncatingIfNeeded: highest)
        let subspace = highest >> 32
        let width = UInt32(size)
        let bottom = top &- width &+ 1
        let upper: UInt64
        if top >= width &- 1 {
            // Case A: the window lies within one subspace.
            if low < bottom, subspace == UInt64(UInt32.max) { return nil }
            upper = low >= bottom ? subspace : subspace &+ 1
        } else {
            // Case B: it spans two; below the first subspace there is nothing.
            if low >= bottom, subspace == 0 { return nil }
            upper = low >= bottom ? subspace &- 1 : subspace
        }
        return upper << 32 | UInt64(low)
    }
}
