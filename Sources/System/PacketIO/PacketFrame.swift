import IPsecTypes

/// An address with its port as plain words, as the batch calls read and write them. 24 bytes, no references.
///
/// Its layout is that of `culvert_address` in CLinux; PacketBatch checks it when a batch is made.
@frozen
public struct PacketAddress: Hashable, Sendable {
    /// 0 for none, 4 or 6.
    public var family: UInt8
    /// Always 0.
    public var reserved: UInt8 = 0
    /// The port in host order; 0 for raw ESP.
    public var port: UInt16
    /// The interface index of a link-local IPv6 address, else 0.
    public var scope: UInt32
    /// The upper half of an IPv6 address, in host order.
    public var high: UInt64
    /// The lower half, or the IPv4 address, in host order.
    public var low: UInt64

    /// No address: the kernel chooses.
    @inlinable
    public init() {
        family = 0
        port = 0
        scope = 0
        high = 0
        low = 0
    }

    /// An address and a port.
    @inlinable
    public init(_ address: IPAddress, port: UInt16, scope: UInt32 = 0) {
        self.port = port
        self.scope = scope
        switch address {
        case .v4(let value):
            family = 4
            high = 0
            low = UInt64(value)
        case .v6(let upper, let lower):
            family = 6
            high = upper
            low = lower
        }
    }

    /// The words of an endpoint.
    @inlinable
    public init(_ endpoint: Endpoint) {
        self.init(endpoint.address, port: endpoint.port)
    }

    /// The address; nil when there is none.
    @inlinable
    public var address: IPAddress? {
        switch family {
        case 4: .v4(UInt32(truncatingIfNeeded: low))
        case 6: .v6(high, low)
        default: nil
        }
    }

    /// The address and port; nil when there is none.
    @inlinable
    public var endpoint: Endpoint? {
        guard let address else { return nil }
        return Endpoint(address, port: port)
    }
}

/// What is known of one frame of a batch: where its bytes lie, who sent it, where it goes. 64 bytes, no references.
///
/// Its layout is that of `culvert_frame` in CLinux.
@frozen
public struct PacketFrame: Sendable {
    /// The offset of the first byte from the start of the batch's storage.
    public var start: UInt32
    /// The number of bytes.
    public var length: UInt32
    /// The peer: the sender of what was received, the receiver of what is sent.
    public var remote: PacketAddress
    /// Our side: the address the frame came to, or the one it must leave from.
    public var local: PacketAddress
    /// The outer TOS or traffic class: DSCP and ECN.
    public var tos: UInt8
    /// What happened to it.
    public var flags: Flags
    /// 0 for one datagram; otherwise the bytes hold several datagrams of this length, the last possibly shorter.
    public var segmentSize: UInt16
    /// Which stride of the storage the bytes live in. Only ``PacketBatch`` sets it.
    public var slot: UInt16
    /// Free for the batch's owner.
    public var mark: UInt16

    /// What happened to a frame.
    @frozen
    public struct Flags: OptionSet, Hashable, Sendable {
        /// The bits.
        public var rawValue: UInt8

        /// Makes flags of bits.
        @inlinable
        public init(rawValue: UInt8) { self.rawValue = rawValue }

        /// It did not fit the room of its slot. Its length is 0, so nothing of it can be used.
        public static var truncated: Flags { Flags(rawValue: 1) }
        /// The kernel refused to send it.
        public static var failed: Flags { Flags(rawValue: 2) }
    }

    /// An empty frame of a slot.
    @inlinable
    public init(slot: UInt16, start: UInt32) {
        self.start = start
        self.slot = slot
        length = 0
        remote = PacketAddress()
        local = PacketAddress()
        tos = 0
        flags = []
        segmentSize = 0
        mark = 0
    }
}

/// What became of frames handed to the kernel.
@frozen
public struct SendOutcome: Hashable, Sendable {
    /// Frames that are done with, counted from the start of the range: sent, or refused for good.
    public var taken: Int = 0
    /// How many of them the kernel refused; they carry the flag `failed`.
    public var refused: Int = 0
    /// The `errno` of the last refusal, 0 for none.
    public var lastError: CInt = 0
    /// The first frame that was longer than the path takes (EMSGSIZE); -1 for none.
    public var firstTooLong: Int = -1
    /// Whether the socket's buffer is full: the rest of the range is still to be sent once it is writable.
    public var isBlocked: Bool = false

    /// Nothing sent.
    @inlinable
    public init() {}
}
