import ESP
import IPsecTypes
import Testing

/// One packet of a stream as its fields, and how they become bytes: written apart from the code under test.
struct StreamPacket {
    var source = address("10.99.0.7")
    var destination = address("10.20.0.3")
    var trafficClass: UInt8 = 2
    var timeToLive: UInt8 = 64
    var identification: UInt16 = 7
    var fragmentField: UInt16 = 0
    var flowLabel: UInt32 = 0xABCDE
    var ipProtocol: UInt8 = 6
    var ports: (UInt16, UInt16) = (40000, 443)
    var sequence: UInt32 = 1000
    var acknowledgement: UInt32 = 77
    var flags: UInt8 = 0x10
    var window: UInt16 = 501
    var urgent: UInt16 = 0
    var options: [UInt8] = [1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2]
    var payload: [UInt8] = []
    /// IPv4 options or IPv6 extension headers (a whole chain that ends with `ipProtocol`), and the first header's number.
    var extras: [UInt8] = []
    var firstHeader: UInt8?

    var isVersion6: Bool { source.family == .v6 }

    private func transport(checksum: UInt16) -> [UInt8] {
        var writer = WireWriter()
        writer.writeUInt16(ports.0)
        writer.writeUInt16(ports.1)
        if ipProtocol == 17 {
            writer.writeUInt16(UInt16(8 + payload.count))
            writer.writeUInt16(checksum)
        } else {
            writer.writeUInt32(sequence)
            writer.writeUInt32(acknowledgement)
            writer.writeUInt16(UInt16(5 + options.count / 4) << 12 | UInt16(flags))
            writer.writeUInt16(window)
            writer.writeUInt16(checksum)
            writer.writeUInt16(urgent)
            writer.writeBytes(options)
        }
        writer.writeBytes(payload)
        return writer.bytes
    }

    /// The pseudo-header for a transport part of `length` bytes.
    func pseudoHeader(_ length: Int) -> [UInt8] {
        var writer = WireWriter()
        writer.writeBytes(source.bytes + destination.bytes)
        writer.writeUInt32(UInt32(length))
        writer.writeUInt32(UInt32(ipProtocol))
        return writer.bytes
    }

    /// The sum of the pseudo-header as a sender with offloads leaves it in the checksum field.
    var partialChecksum: UInt16 { ~reference(pseudoHeader(transport(checksum: 0).count)) }

    var bytes: [UInt8] { bytes(checksum: nil) }

    func bytes(checksum given: UInt16?) -> [UInt8] {
        let bare = transport(checksum: 0)
        var checksum = reference(pseudoHeader(bare.count) + bare)
        if ipProtocol == 17, checksum == 0 { checksum = 0xFFFF }
        let body = transport(checksum: given ?? checksum)
        var writer = WireWriter()
        if isVersion6 {
            writer.writeUInt32(6 << 28 | UInt32(trafficClass) << 20 | flowLabel)
            writer.writeUInt16(UInt16(extras.count + body.count))
            writer.writeUInt16(UInt16(firstHeader ?? ipProtocol) << 8 | UInt16(timeToLive))
            writer.writeBytes(source.bytes + destination.bytes + extras)
        } else {
            writer.writeUInt16(UInt16(0x40 + 5 + extras.count / 4) << 8 | UInt16(trafficClass))
            writer.writeUInt16(UInt16(20 + extras.count + body.count))
            writer.writeUInt16(identification)
            writer.writeUInt16(fragmentField)
            writer.writeUInt16(UInt16(timeToLive) << 8 | UInt16(ipProtocol))
            writer.writeUInt16(0)
            writer.writeBytes(source.bytes + destination.bytes + extras)
            writer.patchUInt16(reference(writer.bytes), at: 10)
        }
        return writer.bytes + body
    }

    /// Bytes of all headers.
    var headerLength: Int { bytes.count - payload.count }

    /// What a sender without offloads would send for this packet, by the rules in words: RFC 9293 for TCP, and one datagram
    /// after the other for UDP.
    func segments(_ size: Int) -> [StreamPacket] {
        let starts = Array(Swift.stride(from: 0, to: payload.count, by: size))
        return starts.enumerated().map { number, start in
            var segment = self
            segment.payload = Array(payload[start..<min(start + size, payload.count)])
            segment.sequence = sequence &+ UInt32(start)
            segment.identification = identification &+ UInt16(number)
            if number < starts.count - 1 { segment.flags &= 0xFF - 0x09 }
            if number > 0 { segment.flags &= 0xFF - 0x80 }
            return segment
        }
    }
}

/// Cuts a packet as the TUN gives it: the header and the packet behind it.
func cut(_ content: [UInt8]) throws -> [[UInt8]] {
    try withPacket(content) { bytes in
        guard let header = VirtioNetHeader(bytes),
            let body = bytes.slice(VirtioNetHeader.size, count: bytes.count - VirtioNetHeader.size)
        else { throw OffloadFault.notOfKind }
        let packet = try SuperPacket(header, body)
        return try (0..<packet.count).map { index in
            let target = Frame([UInt8](repeating: 0, count: packet.longest))
            let window = target.window(Frame.headroom, packet.longest)
            let length = try packet.write(index, to: window)
            #expect(length <= packet.longest)
            #expect(target.read(0, Frame.headroom).allSatisfy { $0 == 0xEE }, "wrote in front of the target")
            #expect(target.read(Frame.headroom + packet.longest, 256).allSatisfy { $0 == 0xEE }, "wrote behind it")
            return target.read(Frame.headroom, length)
        }
    }
}

/// Merges packets as a worker does; what would be written to the TUN, one array a write, virtio header included.
func merge(_ packets: [[UInt8]], kinds: PacketMerger.Kinds = [.tcp4, .tcp6, .udp]) -> [[UInt8]] {
    var merger = PacketMerger(capacity: max(1, packets.count), kinds: kinds)
    let frames = packets.map { Frame($0) }
    for (frame, content) in zip(frames, packets) {
        let window = frame.window(Frame.headroom, content.count)
        guard let parsed = try? IPPacket.parse(window), let whole = window.slice(0, count: parsed.totalLength) else {
            continue
        }
        let hasRoom = merger.add(whole, parsed)
        #expect(hasRoom)
    }
    let written = (0..<merger.runCount).map { run in
        merger.pieces(ofRun: run).flatMap { Array(UnsafeRawBufferPointer(start: $0.base, count: $0.length)) }
    }
    for (frame, content) in zip(frames, packets) {
        #expect(frame.read(Frame.headroom, content.count) == content, "merging changed a packet")
    }
    return written
}

/// A virtio header as bytes, in the order of a little-endian machine; tests run on no other.
func virtioHeader(
    flags: UInt8 = 1,
    type: UInt8,
    size: UInt16,
    start: UInt16,
    offset: UInt16,
    headers: UInt16 = 0
) -> [UInt8] {
    [flags, type] + [headers, size, start, offset].flatMap { [UInt8(truncatingIfNeeded: $0), UInt8($0 >> 8)] }
}
