import ESP
import IPsecTypes
import PacketIO

extension PacketPath {
    /// Packets that are opened before what came out of the tunnel is written: enough to merge, too few to wait for.
    static let openedAtOnce = 64
    /// Packets that one call of ``receive(_:from:on:into:)`` can open: those, and what the last frame holds, whose
    /// shortest datagram is 34 bytes long (ESP header 8, IV 8, trailer 2, ICV 16; an IP header only in tunnel mode).
    static let openedAtMost = openedAtOnce + PacketBatch.largestRoom / 34 + 1

    /// Handles what a socket received, from frame `first` on: ESP is opened in place, IKE goes to the inbox, the rest is
    /// counted. Inner packets for the TUN are added to `inner`, in the order of their arrival, and stay valid as long as
    /// the batch is left alone. Returns the frame to go on with: it stops when it has opened enough.
    mutating func receive(
        _ batch: PacketBatch,
        from first: Int,
        on role: SocketRole,
        into inner: inout PacketMerger
    ) -> Int {
        let frames = batch.frames
        let storage = batch.storage
        let count = batch.count
        var index = first
        scratchUsed = 0
        while index < count, inner.count < Self.openedAtOnce {
            let size = UInt32(frames[index].segmentSize)
            if size == 0 || size >= frames[index].length {
                receive(frames[index], storage, on: role, into: &inner)
            } else {
                // Several datagrams of one flow (UDP_GRO): all as long as the first, but for the last.
                add(1, to: words + WorkerCounterPlace.mergedReceives)
                var part = frames[index]
                var rest = part.length
                while rest > 0 {
                    part.length = min(size, rest)
                    receive(part, storage, on: role, into: &inner)
                    part.start &+= part.length
                    rest &-= part.length
                }
            }
            index &+= 1
        }
        return index
    }

    /// Handles one datagram; its packet is added to `inner`.
    private mutating func receive(
        _ frame: PacketFrame,
        _ storage: UnsafeMutableRawPointer,
        on role: SocketRole,
        into inner: inout PacketMerger
    ) {
        if frame.flags.contains(.truncated) {
            drop(.truncated)
            return
        }
        let bytes = PacketBytes(storage + Int(frame.start), count: Int(frame.length))
        switch role {
        case .ike:
            deliver(frame, storage, skipping: 0, .ike500)
            return
        case .nat:
            guard let spi = bytes.uint32(at: 0) else {
                // RFC 3948 §2.3: one byte 0xFF.
                if bytes.count == 1, bytes.uint8(at: 0) == 0xFF {
                    add(1, to: words + WorkerCounterPlace.keepalivesReceived)
                } else {
                    drop(.runt)
                }
                return
            }
            // RFC 3948 §2.2: the non-ESP marker stands where an SPI of zero would.
            if spi == 0 {
                deliver(frame, storage, skipping: 4, .ike4500)
                return
            }
            open(frame, storage, bytes, spi, .unknownSPI4500, into: &inner)
        case .rawESP:
            guard let spi = bytes.uint32(at: 0) else {
                drop(.runt)
                return
            }
            open(frame, storage, bytes, spi, .unknownSPI500, into: &inner)
        }
    }

    /// An IKE header has 28 bytes (RFC 7296 §3.1); anything shorter needs no answer.
    @inline(never)
    private func deliver(
        _ frame: PacketFrame,
        _ storage: UnsafeMutableRawPointer,
        skipping: Int,
        _ kind: InboxRecord.Kind
    ) {
        let length = Int(frame.length) &- skipping
        guard length >= 28 else { return drop(.runt) }
        let record = InboxRecord(kind, remote: frame.remote, local: frame.local)
        let start = storage + Int(frame.start) + skipping
        if inbox.push(record, UnsafeRawBufferPointer(start: start, count: length)) {
            add(1, to: words + WorkerCounterPlace.ikeReceived)
        } else {
            drop(.inboxFull)
        }
    }

    /// Finds the SA and opens; or hands the packet to the worker that owns the SA.
    private mutating func open(
        _ frame: PacketFrame,
        _ storage: UnsafeMutableRawPointer,
        _ bytes: PacketBytes,
        _ spi: UInt32,
        _ unknown: InboxRecord.Kind,
        into inner: inout PacketMerger
    ) {
        guard bytes.has(8, at: 0) else {
            drop(.runt)
            return
        }
        guard let route = routes.value(spi) ?? nil else {
            drop(.unknownSPI)
            if unknownSPIBucket.take(now, perSecond: Self.unknownSPIRate) {
                let record = InboxRecord(unknown, spi: spi, remote: frame.remote, local: frame.local)
                _ = inbox.push(record)
            }
            return
        }
        guard route.owner == settings.index else {
            if !doors.pushInbound(route.owner, frame, UnsafeRawBufferPointer(bytes.buffer)) { drop(.handover) }
            return
        }
        open(frame, storage, bytes, route.slot, into: &inner)
    }

    private mutating func open(
        _ frame: PacketFrame,
        _ storage: UnsafeMutableRawPointer,
        _ bytes: PacketBytes,
        _ slot: UnsafeMutablePointer<SASlot>,
        into inner: inout PacketMerger
    ) {
        guard !slot.pointee.inboundMeter.isExhausted else {
            drop(.lifetime, slot, SACounterPlace.other)
            report(.hard, .hardExpired, slot)
            return
        }
        let opened: OpenedPacket
        do throws(OpenFault) {
            opened = try slot.pointee.inbound.open(bytes)
        } catch {
            switch error {
            case .replayed: drop(.replayed, slot, SACounterPlace.replay)
            case .notAuthentic: drop(.notAuthentic, slot, SACounterPlace.integrity)
            case .malformed, .badTrailer: drop(.malformedESP, slot, SACounterPlace.other)
            }
            return
        }
        noteAuthentic(slot, frame.remote, isNewest: opened.isNewest)
        guard opened.nextHeader != InboundSA.dummy else {
            drop(.dummy)
            return
        }
        if let header = slot.pointee.transport {
            guard let (whole, packet) = restore(frame, storage, bytes, opened, slot, header) else { return }
            if !inner.add(whole, packet) { drop(.internal) }
            return
        }
        guard let text = bytes.slice(opened.offset, count: opened.length),
            let packet = admit(text, opened.nextHeader, slot, outerTrafficClass: frame.tos)
        else { return }
        // The rest of the text is TFC padding.
        guard let whole = text.slice(0, count: packet.totalLength), inner.add(whole, packet) else {
            drop(.internal)
            return
        }
    }

    /// What an authentic packet tells, whatever is inside.
    @inline(__always)
    private mutating func noteAuthentic(_ slot: UnsafeMutablePointer<SASlot>, _ remote: PacketAddress, isNewest: Bool) {
        // RFC 4555 §3.12: a packet from elsewhere does not show that the peer hears us at the address we send to.
        if !slot.pointee.isEncapsulated || remote == slot.pointee.remote { storeLastInbound(slot) }
        if !slot.pointee.reported.contains(.firstInbound) { noteFirstInbound(slot) }
        // RFC 7296 §2.23: the peer's NAT may have given it another address. Only the newest packet counts, so that late
        // and replayed ones cannot move the tunnel back.
        guard isNewest, slot.pointee.isEncapsulated, remote != slot.pointee.remote else { return }
        guard remote != slot.pointee.reportedRemote || now - slot.pointee.reportedRemoteAt >= Self.mappingInterval
        else { return }
        let record = InboxRecord(.mappingChanged, spi: slot.pointee.inboundSPI.rawValue, remote: remote)
        if inbox.push(record) {
            slot.pointee.reportedRemote = remote
            slot.pointee.reportedRemoteAt = now
        }
    }

    /// Checks an inner packet against the SA (RFC 4301 §5.2 step 4) and counts it; nil when it was dropped.
    private mutating func admit(
        _ inner: PacketBytes,
        _ nextHeader: UInt8,
        _ slot: UnsafeMutablePointer<SASlot>,
        outerTrafficClass: UInt8
    ) -> IPPacket? {
        guard let version = inner.uint8(at: 0).map({ $0 >> 4 }),
            (nextHeader == 4 && version == 4) || (nextHeader == 41 && version == 6)
        else {
            drop(.notIP, slot, SACounterPlace.other)
            return nil
        }
        guard let packet = parseInner(inner, slot) else { return nil }
        let verdict = judgeInbound(packet, inner, slot)
        guard verdict.cause == nil else {
            drop(verdict.cause ?? .internal, slot, SACounterPlace.policy)
            return nil
        }
        let innerMark = ECN(trafficClass: packet.trafficClass)
        guard let mark = ECN.decapsulated(inner: innerMark, outer: ECN(trafficClass: outerTrafficClass)) else {
            drop(.ecn, slot, SACounterPlace.other)
            return nil
        }
        if mark != innerMark { mark.store(in: inner) }
        if settings.clampsSegmentSize { MSSClamp.apply(to: inner, packet, mtu: settings.mtu) }
        countInbound(packet, verdict, slot)
        return packet
    }

    /// Reads what came out of an SA; nil, and a drop counted, when it is no packet for anybody.
    func parseInner(_ inner: PacketBytes, _ slot: UnsafeMutablePointer<SASlot>) -> IPPacket? {
        do throws(PacketFault) {
            let packet = try IPPacket.parse(inner)
            try packet.checkAddresses()
            return packet
        } catch {
            switch error {
            case .martian: drop(.martian, slot, SACounterPlace.policy)
            case .sourceRouted: drop(.sourceRouted, slot, SACounterPlace.policy)
            case .truncated, .wrongVersion, .badHeader: drop(.malformedInner, slot, SACounterPlace.other)
            }
            return nil
        }
    }

    /// Counts a packet that is passed on.
    @inline(__always)
    func countInbound(_ packet: IPPacket, _ verdict: PacketVerdict, _ slot: UnsafeMutablePointer<SASlot>) {
        slot.pointee.inboundMeter.count(packet.totalLength)
        add(1, to: slot.pointee.counters + SACounterPlace.inboundPackets)
        add(UInt64(packet.totalLength), to: slot.pointee.counters + SACounterPlace.inboundBytes)
        add(1, to: words + WorkerCounterPlace.inboundPackets)
        add(UInt64(packet.totalLength), to: words + WorkerCounterPlace.inboundBytes)
        countRule(verdict.rule, RuleCounterPlace.inboundPackets, bytes: packet.totalLength)
        reportLimits(slot)
    }

    @inline(__always)
    private func storeLastInbound(_ slot: UnsafeMutablePointer<SASlot>) {
        let word = slot.pointee.counters + SACounterPlace.lastInbound
        set(word, UInt64(bitPattern: now.nanoseconds))
    }
}
