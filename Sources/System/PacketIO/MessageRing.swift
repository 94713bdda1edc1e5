import CLinux
import IPsecTypes

/// A bounded ring of messages of varying length, from any number of threads to one, in one allocation that never grows.
///
/// Producers reserve space by compare-and-exchange and publish a message by its header word, so no thread ever waits for
/// another; a full ring refuses. The consumer sleeps on ``signal``; a producer writes to it only when the consumer has not
/// been woken already.
///
/// Layout of a message: header word (length × 4 + kind), tag word, bytes, rounded up to 8. Space that holds no published
/// message is zero, which is how the consumer tells a message that is still being written.
///
/// Unchecked Sendable: `head` is written by the one consumer, `tail` by compare-and-exchange, the bytes of a message by
/// its producer between reserving and publishing (release), then by the consumer after seeing it (acquire) and before
/// giving the space back (release).
public final class MessageRing: @unchecked Sendable {
    /// Wakes the consumer; readable when there may be messages.
    public let signal: EventSignal
    /// Bytes of the ring; each message takes 16 more than its length, rounded up to 8.
    public let capacity: Int
    /// The longest message.
    public let maximumLength: Int

    private let words: UnsafeMutablePointer<UInt64>
    private let control: UnsafeMutablePointer<UInt64>
    private var tail: UnsafeMutablePointer<UInt64> { control }
    private var head: UnsafeMutablePointer<UInt64> { control + 8 }
    private var pending: UnsafeMutablePointer<UInt64> { control + 16 }
    private var refused: UnsafeMutablePointer<UInt64> { control + 24 }

    private static let message: UInt64 = 1
    private static let padding: UInt64 = 2

    /// Allocates a ring.
    ///
    /// - Parameters:
    ///   - capacity: bytes, rounded up to a power of two; 1 KiB...1 GiB.
    ///   - maximumLength: the longest message; at most a quarter of the capacity, which is also the default.
    public init(capacity: Int, maximumLength: Int? = nil) throws(IOFailure) {
        precondition((1024...(1 << 30)).contains(capacity), "a ring has 1 KiB...1 GiB")
        var size = 1024
        while size < capacity { size *= 2 }
        self.capacity = size
        self.maximumLength = maximumLength ?? size / 4
        precondition((1...(size / 4)).contains(self.maximumLength), "a message takes at most a quarter of its ring")
        signal = try EventSignal()
        words = .allocate(capacity: size / 8)
        words.initialize(repeating: 0, count: size / 8)
        // One cache line a word, so that producers and consumer do not fight over one.
        let block = UnsafeMutableRawPointer.allocate(byteCount: 256, alignment: 64)
        control = block.bindMemory(to: UInt64.self, capacity: 32)
        control.initialize(repeating: 0, count: 32)
    }

    deinit {
        words.deallocate()
        control.deallocate()
    }

    /// Messages that were refused because the ring was full.
    public var refusedCount: Int { Int(truncatingIfNeeded: culvert_load_relaxed(refused)) }

    /// Whether nothing is reserved or published.
    public var isEmpty: Bool { culvert_load_acquire(tail) == culvert_load_acquire(head) }

    /// Publishes a message made of two parts and wakes the consumer. Any thread.
    ///
    /// - Returns: false when the ring is full or the message too long; nothing is published then.
    public func push(tag: UInt64, _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer? = nil) -> Bool {
        let length = first.count + (second?.count ?? 0)
        guard length <= maximumLength, let offset = reserve(16 + (length + 7) & ~7) else {
            while true {
                let seen = culvert_load_relaxed(refused)
                if culvert_compare_exchange(refused, seen, seen &+ 1) { return false }
            }
        }
        let record = UnsafeMutableRawPointer(words) + offset
        record.storeBytes(of: tag, toByteOffset: 8, as: UInt64.self)
        if let base = first.baseAddress { (record + 16).copyMemory(from: base, byteCount: first.count) }
        if let second, let base = second.baseAddress {
            (record + 16 + first.count).copyMemory(from: base, byteCount: second.count)
        }
        culvert_store_release(words + offset / 8, UInt64(length) << 2 | Self.message)
        wake()
        return true
    }

    /// Publishes a message of bytes; as ``push(tag:_:_:)``.
    public func push(tag: UInt64, _ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { push(tag: tag, $0) }
    }

    /// Takes the wake-up back and hands over what is published, in order. Only the consumer calls it.
    ///
    /// The bytes are valid during the call of `body` only. Messages left because of `limit` wake the consumer again.
    ///
    /// - Returns: the number of messages handed over.
    @discardableResult
    public func drain(limit: Int = .max, _ body: (_ tag: UInt64, _ bytes: UnsafeRawBufferPointer) -> Void) -> Int {
        // In this order: a producer that still sees `pending` set published before the exchange, so the loop finds it.
        signal.clear()
        _ = culvert_exchange(pending, 0)
        var count = 0
        while count < limit {
            let position = culvert_load_relaxed(head)
            let offset = Int(truncatingIfNeeded: position) & (capacity - 1)
            let header = culvert_load_acquire(words + offset / 8)
            if header == 0 { return count }
            let record = UnsafeMutableRawPointer(words) + offset
            if header & 3 == Self.padding {
                culvert_store_release(words + offset / 8, 0)
                culvert_store_release(head, position &+ UInt64(capacity - offset))
                continue
            }
            let length = Int(header >> 2)
            body(
                record.loadUnaligned(fromByteOffset: 8, as: UInt64.self),
                UnsafeRawBufferPointer(start: record + 16, count: length)
            )
            let size = 16 + (length + 7) & ~7
            record.initializeMemory(as: UInt8.self, repeating: 0, count: size)
            culvert_store_release(head, position &+ UInt64(size))
            count += 1
        }
        if !isEmpty { wake() }
        return count
    }

    private func wake() {
        if culvert_exchange(pending, 1) == 0 { signal.signal() }
    }

    /// Reserves `size` bytes in one piece, filling up the end of the ring when they do not fit there.
    private func reserve(_ size: Int) -> Int? {
        while true {
            let start = culvert_load_acquire(head)
            let end = culvert_load_acquire(tail)
            let offset = Int(truncatingIfNeeded: end) & (capacity - 1)
            let filler = capacity - offset < size ? capacity - offset : 0
            guard Int(truncatingIfNeeded: end &- start) + filler + size <= capacity else { return nil }
            guard culvert_compare_exchange(tail, end, end &+ UInt64(filler + size)) else { continue }
            guard filler > 0 else { return offset }
            culvert_store_release(words + offset / 8, Self.padding)
            return 0
        }
    }
}
