public import IPsecTypes

/// The IP header of packets that come out of ESP in transport mode, and what makes their checksums right after a NAT. Made
/// once an SA; nothing is computed for a packet but the header's own checksum.
public struct TransportHeader: Sendable {
    /// The hop limit that a packet gets which has arrived: it goes no further than this host.
    static let hopLimit: UInt8 = 64

    private let source: IPAddress
    private let destination: IPAddress
    /// The words of source and destination, for the checksum of an IPv4 header.
    private let addressSum: UInt64
    /// What a checksum over the pseudo-header changes by; 0 without a NAT.
    private let correction: UInt16

    /// Bytes of the header: 20 or 40.
    public let length: Int

    /// Makes the header of packets to `local` from `remote`, whose sender knows both as `original`. All are of one family.
    public init(local: IPAddress, remote: IPAddress, original: OriginalAddresses?) {
        source = remote
        destination = local
        length = remote.family == .v4 ? 20 : 40
        addressSum = Checksum.words(remote) &+ Checksum.words(local)
        guard let original, original.remote != remote || original.local != local else {
            correction = 0
            return
        }
        // RFC 1624 §3, equation 3: what is left goes in complemented, what comes as it is.
        let gone = Checksum.words(original.remote) &+ Checksum.words(original.local)
        correction = ~Checksum.finish(UInt64(Checksum.finish(gone)) &+ addressSum)
    }

    /// Writes the header to the start of `bytes`, whose rest is what ESP protected. False when that is too long for IP.
    public func write(to bytes: PacketBytes, nextHeader: UInt8, trafficClass: UInt8) -> Bool {
        switch (source, destination) {
        case (.v4(let from), .v4(let to)):
            guard bytes.count >= 20, bytes.count <= 0xFFFF else { return false }
            // An atomic datagram (RFC 6864 §4.1): it was not a fragment, and need not become one.
            let first = UInt16(0x4500) | UInt16(trafficClass)
            let life = UInt16(Self.hopLimit) << 8 | UInt16(nextHeader)
            let sum = UInt64(first) &+ UInt64(bytes.count) &+ 0x4000 &+ UInt64(life) &+ addressSum
            bytes.set16(first, at: 0)
            bytes.set16(UInt16(truncatingIfNeeded: bytes.count), at: 2)
            bytes.set32(0x0000_4000, at: 4)
            bytes.set16(life, at: 8)
            bytes.set16(Checksum.finish(sum), at: 10)
            bytes.set32(from, at: 12)
            bytes.set32(to, at: 16)
        case (.v6(let fromHigh, let fromLow), .v6(let toHigh, let toLow)):
            guard bytes.count >= 40, bytes.count &- 40 <= 0xFFFF else { return false }
            bytes.set32(0x6000_0000 | UInt32(trafficClass) << 20, at: 0)
            bytes.set16(UInt16(truncatingIfNeeded: bytes.count &- 40), at: 4)
            bytes.set8(nextHeader, at: 6)
            bytes.set8(Self.hopLimit, at: 7)
            bytes.set64(fromHigh, at: 8)
            bytes.set64(fromLow, at: 16)
            bytes.set64(toHigh, at: 24)
            bytes.set64(toLow, at: 32)
        default: return false
        }
        return true
    }

    /// Corrects the checksum of a packet that was parsed from `bytes` after ``write(to:nextHeader:trafficClass:)``: its sender
    /// made it with other addresses (RFC 3948 §3.1.2, the incremental way). A datagram without a UDP checksum stays without.
    public func correctChecksum(of packet: IPPacket, in bytes: PacketBytes) {
        guard correction != 0, !packet.isLaterFragment else { return }
        let place: Int
        switch (packet.ipProtocol, packet.family) {
        case (6, _): place = packet.transportOffset &+ 16
        case (17, _), (136, _), (33, _): place = packet.transportOffset &+ 6
        case (58, .v6): place = packet.transportOffset &+ 2
        default: return
        }
        guard place &+ 2 <= packet.totalLength, let old = bytes.uint16(at: place) else { return }
        let isUDP = packet.ipProtocol == 17 || packet.ipProtocol == 136
        // RFC 768: zero stands for none.
        if isUDP, old == 0 { return }
        let new = Checksum.finish(UInt64(~old) &+ UInt64(correction))
        bytes.set16(isUDP && new == 0 ? 0xFFFF : new, at: place)
    }
}
