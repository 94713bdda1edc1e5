import CLinux

/// Frames in one allocation that never grows: `capacity` slots of `stride` bytes, each with headroom in front of what is
/// received, so that ESP can be sealed in place and an outer header prepended.
///
/// A batch has one owner and is not Sendable: a worker makes its batches and keeps them. Frames are descriptions
/// (``PacketFrame``) of byte ranges of the storage, so dropping or reordering frames moves 64 bytes, never a packet.
/// Bytes that come from the network are read through a checked reader over ``bytes(_:)``.
public final class PacketBatch {
    /// Headroom of a slot: non-ESP marker, outer IPv6 header, ESP header and IV fit twice.
    public static let defaultHeadroom = 128
    /// Bytes a slot takes besides its headroom; a packet of Ethernet size with its ESP trailer fits.
    public static let defaultRoom = 2048
    /// The longest datagram; a batch with this room receives unfragmented IKE messages and GRO super-frames.
    public static let largestRoom = 65_535

    /// The number of slots.
    public let capacity: Int
    /// The bytes of a slot, headroom included.
    public let stride: Int
    /// The bytes in front of what is received.
    public let headroom: Int
    /// The bytes that can be received into a slot.
    public let room: Int
    /// The bytes of all slots.
    public let storage: UnsafeMutableRawPointer
    /// The descriptions of the frames; `count` of them are in use.
    public let frames: UnsafeMutablePointer<PacketFrame>
    /// Frames in use.
    @inlinable
    public var count: Int {
        get { counter.pointee }
        set { counter.pointee = newValue }
    }

    // Behind a pointer: a stored property would be checked for exclusive access at every frame.
    @usableFromInline let counter: UnsafeMutablePointer<Int>
    let vector: OpaquePointer

    /// Allocates a batch.
    ///
    /// - Parameters:
    ///   - capacity: slots, 1...1024.
    ///   - room: bytes of a slot behind the headroom, 64...65535. Tailroom for sealing comes out of it: a frame that is
    ///     shorter than the room leaves the rest.
    ///   - headroom: bytes in front, 0...1024.
    public init(capacity: Int, room: Int = defaultRoom, headroom: Int = defaultHeadroom) {
        precondition((1...1024).contains(capacity), "a batch has 1...1024 slots")
        precondition((64...Self.largestRoom).contains(room), "a slot's room is 64...65535 bytes")
        precondition((0...1024).contains(headroom), "a slot's headroom is 0...1024 bytes")
        precondition(
            MemoryLayout<PacketFrame>.size == MemoryLayout<culvert_frame>.size
                && MemoryLayout<PacketFrame>.offset(of: \.mark) == MemoryLayout<culvert_frame>.offset(of: \.mark)
                && MemoryLayout<PacketFrame>.offset(of: \.local) == MemoryLayout<culvert_frame>.offset(of: \.local),
            "frame layouts of Swift and C differ"
        )
        self.capacity = capacity
        self.headroom = headroom
        self.room = room
        stride = (headroom + room + 63) & ~63
        storage = .allocate(byteCount: capacity * stride, alignment: 64)
        frames = .allocate(capacity: capacity)
        counter = .allocate(capacity: 1)
        counter.initialize(to: 0)
        guard let vector = culvert_vector_create(UInt32(capacity)) else { fatalError("out of memory for a batch") }
        self.vector = vector
        for slot in 0..<capacity {
            (frames + slot).initialize(to: PacketFrame(slot: UInt16(slot), start: UInt32(slot * stride + headroom)))
        }
    }

    deinit {
        culvert_vector_destroy(vector)
        counter.deallocate()
        frames.deallocate()
        storage.deallocate()
    }

    /// The description of frame `index`, to read and change.
    @inlinable
    public subscript(index: Int) -> PacketFrame {
        @inline(__always)
        unsafeAddress {
            precondition(index >= 0 && index < capacity, "no such frame")
            return UnsafePointer(frames + index)
        }
        @inline(__always)
        unsafeMutableAddress {
            precondition(index >= 0 && index < capacity, "no such frame")
            return frames + index
        }
    }

    /// The bytes of frame `index`.
    @inlinable
    public func bytes(_ index: Int) -> UnsafeMutableRawBufferPointer {
        let frame = self[index]
        precondition(Int(frame.start) + Int(frame.length) <= capacity * stride, "frame outside the storage")
        return UnsafeMutableRawBufferPointer(start: storage + Int(frame.start), count: Int(frame.length))
    }

    /// All bytes of the slot that frame `index` lives in.
    @inlinable
    public func slotBytes(_ index: Int) -> UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(start: storage + Int(self[index].slot) * stride, count: stride)
    }

    /// The free bytes in front of frame `index`.
    @inlinable
    public func headroom(_ index: Int) -> Int {
        Int(self[index].start) - Int(self[index].slot) * stride
    }

    /// The free bytes behind frame `index`.
    @inlinable
    public func tailroom(_ index: Int) -> Int {
        (Int(self[index].slot) + 1) * stride - Int(self[index].start) - Int(self[index].length)
    }

    /// Moves the start of frame `index`: forwards (positive) to cut bytes off, backwards to take headroom in.
    /// False, and nothing changed, when there is not that much.
    @inlinable
    public func advanceStart(_ index: Int, by distance: Int) -> Bool {
        guard distance <= Int(self[index].length), distance >= -headroom(index) else { return false }
        self[index].start = UInt32(Int(self[index].start) + distance)
        self[index].length = UInt32(Int(self[index].length) - distance)
        return true
    }

    /// Sets the length of frame `index`, taking tailroom in or cutting bytes off; false when there is not that much.
    @inlinable
    public func setLength(_ index: Int, _ length: Int) -> Bool {
        guard length >= 0, length <= Int(self[index].length) + tailroom(index) else { return false }
        self[index].length = UInt32(length)
        return true
    }

    /// Exchanges two frames' descriptions; the bytes stay where they are.
    @inlinable
    public func exchange(_ first: Int, _ second: Int) {
        guard first != second else { return }
        let kept = self[first]
        self[first] = self[second]
        self[second] = kept
    }

    /// Keeps frames for which `keep` holds, in their order, and drops the others.
    @inlinable
    public func retain(where keep: (Int) -> Bool) {
        var kept = 0
        for index in 0..<count where keep(index) {
            exchange(kept, index)
            kept += 1
        }
        count = kept
    }

    /// Drops all frames.
    @inlinable
    public func removeAll() { count = 0 }

    /// Appends an empty frame whose start leaves the headroom free; nil when the batch is full.
    /// Its bytes are set with ``setLength(_:_:)`` and ``bytes(_:)``.
    @inlinable
    public func appendEmpty() -> Int? {
        guard count < capacity else { return nil }
        let index = count
        let slot = self[index].slot
        self[index] = PacketFrame(slot: slot, start: UInt32(Int(slot) * stride + headroom))
        count = index + 1
        return index
    }

    /// Appends a frame with a copy of `bytes`; nil when the batch is full or the bytes do not fit.
    public func append(
        _ bytes: UnsafeRawBufferPointer,
        to remote: PacketAddress = PacketAddress(),
        from local: PacketAddress = PacketAddress(),
        tos: UInt8 = 0
    ) -> Int? {
        guard bytes.count <= stride - headroom, let index = appendEmpty() else { return nil }
        self[index].length = UInt32(bytes.count)
        self[index].remote = remote
        self[index].local = local
        self[index].tos = tos
        if bytes.count > 0 { self.bytes(index).copyMemory(from: bytes) }
        return index
    }

    /// How often the kernel refused to send a run of frames of this batch in one piece.
    public var refusedSegments: Int { Int(culvert_vector_refusals(vector)) }

    var layout: culvert_layout {
        culvert_layout(
            storage: storage.assumingMemoryBound(to: UInt8.self),
            frames: UnsafeMutableRawPointer(frames).assumingMemoryBound(to: culvert_frame.self),
            stride: UInt32(stride),
            headroom: UInt32(headroom),
            room: UInt32(room)
        )
    }
}
