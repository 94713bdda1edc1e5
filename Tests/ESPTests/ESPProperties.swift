import ESP
import IPsecTypes

/// What must hold for any bytes; used by the fuzzers and by the tests that replay their corpora.
enum ESPProperties {
    private static let guardByte: UInt8 = 0xA5
    private static let room = 256

    /// An inner packet: what is read stays within it, changes stay within it, an ICMP answer is a packet, and what is sealed
    /// opens to the same bytes.
    static func violation(inner: [UInt8]) -> String? {
        withGuardedMemory(inner) { memory in
            let bytes = PacketBytes(memory + room, count: inner.count)
            guard let packet = try? IPPacket.parse(bytes) else { return nil }
            if packet.totalLength > inner.count { return "longer than its bytes" }
            if packet.transportOffset > packet.totalLength { return "transport header outside the packet" }
            if packet.isLaterFragment, packet.sourcePort != .hidden { return "a later fragment shows ports" }
            if let problem = answers(packet, bytes) { return problem }
            if let problem = transport(packet, bytes) { return problem }
            let length = packet.totalLength
            MSSClamp.apply(to: bytes, packet, mtu: 1280)
            for mark in ECN.allCases { mark.store(in: bytes) }
            guard let again = try? IPPacket.parse(bytes), again.source == packet.source, again.totalLength == length,
                again.destinationPort == packet.destinationPort
            else { return "changes to ECN or MSS changed more" }
            return sealAndOpen(bytes, packet)
        }
    }

    /// A datagram: opening it neither traps nor finds it authentic, and touches nothing outside.
    static func violation(datagram: [UInt8]) -> String? {
        withGuardedMemory(datagram) { memory in
            for suite in suites {
                guard var inbound = try? InboundSA(spi: SPI(300), suite: suite, keys: keys(suite), replayWindow: 64)
                else {
                    return "no SA"
                }
                if (try? inbound.open(PacketBytes(memory + room, count: datagram.count))) != nil {
                    return "authentic under \(suite)"
                }
                if inbound.highestSequence != 0 { return "an unauthentic packet moved the window" }
            }
            return nil
        }
    }

    /// A packet as the TUN gives it, virtio header first: nothing is read or written outside, each segment is a packet, and
    /// merging the segments and cutting them again gives the same.
    static func violation(offload: [UInt8]) -> String? {
        withGuardedMemory(offload) { memory in
            let bytes = PacketBytes(memory + room, count: offload.count)
            guard let header = VirtioNetHeader(bytes),
                let body = bytes.slice(VirtioNetHeader.size, count: bytes.count - VirtioNetHeader.size),
                let packet = try? SuperPacket(header, body)
            else { return nil }
            if packet.count > SuperPacket.maximumSegments || packet.longest > body.count { return "more than it is" }
            // What a worker's batch holds; larger ones are cut in several turns.
            let count = min(packet.count, 70)
            let target = UnsafeMutableRawBufferPointer.allocate(byteCount: count * packet.longest + 1, alignment: 16)
            defer { target.deallocate() }
            guard let base = target.baseAddress else { return nil }
            var merger = PacketMerger(capacity: count, kinds: [.tcp4, .tcp6, .udp])
            for index in 0..<count {
                target[(index + 1) * packet.longest] = guardByte
                let window = PacketBytes(base + index * packet.longest, count: packet.longest)
                guard let length = try? packet.write(index, to: window) else { return "no room for segment \(index)" }
                if target[(index + 1) * packet.longest] != guardByte { return "wrote behind segment \(index)" }
                guard let segment = window.slice(0, count: length), let parsed = try? IPPacket.parse(segment),
                    let whole = segment.slice(0, count: parsed.totalLength)
                else { return packet.count == 1 ? nil : "segment \(index) is no packet" }
                if !merger.add(whole, parsed) { return "the merger is full" }
            }
            return cutAgain(&merger)
        }
    }

    private static func cutAgain(_ merger: inout PacketMerger) -> String? {
        var next = 0
        for run in 0..<merger.runCount {
            let pieces = merger.pieces(ofRun: run)
            var written = pieces.flatMap { Array(UnsafeRawBufferPointer(start: $0.base, count: $0.length)) }
            let problem = written.withUnsafeMutableBytes { raw -> String? in
                let bytes = PacketBytes(raw)
                guard let header = VirtioNetHeader(bytes), let body = bytes.slice(10, count: bytes.count - 10),
                    let packet = try? SuperPacket(header, body), packet.count == merger.packetCount(ofRun: run)
                else { return "a run that is no super-packet" }
                let target = UnsafeMutableRawPointer.allocate(byteCount: packet.longest, alignment: 16)
                defer { target.deallocate() }
                for index in 0..<packet.count {
                    let before = merger.packet(next)
                    next += 1
                    let window = PacketBytes(target, count: packet.longest)
                    guard let length = try? packet.write(index, to: window) else { return "a segment without room" }
                    // The identification of a packet that is never fragmented is not kept.
                    let skipped = header.type != 0 && (window.uint16(at: 0) ?? 0) >> 12 == 4 ? 12 : 0
                    guard length == before.count,
                        Array(window.buffer[skipped..<length]) == Array(before.buffer[skipped...])
                    else { return "cutting a run gave something else" }
                }
                return nil
            }
            if let problem { return problem }
        }
        return nil
    }

    private static let suites = [
        ESPSuite(encryption: .aesGCM16, keyBits: 256),
        ESPSuite(encryption: .chaCha20Poly1305, keyBits: 256, extendedSequenceNumbers: false),
        ESPSuite(encryption: .aesCBC, keyBits: 128, integrity: .hmacSHA256_128),
    ]

    private static func keys(_ suite: ESPSuite) -> ESPKeys {
        let fill = { (count: Int) in SecretBytes([UInt8](repeating: 0x5C, count: count)) }
        return ESPKeys(
            encryption: fill(suite.keyBits / 8),
            salt: fill(suite.encryption.saltLength),
            integrity: fill(suite.integrity.keyLength ?? 0)
        )
    }

    /// Transport mode: where ESP stands lies within the packet, and what it protects comes out as a packet again whose
    /// header is all ours and whose next layer is untouched.
    private static func transport(_ packet: IPPacket, _ bytes: PacketBytes) -> String? {
        guard let split = try? TransportSplit(packet, bytes) else { return nil }
        let base = packet.family == .v4 ? 20 : 40
        if packet.isFragment { return "a fragment in transport mode" }
        if split.offset < base || split.offset > packet.transportOffset { return "ESP inside a header" }
        if split.offset + split.length != packet.totalLength { return "ESP protects something else" }
        if split.hasOptions != (split.offset > base) { return "options unnoticed" }
        guard let part = bytes.slice(split.offset, count: split.length) else { return "ESP outside the packet" }
        let memory = UnsafeMutableRawPointer.allocate(byteCount: base + split.length, alignment: 16)
        defer { memory.deallocate() }
        let target = PacketBytes(memory, count: base + split.length)
        target.copy(split.length, of: part, from: 0, to: base)
        let header = TransportHeader(local: packet.destination, remote: packet.source, original: nil)
        guard header.write(to: target, nextHeader: split.nextHeader, trafficClass: packet.trafficClass) else {
            return "no header"
        }
        guard let again = try? IPPacket.parse(target) else { return nil }
        // Behind what stays in front there is no such header any more.
        guard again.source == packet.source, again.destination == packet.destination,
            again.totalLength == base + split.length, again.trafficClass == packet.trafficClass
        else { return "another header" }
        guard again.ipProtocol == packet.ipProtocol, again.sourcePort == packet.sourcePort else {
            return "another next layer"
        }
        header.correctChecksum(of: again, in: target)
        return Array(part.buffer) == Array(target.buffer.dropFirst(base)) ? nil : "changed without a NAT"
    }

    private static func answers(_ packet: IPPacket, _ bytes: PacketBytes) -> String? {
        let target = UnsafeMutableRawPointer.allocate(byteCount: 1500, alignment: 16)
        defer { target.deallocate() }
        for error in [ICMPError.tooBig(mtu: 1380), .prohibited] {
            guard let length = error.write(about: packet, bytes, to: PacketBytes(target, count: 1500)) else { continue }
            let written = PacketBytes(target, count: length)
            guard let answer = try? IPPacket.parse(written), answer.totalLength == length, answer.isICMPError,
                answer.destination == packet.source
            else { return "an ICMP answer that is none" }
            if let quote = written.slice(answer.transportOffset + 8, count: length - answer.transportOffset - 8),
                let quoted = IPPacket.parseQuote(quote), quoted.source != packet.source
            {
                return "an ICMP answer about another packet"
            }
        }
        return nil
    }

    private static func sealAndOpen(_ bytes: PacketBytes, _ packet: IPPacket) -> String? {
        let before = Array(bytes.buffer.prefix(packet.totalLength))
        let nextHeader: UInt8 = packet.family == .v4 ? 4 : 41
        let frame = UnsafeMutableRawPointer.allocate(byteCount: packet.totalLength + 2 * room, alignment: 16)
        defer { frame.deallocate() }
        let whole = PacketBytes(frame, count: packet.totalLength + 2 * room)
        for suite in suites {
            whole.copy(packet.totalLength, of: bytes, from: 0, to: room)
            guard
                var outbound = try? OutboundSA(spi: SPI(300), suite: suite, keys: keys(suite), ivEpoch: 1),
                var inbound = try? InboundSA(spi: SPI(300), suite: suite, keys: keys(suite), replayWindow: 64),
                let sealed = try? outbound.seal(whole, at: room, length: packet.totalLength, nextHeader: nextHeader),
                let wire = whole.slice(sealed.offset, count: sealed.length),
                let opened = try? inbound.open(wire), opened.nextHeader == nextHeader,
                let inner = wire.slice(opened.offset, count: opened.length)
            else { return "not carried under \(suite)" }
            if Array(inner.buffer) != before { return "changed under \(suite)" }
        }
        return nil
    }

    /// Lends memory with `content` in the middle, and checks that nothing around it was written.
    private static func withGuardedMemory(
        _ content: [UInt8],
        _ body: (UnsafeMutableRawPointer) -> String?
    ) -> String? {
        let count = content.count + 2 * room
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 16)
        defer { memory.deallocate() }
        memory.initializeMemory(as: UInt8.self, repeating: guardByte)
        memory[room..<(room + content.count)].copyBytes(from: content)
        guard let base = memory.baseAddress else { return nil }
        if let problem = body(base) { return problem }
        let isWhole =
            memory[..<room].allSatisfy { $0 == guardByte }
            && memory[(room + content.count)...].allSatisfy { $0 == guardByte }
        return isWhole ? nil : "wrote outside the packet"
    }
}
