import IPsecTypes

/// ICMP and ICMPv6 errors that the data plane sends back to a host whose packet it does not carry.
public enum ICMPError: Hashable, Sendable {
    /// The packet does not fit: "fragmentation needed" (RFC 1191 §4) or "packet too big" (RFC 4443 §3.2).
    case tooBig(mtu: Int)
    /// No SA carries it: "communication administratively prohibited" (RFC 1812 §5.2.7.1, RFC 4443 §3.1).
    case prohibited

    /// Smallest MTU that an ICMPv6 message may name: a link that IPv6 runs over has no less (RFC 8200 §5).
    public static let minimumVersion6MTU = 1280

    /// Whether an answer to `packet` is allowed: never to errors, later fragments, or groups (RFC 1122 §3.2.2, RFC 4443
    /// §2.4; a too-big to a multicast IPv6 packet would be allowed and is left out).
    public static func mayAnswer(_ packet: IPPacket) -> Bool {
        !packet.isICMPError && !packet.isLaterFragment && !packet.destination.isMulticast
            && packet.source.isPossibleSource
    }

    /// Writes the whole IP packet with the error about `packet`, whose bytes are `original`, to the start of `target`.
    /// Its source is the original's destination, which routes back the same way. Returns its length; nil when no answer is
    /// allowed or `target` is too small.
    public func write(about packet: IPPacket, _ original: PacketBytes, to target: PacketBytes) -> Int? {
        guard Self.mayAnswer(packet) else { return nil }
        return packet.family == .v4 ? write4(packet, original, target) : write6(packet, original, target)
    }

    private func write4(_ packet: IPPacket, _ original: PacketBytes, _ target: PacketBytes) -> Int? {
        // RFC 1812 §4.3.2.3: as much of the original as fits into 576 bytes.
        let quoted = min(packet.totalLength, 576 - 28)
        let total = 28 + quoted
        guard case .v4(let from) = packet.destination, case .v4(let to) = packet.source, target.has(total, at: 0),
            target.copy(quoted, of: original, from: 0, to: 28)
        else { return nil }
        // RFC 1812 §4.3.2.5: precedence 6, internetwork control.
        target.set16(0x45C0, at: 0)
        target.set16(UInt16(total), at: 2)
        // An atomic datagram (RFC 6864 §4.1): DF, so that the identification need not be unique.
        target.set32(0x0000_4000, at: 4)
        target.set16(0x4001, at: 8)
        target.set16(0, at: 10)
        target.set32(from, at: 12)
        target.set32(to, at: 16)
        target.set16(Checksum.finish(Checksum.sum(target, at: 0, length: 20)), at: 10)
        switch self {
        case .tooBig(let mtu):
            target.set16(0x0304, at: 20)
            target.set32(UInt32(UInt16(clamping: mtu)), at: 24)
        case .prohibited:
            target.set16(0x030D, at: 20)
            target.set32(0, at: 24)
        }
        target.set16(0, at: 22)
        target.set16(Checksum.finish(Checksum.sum(target, at: 20, length: 8 + quoted)), at: 22)
        return total
    }

    private func write6(_ packet: IPPacket, _ original: PacketBytes, _ target: PacketBytes) -> Int? {
        // RFC 4443 §2.4 (c): as much of the original as fits into the minimum MTU.
        let quoted = min(packet.totalLength, Self.minimumVersion6MTU - 48)
        let length = 8 + quoted
        guard case .v6(let fromHigh, let fromLow) = packet.destination, case .v6(let toHigh, let toLow) = packet.source,
            target.has(40 + length, at: 0), target.copy(quoted, of: original, from: 0, to: 48)
        else { return nil }
        target.set32(0x6000_0000, at: 0)
        target.set16(UInt16(length), at: 4)
        target.set16(0x3A40, at: 6)
        target.set64(fromHigh, at: 8)
        target.set64(fromLow, at: 16)
        target.set64(toHigh, at: 24)
        target.set64(toLow, at: 32)
        switch self {
        case .tooBig(let mtu):
            target.set16(0x0200, at: 40)
            target.set32(UInt32(clamping: max(mtu, Self.minimumVersion6MTU)), at: 44)
        case .prohibited:
            target.set16(0x0101, at: 40)
            target.set32(0, at: 44)
        }
        target.set16(0, at: 42)
        let pseudo = Checksum.pseudoHeader(
            source: packet.destination,
            destination: packet.source,
            ipProtocol: 58,
            length: length
        )
        target.set16(Checksum.finish(Checksum.sum(target, at: 40, length: length, adding: pseudo)), at: 42)
        return 40 + length
    }
}
