import ESP
import IPsecTypes
import PacketIO

extension PacketPath {
    /// Bytes in front of a datagram that nobody needs any more: a slot's headroom, or the ICV of the datagram before it in
    /// a merged receive, which has been opened.
    private static let freeInFront = 16

    /// Bytes of ``scratch``: one call opens fewer than 65 packets before its last frame, two or more of a merged one.
    static let scratchBytes = 34 * (PacketBatch.largestRoom + 1)

    /// Makes a packet of what ESP protected in transport mode: an IP header in front of it, with the addresses of the SA, and
    /// a checksum that fits them. Nil when it may not pass.
    mutating func restore(
        _ frame: PacketFrame,
        _ storage: UnsafeMutableRawPointer,
        _ bytes: PacketBytes,
        _ opened: OpenedPacket,
        _ slot: UnsafeMutablePointer<SASlot>,
        _ header: TransportHeader
    ) -> (PacketBytes, IPPacket)? {
        // RFC 4301 §5.2 step 4: the outer source is the packet's own, and the selectors hold one.
        let (sender, expected) = (frame.remote, slot.pointee.remote)
        guard sender.high == expected.high, sender.low == expected.low, sender.family == expected.family else {
            drop(.inboundSelectors, slot, SACounterPlace.policy)
            return nil
        }
        // Hop-by-hop options, routing and fragment headers stand in front of ESP, never inside (RFC 4303 §3.1.1): from there
        // they would come to stand where nobody has looked at them.
        guard opened.nextHeader != 0, opened.nextHeader != 43, opened.nextHeader != 44 else {
            drop(.malformedInner, slot, SACounterPlace.other)
            return nil
        }
        guard let whole = place(frame, storage, bytes, opened, header) else {
            drop(.internal, slot, SACounterPlace.other)
            return nil
        }
        guard header.write(to: whole, nextHeader: opened.nextHeader, trafficClass: frame.tos) else {
            drop(.internal, slot, SACounterPlace.other)
            return nil
        }
        guard let packet = parseInner(whole, slot) else { return nil }
        guard !packet.isFragment else {
            drop(.malformedInner, slot, SACounterPlace.other)
            return nil
        }
        let verdict = judgeInbound(packet, whole, slot)
        guard verdict.cause == nil else {
            drop(verdict.cause ?? .internal, slot, SACounterPlace.policy)
            return nil
        }
        header.correctChecksum(of: packet, in: whole)
        if settings.clampsSegmentSize { MSSClamp.apply(to: whole, packet, mtu: settings.mtu) }
        countInbound(packet, verdict, slot)
        if isScratch(whole) { scratchUsed &+= whole.count }
        return (whole, packet)
    }

    /// Where header and payload of a restored packet stand together. In a merged receive an IPv6 header has no room between
    /// two datagrams (header 8, IV 8, trailer 2 and ICV 16 make 34 bytes): the payload moves elsewhere.
    private func place(
        _ frame: PacketFrame,
        _ storage: UnsafeMutableRawPointer,
        _ bytes: PacketBytes,
        _ opened: OpenedPacket,
        _ header: TransportHeader
    ) -> PacketBytes? {
        let count = header.length &+ opened.length
        if header.length &- opened.offset <= Self.freeInFront || frame.segmentSize == 0 {
            let start = Int(frame.start) &+ opened.offset &- header.length
            return start >= 0 ? PacketBytes(storage + start, count: count) : nil
        }
        guard count <= Self.scratchBytes &- scratchUsed else { return nil }
        let whole = PacketBytes(scratch + scratchUsed, count: count)
        return whole.copy(opened.length, of: bytes, from: opened.offset, to: header.length) ? whole : nil
    }

    private func isScratch(_ whole: PacketBytes) -> Bool {
        whole.buffer.baseAddress.map { UnsafeMutableRawPointer($0) == scratch + scratchUsed } ?? false
    }
}
