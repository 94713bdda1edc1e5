//   struct virtio_net_hdr of virtio 1.2 §5.1.6 without num_buffers, as a TUN with IFF_VNET_HDR puts it in front of each
//   packet. Numbers are in the byte order of the machine.
//
//   | flags (1) | gso_type (1) | hdr_len (2) | gso_size (2) | csum_start (2) | csum_offset (2) |

/// What stands in front of each packet of a TUN that has offloads: how the packet is cut, and what its checksum lacks.
public struct VirtioNetHeader: Hashable, Sendable {
    /// Bytes of the header.
    public static let size = 10

    /// VIRTIO_NET_HDR_F_NEEDS_CSUM: the checksum field holds the sum of the pseudo-header alone.
    static let needsChecksum: UInt8 = 1
    /// VIRTIO_NET_HDR_GSO_ECN, beside a kind: the first segment has CWR set.
    static let congestionReduced: UInt8 = 0x80

    /// What kind of super-packet it is.
    public enum Kind: UInt8, Sendable, CaseIterable {
        /// One packet.
        case none = 0
        /// TCP over IPv4 (VIRTIO_NET_HDR_GSO_TCPV4).
        case tcp4 = 1
        /// TCP over IPv6 (VIRTIO_NET_HDR_GSO_TCPV6).
        case tcp6 = 4
        /// UDP over either (VIRTIO_NET_HDR_GSO_UDP_L4).
        case udp = 5
    }

    /// The field `flags`.
    public var flags: UInt8 = 0
    /// The field `gso_type`.
    public var type: UInt8 = 0
    /// Bytes of all headers: a hint, which nothing here relies on.
    public var headerLength: UInt16 = 0
    /// Bytes of payload in each packet but the last.
    public var segmentSize: UInt16 = 0
    /// Where the checksummed part begins.
    public var checksumStart: UInt16 = 0
    /// Where the checksum is, from there.
    public var checksumOffset: UInt16 = 0

    /// The header of a packet that is whole.
    public init() {}

    /// Reads a header; nil when there are not enough bytes.
    public init?(_ bytes: PacketBytes) {
        guard let flags = bytes.uint8(at: 0), let type = bytes.uint8(at: 1), bytes.has(Self.size, at: 0) else {
            return nil
        }
        self.flags = flags
        self.type = type
        headerLength = Self.native(bytes, at: 2)
        segmentSize = Self.native(bytes, at: 4)
        checksumStart = Self.native(bytes, at: 6)
        checksumOffset = Self.native(bytes, at: 8)
    }

    /// The kind of super-packet; nil for one that was never asked for.
    public var kind: Kind? { Kind(rawValue: type & ~Self.congestionReduced) }

    /// Writes the header at the start of `bytes`.
    public func store(in bytes: PacketBytes) {
        bytes.set8(flags, at: 0)
        bytes.set8(type, at: 1)
        // `bigEndian` undoes the conversion that the writer makes.
        bytes.set16(headerLength.bigEndian, at: 2)
        bytes.set16(segmentSize.bigEndian, at: 4)
        bytes.set16(checksumStart.bigEndian, at: 6)
        bytes.set16(checksumOffset.bigEndian, at: 8)
    }

    private static func native(_ bytes: PacketBytes, at offset: Int) -> UInt16 {
        bytes.uint16(at: offset)?.bigEndian ?? 0
    }
}
