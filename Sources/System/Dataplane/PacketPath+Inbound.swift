import ESP
import IPsecTypes
import PacketIO

extension PacketPath {
    /// Handles what a socket received: ESP is opened in place, IKE goes to the inbox, the rest is counted. Afterwards the
    /// batch holds inner packets for the TUN alone, in the order of their arrival.
    mutating func receive(_ batch: PacketBatch, on role: SocketRole) {
        let frames = batch.frames
        let storage = batch.storage
        let count = batch.count
        var kept = 0
        var index = 0
        while index < count {
            if receive(frames + index, storage, on: role) {
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

    /// Handles one datagram; true when its frame holds an inner packet afterwards.
    private mutating func receive(
        _ frame: UnsafeMutablePointer<PacketFrame>,
        _ storage: UnsafeMutableRawPointer,
        on role: SocketRole
    ) -> Bool {
        if frame.pointee.flags.contains(.truncated) {
            drop(.truncated)
            return false
        }
        let bytes = PacketBytes(storage + Int(frame.pointee.start), count: Int(frame.pointee.length))
        switch role {
        case .ike:
            deliver(frame, storage, skipping: 0, .ike500)
            return false
        case .nat:
            guard let spi = bytes.uint32(at: 0) else {
                // RFC 3948 §2.3: one byte 0xFF.
                if bytes.count == 1, bytes.uint8(at: 0) == 0xFF {
                    add(1, to: words + WorkerCounterPlace.keepalivesReceived)
                } else {
                    drop(.runt)
                }
                return false
            }
            // RFC 3948 §2.2: the non-ESP marker stands where an SPI of zero would.
            if spi == 0 {
                deliver(frame, storage, skipping: 4, .ike4500)
                return false
            }
            return open(frame, bytes, spi, .unknownSPI4500)
        case .rawESP:
            guard let spi = bytes.uint32(at: 0) else {
                drop(.runt)
                return false
            }
            return open(frame, bytes, spi, .unknownSPI500)
        }
    }

    /// An IKE header has 28 bytes (RFC 7296 §3.1); anything shorter needs no answer.
    private func deliver(
        _ frame: UnsafeMutablePointer<PacketFrame>,
        _ storage: UnsafeMutableRawPointer,
        skipping: Int,
        _ kind: InboxRecord.Kind
    ) {
        let length = Int(frame.pointee.length) &- skipping
        guard length >= 28 else { return drop(.runt) }
        let record = InboxRecord(kind, remote: frame.pointee.remote, local: frame.pointee.local)
        let start = storage + Int(frame.pointee.start) + skipping
        if inbox.push(record, UnsafeRawBufferPointer(start: start, count: length)) {
            add(1, to: words + WorkerCounterPlace.ikeReceived)
        } else {
            drop(.inboxFull)
        }
    }

    /// Finds the SA and opens; or hands the packet to the worker that owns the SA.
    private mutating func open(
        _ frame: UnsafeMutablePointer<PacketFrame>,
        _ bytes: PacketBytes,
        _ spi: UInt32,
        _ unknown: InboxRecord.Kind
    ) -> Bool {
        guard bytes.has(8, at: 0) else {
            drop(.runt)
            return false
        }
        guard let route = routes.value(spi) ?? nil else {
            drop(.unknownSPI)
            if unknownSPIBucket.take(now, perSecond: Self.unknownSPIRate) {
                let record = InboxRecord(unknown, spi: spi, remote: frame.pointee.remote, local: frame.pointee.local)
                _ = inbox.push(record)
            }
            return false
        }
        guard route.owner == settings.index else {
            let ring = handovers[Int(route.owner)].inbound
            if !ring.push(frame.pointee, UnsafeRawBufferPointer(bytes.buffer)) { drop(.handover) }
            return false
        }
        return open(frame, bytes, route.slot)
    }

    private mutating func open(
        _ frame: UnsafeMutablePointer<PacketFrame>,
        _ bytes: PacketBytes,
        _ slot: UnsafeMutablePointer<SASlot>
    ) -> Bool {
        guard !slot.pointee.inboundMeter.isExhausted else {
            drop(.lifetime, slot, SACounterPlace.other)
            report(.hard, .hardExpired, slot)
            return false
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
            return false
        }
        noteAuthentic(slot, frame.pointee.remote, isNewest: opened.isNewest)
        guard opened.nextHeader != InboundSA.dummy else {
            drop(.dummy)
            return false
        }
        guard let inner = bytes.slice(opened.offset, count: opened.length),
            let length = admit(inner, opened.nextHeader, slot, outerTrafficClass: frame.pointee.tos)
        else { return false }
        frame.pointee.start &+= UInt32(opened.offset)
        frame.pointee.length = UInt32(length)
        return true
    }

    /// What an authentic packet tells, whatever is inside.
    @inline(__always)
    private func noteAuthentic(_ slot: UnsafeMutablePointer<SASlot>, _ remote: PacketAddress, isNewest: Bool) {
        // RFC 4555 §3.12: a packet from elsewhere does not show that the peer hears us at the address we send to.
        if !slot.pointee.isEncapsulated || remote == slot.pointee.remote { storeLastInbound(slot) }
        if !slot.pointee.reported.contains(.firstInbound) { report(.firstInbound, .firstInbound, slot) }
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

    /// Checks an inner packet against the SA (RFC 4301 §5.2 step 4) and counts it. Returns its length without TFC padding;
    /// nil when it was dropped.
    private mutating func admit(
        _ inner: PacketBytes,
        _ nextHeader: UInt8,
        _ slot: UnsafeMutablePointer<SASlot>,
        outerTrafficClass: UInt8
    ) -> Int? {
        guard let version = inner.uint8(at: 0).map({ $0 >> 4 }),
            (nextHeader == 4 && version == 4) || (nextHeader == 41 && version == 6)
        else {
            drop(.notIP, slot, SACounterPlace.other)
            return nil
        }
        let packet: IPPacket
        do throws(PacketFault) {
            packet = try IPPacket.parse(inner)
            try packet.checkAddresses()
        } catch {
            switch error {
            case .martian: drop(.martian, slot, SACounterPlace.policy)
            case .sourceRouted: drop(.sourceRouted, slot, SACounterPlace.policy)
            case .truncated, .wrongVersion, .badHeader: drop(.malformedInner, slot, SACounterPlace.other)
            }
            return nil
        }
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
        slot.pointee.inboundMeter.count(packet.totalLength)
        add(1, to: slot.pointee.counters + SACounterPlace.inboundPackets)
        add(UInt64(packet.totalLength), to: slot.pointee.counters + SACounterPlace.inboundBytes)
        add(1, to: words + WorkerCounterPlace.inboundPackets)
        add(UInt64(packet.totalLength), to: words + WorkerCounterPlace.inboundBytes)
        countRule(verdict.rule, RuleCounterPlace.inboundPackets, bytes: packet.totalLength)
        reportLimits(slot)
        return packet.totalLength
    }

    @inline(__always)
    private func storeLastInbound(_ slot: UnsafeMutablePointer<SASlot>) {
        let word = slot.pointee.counters + SACounterPlace.lastInbound
        set(word, UInt64(bitPattern: now.nanoseconds))
    }
}
