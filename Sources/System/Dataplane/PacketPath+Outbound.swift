import ESP
import IPsecTypes
import PacketIO

/// What a sealed frame's `mark` says to the worker that sends it.
enum FrameMark {
    /// The outer IPv4 header gets DF.
    static let dontFragment: UInt16 = 0x8000
    /// The place of the socket.
    static let socket: UInt16 = 0x7FFF
}

/// The bytes of a slot that ESP protects.
struct ProtectedPart {
    var offset: Int
    var length: Int
    var nextHeader: UInt8

    /// All of a packet: tunnel mode.
    @inline(__always)
    init(_ packet: IPPacket, at offset: Int) {
        self.offset = offset
        length = packet.totalLength
        nextHeader = packet.family == .v4 ? 4 : 41
    }

    /// What follows the headers of a packet: transport mode.
    @inline(__always)
    init(_ split: TransportSplit, at offset: Int) {
        self.offset = offset &+ split.offset
        length = split.length
        nextHeader = split.nextHeader
    }
}

extension PacketPath {
    /// Handles what the TUN gave: packets are sealed in place and addressed. Afterwards the batch holds ESP packets alone,
    /// in order, each marked with its socket. ICMP answers for the TUN's hosts are appended to `answers`.
    mutating func send(_ batch: PacketBatch, answers: PacketBatch) {
        let frames = batch.frames
        let count = batch.count
        var kept = 0
        var index = 0
        while index < count {
            let slotBytes = PacketBytes(batch.storage + Int(frames[index].slot) &* batch.stride, count: batch.stride)
            let slotStart = Int(frames[index].slot) &* batch.stride
            if send(frames + index, slotBytes, slotStart: slotStart, answers) {
                if kept != index {
                    let frame = frames[kept]
                    frames[kept] = frames[index]
                    frames[index] = frame
                }
                kept &+= 1
            }
            index &+= 1
        }
        batch.count = kept
    }

    /// Handles one packet; true when its frame holds ESP afterwards.
    private mutating func send(
        _ frame: UnsafeMutablePointer<PacketFrame>,
        _ room: PacketBytes,
        slotStart: Int,
        _ answers: PacketBatch
    ) -> Bool {
        if frame.pointee.flags.contains(.truncated) {
            drop(.truncated)
            return false
        }
        let offset = Int(frame.pointee.start) &- slotStart
        guard let bytes = room.slice(offset, count: Int(frame.pointee.length)) else {
            drop(.internal)
            return false
        }
        let packet: IPPacket
        do throws(PacketFault) {
            packet = try IPPacket.parse(bytes)
            try packet.checkAddresses()
        } catch {
            switch error {
            case .martian: drop(.martian)
            case .sourceRouted: drop(.sourceRouted)
            case .truncated, .wrongVersion, .badHeader: drop(.malformedInner)
            }
            return false
        }
        guard let route = choose(packet, bytes, answers) else { return false }
        guard route.owner == settings.index else {
            let whole = UnsafeRawBufferPointer(bytes.buffer)
            if !doors.pushOutbound(route.owner, frame.pointee, whole) { drop(.handover) }
            return false
        }
        let slot = route.slot
        let verdict = judgeOutbound(packet, bytes, slot)
        guard verdict.cause == nil else {
            drop(verdict.cause ?? .internal, slot, SACounterPlace.policy)
            answer(.prohibited, packet, bytes, answers)
            return false
        }
        guard fits(packet) else {
            drop(.tooBig, slot, SACounterPlace.other)
            answer(.tooBig(mtu: mtu(packet)), packet, bytes, answers)
            return false
        }
        if settings.clampsSegmentSize { MSSClamp.apply(to: bytes, packet, mtu: settings.mtu) }
        var part = ProtectedPart(packet, at: offset)
        if slot.pointee.transport != nil {
            guard let split = split(packet, bytes, slot) else {
                answer(.prohibited, packet, bytes, answers)
                return false
            }
            part = ProtectedPart(split, at: offset)
        }
        guard seal(frame, room, part, packet, slot, slotStart: slotStart) else { return false }
        countRule(verdict.rule, RuleCounterPlace.outboundPackets, bytes: packet.totalLength)
        return true
    }

    /// The SA for a packet; answers and counts when there is none.
    private mutating func choose(
        _ packet: IPPacket,
        _ bytes: PacketBytes,
        _ answers: PacketBatch
    ) -> (slot: UnsafeMutablePointer<SASlot>, owner: UInt16)? {
        let cause: DropCause
        switch outbound.find(packet) {
        case .slot(let slot, let owner):
            return (slot, owner)
        case .selectorsDiffer:
            if packet.isICMPError, let newest = outbound.newest(for: packet.destination),
                judgeOutboundError(packet, bytes, newest.slot) != nil
            {
                return newest
            }
            cause = packet.isLaterFragment ? .fragmentPorts : .outboundSelectors
        case .none:
            cause = .noSA
        }
        drop(cause)
        answer(.prohibited, packet, bytes, answers)
        return nil
    }

    /// IPv6 links carry at least 1280 bytes, whatever the tunnel's MTU.
    @inline(__always)
    private func mtu(_ packet: IPPacket) -> Int {
        packet.family == .v6 ? max(settings.mtu, ICMPError.minimumVersion6MTU) : settings.mtu
    }

    /// RFC 4301 §8.2: what must not be fragmented and does not fit is refused; an IPv4 packet without DF is sealed whole
    /// and its outer packet fragmented.
    @inline(__always)
    private func fits(_ packet: IPPacket) -> Bool {
        packet.totalLength <= mtu(packet) || (packet.family == .v4 && !packet.dontFragment)
    }

    private mutating func seal(
        _ frame: UnsafeMutablePointer<PacketFrame>,
        _ room: PacketBytes,
        _ part: ProtectedPart,
        _ packet: IPPacket,
        _ slot: UnsafeMutablePointer<SASlot>,
        slotStart: Int
    ) -> Bool {
        guard slot.pointee.socket >= 0 else {
            drop(.noSocket, slot, SACounterPlace.other)
            return false
        }
        guard !slot.pointee.outboundMeter.isExhausted else {
            drop(.lifetime, slot, SACounterPlace.other)
            report(.hard, .hardExpired, slot)
            return false
        }
        let sealed: SealedPacket
        do throws(SealFault) {
            sealed = try slot.pointee.outbound.seal(
                room,
                at: part.offset,
                length: part.length,
                nextHeader: part.nextHeader
            )
        } catch {
            if error == .exhausted {
                drop(.lifetime, slot, SACounterPlace.other)
                report(.hard, .hardExpired, slot)
            } else {
                drop(.internal, slot, SACounterPlace.other)
            }
            return false
        }
        frame.pointee.start = UInt32(slotStart &+ sealed.offset)
        frame.pointee.length = UInt32(sealed.length)
        frame.pointee.remote = slot.pointee.remote
        frame.pointee.local = slot.pointee.local
        frame.pointee.segmentSize = 0
        // In transport mode the outer header is the packet's own: for it, too, traffic class and ECN stay as they are.
        frame.pointee.tos = OuterHeader.trafficClass(inner: packet.trafficClass)
        let keepsWhole = OuterHeader.dontFragment(inner: packet.dontFragment, policy: settings.outerDontFragment)
        frame.pointee.mark = UInt16(slot.pointee.socket) | (keepsWhole ? FrameMark.dontFragment : 0)
        slot.pointee.outboundMeter.count(packet.totalLength)
        add(1, to: slot.pointee.counters + SACounterPlace.outboundPackets)
        add(UInt64(packet.totalLength), to: slot.pointee.counters + SACounterPlace.outboundBytes)
        add(1, to: words + WorkerCounterPlace.outboundPackets)
        add(UInt64(packet.totalLength), to: words + WorkerCounterPlace.outboundBytes)
        reportLimits(slot)
        return true
    }

    /// Where ESP stands in a packet of a transport mode SA. Fragments are refused (RFC 4301 §4.1), and so is what would have to
    /// stand in front of ESP: the kernel writes the outer header of what a socket sends, and would leave it out.
    private mutating func split(
        _ packet: IPPacket,
        _ bytes: PacketBytes,
        _ slot: UnsafeMutablePointer<SASlot>
    ) -> TransportSplit? {
        do throws(TransportFault) {
            let split = try TransportSplit(packet, bytes)
            if !split.hasOptions { return split }
            drop(.transportOptions, slot, SACounterPlace.other)
        } catch {
            switch error {
            case .fragment: drop(.transportFragment, slot, SACounterPlace.other)
            case .truncated: drop(.malformedInner, slot, SACounterPlace.other)
            }
        }
        return nil
    }

    /// Appends an ICMP answer, if one is allowed, wanted and within the rate.
    private mutating func answer(
        _ error: ICMPError,
        _ packet: IPPacket,
        _ bytes: PacketBytes,
        _ answers: PacketBatch
    ) {
        if error == .prohibited, !settings.answersProhibited { return }
        guard ICMPError.mayAnswer(packet), answerBucket.take(now, perSecond: Self.answerRate),
            let index = answers.appendEmpty()
        else {
            return
        }
        let target = PacketBytes(answers.storage + Int(answers[index].start), count: answers.room)
        guard let length = error.write(about: packet, bytes, to: target) else {
            answers.count &-= 1
            return
        }
        answers[index].length = UInt32(length)
    }
}
