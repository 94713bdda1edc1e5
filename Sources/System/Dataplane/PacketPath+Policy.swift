import ESP
import IPsecTypes

/// Whether a packet may pass: no cause, and the rule that allowed it (negative without rules).
struct PacketVerdict {
    var cause: DropCause?
    var rule: Int32 = SelectorSet.none

    static func denied(_ cause: DropCause) -> PacketVerdict { PacketVerdict(cause: cause) }
}

extension IPPacket {
    /// What rules look at on the resource's end: the port, or type and code for ICMP in either direction.
    @inline(__always)
    func resourcePort(isSource: Bool) -> PortView {
        if isSource || destinationPort == .unused { return sourcePort }
        return destinationPort
    }
}

extension PacketPath {
    /// RFC 4301 §5.2 step 4: source within the peer's selectors, destination within ours, then the session's rules about
    /// the resource, which a tunnel's packets have as their destination.
    func judgeInbound(
        _ packet: IPPacket,
        _ bytes: PacketBytes,
        _ slot: UnsafeMutablePointer<SASlot>
    ) -> PacketVerdict {
        guard
            slot.pointee.remoteSelectors.firstMatch(
                address: packet.source,
                ipProtocol: packet.ipProtocol,
                port: packet.sourcePort
            ) != SelectorSet.none,
            slot.pointee.localSelectors.firstMatch(
                address: packet.destination,
                ipProtocol: packet.ipProtocol,
                port: packet.destinationPort
            ) != SelectorSet.none
        else { return judgeInboundError(packet, bytes, slot) }
        guard slot.pointee.rules != nil else { return PacketVerdict() }
        let rule = matchRule(slot, packet.destination, packet, isSource: false)
        if rule != SelectorSet.none { return PacketVerdict(rule: rule) }
        let related = judgeInboundError(packet, bytes, slot)
        return related.cause == nil ? related : .denied(packet.isLaterFragment ? .fragmentPorts : .inboundRules)
    }

    /// The session's rules about a packet that leaves by the tunnel: the resource is its source.
    func judgeOutbound(
        _ packet: IPPacket,
        _ bytes: PacketBytes,
        _ slot: UnsafeMutablePointer<SASlot>
    ) -> PacketVerdict {
        guard slot.pointee.rules != nil else { return PacketVerdict() }
        let rule = matchRule(slot, packet.source, packet, isSource: true)
        if rule != SelectorSet.none { return PacketVerdict(rule: rule) }
        return judgeOutboundError(packet, bytes, slot) ?? .denied(.outboundRules)
    }

    /// RFC 4301 §6.2: an ICMP error that comes out of the tunnel passes when it is about a packet that went into it and its
    /// sender lies within the peer's addresses, though selectors and rules name other protocols.
    private func judgeInboundError(
        _ packet: IPPacket,
        _ bytes: PacketBytes,
        _ slot: UnsafeMutablePointer<SASlot>
    ) -> PacketVerdict {
        let refusal = PacketVerdict.denied(packet.isLaterFragment ? .fragmentPorts : .inboundSelectors)
        guard let quoted = quotedPacket(packet, bytes), slot.pointee.remoteSelectors.holds(packet.source),
            quoted.source == packet.destination, holdsOutbound(quoted, slot)
        else { return refusal }
        guard slot.pointee.rules != nil else { return PacketVerdict() }
        let rule = matchRule(slot, quoted.source, quoted, isSource: true)
        return rule == SelectorSet.none ? .denied(.inboundRules) : PacketVerdict(rule: rule)
    }

    /// The same for an error that goes into the tunnel about a packet that came out of it. Its sender may be any router
    /// behind us. Nil when it is no such error.
    func judgeOutboundError(
        _ packet: IPPacket,
        _ bytes: PacketBytes,
        _ slot: UnsafeMutablePointer<SASlot>
    ) -> PacketVerdict? {
        guard let quoted = quotedPacket(packet, bytes), quoted.source == packet.destination,
            slot.pointee.remoteSelectors.firstMatch(
                address: quoted.source,
                ipProtocol: quoted.ipProtocol,
                port: quoted.sourcePort
            ) != SelectorSet.none,
            slot.pointee.localSelectors.firstMatch(
                address: quoted.destination,
                ipProtocol: quoted.ipProtocol,
                port: quoted.destinationPort
            ) != SelectorSet.none
        else { return nil }
        guard slot.pointee.rules != nil else { return PacketVerdict() }
        let rule = matchRule(slot, quoted.destination, quoted, isSource: false)
        return rule == SelectorSet.none ? nil : PacketVerdict(rule: rule)
    }

    private func holdsOutbound(_ packet: IPPacket, _ slot: UnsafeMutablePointer<SASlot>) -> Bool {
        slot.pointee.localSelectors.firstMatch(
            address: packet.source,
            ipProtocol: packet.ipProtocol,
            port: packet.sourcePort
        ) != SelectorSet.none
            && slot.pointee.remoteSelectors.firstMatch(
                address: packet.destination,
                ipProtocol: packet.ipProtocol,
                port: packet.destinationPort
            ) != SelectorSet.none
    }

    @inline(__always)
    private func matchRule(
        _ slot: UnsafeMutablePointer<SASlot>,
        _ resource: IPAddress,
        _ packet: IPPacket,
        isSource: Bool
    ) -> Int32 {
        slot.pointee.rules?.firstMatch(
            address: resource,
            ipProtocol: packet.ipProtocol,
            port: packet.resourcePort(isSource: isSource)
        ) ?? SelectorSet.none
    }

    /// The packet that an ICMP error quotes; nil when this is no error or the quote shows too little.
    private func quotedPacket(_ packet: IPPacket, _ bytes: PacketBytes) -> IPPacket? {
        guard packet.isICMPError else { return nil }
        let start = packet.transportOffset &+ 8
        guard let quote = bytes.slice(start, count: packet.totalLength &- start) else { return nil }
        return IPPacket.parseQuote(quote)
    }
}
