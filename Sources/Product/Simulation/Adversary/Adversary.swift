import IKEMessage
import IPsecTypes

/// Somebody on the path: sees every packet that passes, knows no key, and sends what it likes from any address. What it
/// sends comes beside the genuine packets; to hold those back is the network's business.
struct Adversary {
    var settings = AdversarySettings()
    /// Packets it sent.
    private(set) var sent = 0
    private var random: SplitMix64
    private var seen: [SimulatedPacket] = []
    private var initialRequest: SimulatedPacket?
    private var next = 0

    /// Packets it remembers.
    private static let memory = 200

    init(seed: UInt64) { random = SplitMix64(seed: seed) }

    /// Looks at a packet on its way; returns what it sends because of it, and how much later.
    mutating func watch(_ packet: SimulatedPacket) -> [(after: Duration, packet: SimulatedPacket)] {
        guard settings.isActive, !packet.isTampered, !packet.isReplay else { return [] }
        remember(packet)
        var made: [SimulatedPacket] = []
        if random.chance(settings.forge), let forged = forge(packet) { made.append(forged) }
        if random.chance(settings.replay) { made.append(replayed(random.pick(seen))) }
        if random.chance(settings.reflect) { made.append(reflected(packet)) }
        if random.chance(settings.truncate), packet.payload.count > 1 {
            var cut = packet
            cut.payload.removeLast(random.number(1...(packet.payload.count - 1)))
            cut.isTampered = true
            made.append(cut)
        }
        if random.chance(settings.transplant), let moved = transplant(packet) { made.append(moved) }
        if random.chance(settings.spoof) {
            var spoofed = replayed(packet)
            spoofed.source = Endpoint(.v4(0xCB00_71C8), port: UInt16(random.number(1024...65_535)))
            made.append(spoofed)
        }
        sent += made.count
        return made.map { (random.duration(.zero ... .milliseconds(200)), $0) }
    }

    /// One IKE_SA_INIT request of nobody, made from one that was seen; nil while none was.
    mutating func floodRequest() -> SimulatedPacket? {
        guard var packet = initialRequest else { return nil }
        // Now and then from where an honest agent is: its address must not be shut out.
        if !random.chance(200) {
            packet.source = Endpoint(.v4(UInt32(0x0B00_0000) | UInt32(random.number(0...0xFFFF))), port: 500)
        }
        let offset = packet.payload.count >= 4 && packet.payload.prefix(4).allSatisfy { $0 == 0 } ? 4 : 0
        guard packet.payload.count >= offset + 8 else { return nil }
        for index in 0..<8 { packet.payload[offset + index] = UInt8(truncatingIfNeeded: random.next()) | 1 }
        packet.isTampered = true
        sent += 1
        return packet
    }

    private mutating func remember(_ packet: SimulatedPacket) {
        if let header = Self.header(packet), header.exchangeType == .ikeSAInit, header.messageID == 0,
            header.responderSPI == .zero, !header.flags.contains(.response)
        {
            initialRequest = packet
        }
        if seen.count < Self.memory {
            seen.append(packet)
        } else {
            seen[next] = packet
            next = (next + 1) % Self.memory
        }
    }

    private func replayed(_ packet: SimulatedPacket) -> SimulatedPacket {
        var copy = packet
        copy.isReplay = true
        return copy
    }

    /// The packet goes back; an IKE message sometimes with the flags of an answer turned.
    private mutating func reflected(_ packet: SimulatedPacket) -> SimulatedPacket {
        var copy = replayed(packet)
        swap(&copy.source, &copy.destination)
        guard let offset = Self.offset(packet), random.chance(500) else { return copy }
        copy.payload[offset + 19] ^= random.pick([0x08, 0x20, 0x28])
        copy.isTampered = true
        return copy
    }

    /// A header that looks right, and octets that nobody sealed.
    private mutating func forge(_ packet: SimulatedPacket) -> SimulatedPacket? {
        guard let offset = Self.offset(packet) else { return nil }
        var copy = packet
        copy.isTampered = true
        copy.payload[offset + 18] = random.pick([34, 35, 36, 37, 37, 38, 43])
        copy.payload[offset + 19] = random.pick([0x00, 0x08, 0x20, 0x28])
        if random.chance(700) {
            for index in 20..<24 { copy.payload[offset + index] = 0 }
            copy.payload[offset + 23] = UInt8(random.number(0...9))
        }
        for index in (offset + 28)..<max(offset + 28, copy.payload.count) where random.chance(300) {
            copy.payload[index] = UInt8(truncatingIfNeeded: random.next())
        }
        return copy.payload == packet.payload ? nil : copy
    }

    /// This packet's body under the SPIs of another IKE SA.
    private mutating func transplant(_ packet: SimulatedPacket) -> SimulatedPacket? {
        guard let offset = Self.offset(packet) else { return nil }
        let other = random.pick(seen)
        guard let otherOffset = Self.offset(other), other.payload != packet.payload else { return nil }
        var copy = other
        copy.payload = Array(packet.payload)
        for index in 0..<16 { copy.payload[offset + index] = other.payload[otherOffset + index] }
        guard copy.payload != packet.payload else { return nil }
        copy.isTampered = true
        return copy
    }

    /// Where the IKE header starts in the payload; nil for anything else.
    private static func offset(_ packet: SimulatedPacket) -> Int? {
        guard let message = packet.ikeMessage, message.count >= IKEHeader.byteCount else { return nil }
        return packet.payload.count - message.count
    }

    private static func header(_ packet: SimulatedPacket) -> IKEHeader? {
        packet.ikeMessage.flatMap { try? IKEHeader.parse($0.span) }
    }
}
