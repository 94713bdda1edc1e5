import IPsecTypes

/// Lowers the maximum segment size that TCP announces, for paths that lose ICMP messages.
public enum MSSClamp {
    /// Lowers the MSS option of a SYN so that its segments fit into `mtu`, and corrects the TCP checksum. Returns whether
    /// it changed anything. Packets that are no SYN, or whose options are malformed, stay as they are.
    @discardableResult
    public static func apply(to bytes: PacketBytes, _ packet: IPPacket, mtu: Int) -> Bool {
        guard packet.ipProtocol == 6, !packet.isLaterFragment else { return false }
        let start = packet.transportOffset
        // RFC 9293 §3.1: data offset in the upper four bits of byte 12, SYN in bit 1 of byte 13.
        guard let offsetAndFlags = bytes.uint16(at: start &+ 12), offsetAndFlags & 0x0002 != 0 else { return false }
        let end = start &+ Int(offsetAndFlags >> 12) &* 4
        let limit = mtu - (packet.family == .v4 ? 40 : 60)
        guard end <= packet.totalLength, limit >= 536 else { return false }
        var option = start &+ 20
        while option < end {
            guard let kind = bytes.uint8(at: option), kind != 0 else { return false }
            if kind == 1 {
                option &+= 1
                continue
            }
            guard let length = bytes.uint8(at: option &+ 1), length >= 2, option &+ Int(length) <= end else {
                return false
            }
            if kind == 2 {
                guard length == 4 else { return false }
                return lower(bytes, at: option &+ 2, to: UInt16(clamping: limit), checksumAt: start &+ 16)
            }
            option &+= Int(length)
        }
        return false
    }

    private static func lower(_ bytes: PacketBytes, at offset: Int, to limit: UInt16, checksumAt: Int) -> Bool {
        guard let old = bytes.uint16(at: offset), old > limit, let checksum = bytes.uint16(at: checksumAt) else {
            return false
        }
        // An option at an odd offset changes two words of the sum; swapping bytes gives the same sum (RFC 1071 §2).
        let odd = (offset &- checksumAt) & 1 != 0
        let from = odd ? old.byteSwapped : old
        let to = odd ? limit.byteSwapped : limit
        bytes.set16(limit, at: offset)
        bytes.set16(Checksum.updated(checksum, from: from, to: to), at: checksumAt)
        return true
    }
}
