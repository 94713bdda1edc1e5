import IPsecTypes
import Testing

@testable import ESP

/// The next headers of IPv6 extensions, their bytes, and whether each stays in front of ESP; written from RFC 4303 §3.1.1
/// over arrays, apart from the code under test.
private struct PlainPacket {
    var extensions: [(kind: UInt8, body: [UInt8])]
    var next: UInt8 = 17
    var payload = udp(7, 9, [1, 2, 3])

    /// How many of the extensions stay in front: up to the last that routers look at.
    var inFront: Int {
        var count = 0
        for (place, item) in extensions.enumerated() where [0, 43, 44].contains(item.kind) { count = place + 1 }
        return count
    }

    func kind(at place: Int) -> UInt8 { place < extensions.count ? extensions[place].kind : next }

    var bytes: [UInt8] {
        var content: [UInt8] = []
        for (place, item) in extensions.enumerated() { content += [kind(at: place + 1)] + item.body }
        return ipPacket(address("fd00::1"), address("fd00::2"), ipProtocol: kind(at: 0), payload: content + payload)
    }
}

private func options(_ units: UInt8) -> [UInt8] { [units] + [UInt8](repeating: 0, count: Int(units) * 8 + 6) }

@Suite struct TransportTests {
    @Test func extensionHeadersStandWhereTheRFCPutsThem() throws {
        var generator = SeededGenerator(seed: 3)
        for _ in 0..<2000 {
            var plain = PlainPacket(extensions: [])
            if Bool.random(using: &generator) {
                plain.extensions.append((0, options(UInt8.random(in: 0...2, using: &generator))))
            }
            for _ in 0..<Int.random(in: 0...3, using: &generator) {
                switch Int.random(in: 0...3, using: &generator) {
                // No segments left.
                case 0: plain.extensions.append((43, [0, 0, 0, 0, 0, 0, 0]))
                // An atomic fragment is a whole packet.
                case 1: plain.extensions.append((44, [0, 0, 0, 1, 2, 3, 4]))
                default: plain.extensions.append((60, options(UInt8.random(in: 0...1, using: &generator))))
                }
            }
            let front = plain.inFront
            let offset = 40 + plain.extensions.prefix(front).reduce(0) { $0 + $1.body.count + 1 }
            try withPacket(plain.bytes) { bytes in
                let split = try TransportSplit(IPPacket.parse(bytes), bytes)
                #expect(split.offset == offset && split.nextHeader == plain.kind(at: front))
                #expect(split.length == plain.bytes.count - offset && split.hasOptions == (front > 0))
            }
        }
    }

    @Test func optionsOfIPv4StayInFront() throws {
        var packet = ipPacket(
            address("10.0.0.1"),
            address("10.0.0.2"),
            ipProtocol: 17,
            payload: [1, 1, 1, 0] + udp(1, 2)
        )
        packet[0] = 0x46
        try withPacket(packet) { bytes in
            let split = try TransportSplit(IPPacket.parse(bytes), bytes)
            #expect(split.offset == 24 && split.nextHeader == 17 && split.hasOptions)
        }
    }

    @Test(arguments: [0x2000, 0x0001, 0x20FF] as [UInt16]) func fragmentsAreRefused(field: UInt16) throws {
        let four = ipPacket(
            address("10.0.0.1"),
            address("10.0.0.2"),
            ipProtocol: 17,
            payload: udp(1, 2),
            fragmentField: field
        )
        let six = ipPacket(
            address("fd00::1"),
            address("fd00::2"),
            ipProtocol: 44,
            payload: [17, 0, 0, 1, 0, 0, 0, 1] + udp(1, 2)
        )
        for packet in [four, six] {
            try withPacket(packet) { bytes in
                let parsed = try IPPacket.parse(bytes)
                #expect(throws: TransportFault.fragment) { try TransportSplit(parsed, bytes) }
            }
        }
    }

    // MARK: Checksums after a NAT (RFC 3948 §3.1.2)

    private func checksummed(
        _ source: IPAddress,
        _ destination: IPAddress,
        _ kind: UInt8,
        _ payload: [UInt8]
    ) -> [UInt8] {
        let place = kind == 6 ? 16 : kind == 58 ? 2 : 6
        var writer = WireWriter()
        writer.writeBytes(source.bytes + destination.bytes)
        writer.writeUInt32(UInt32(payload.count))
        writer.writeUInt32(UInt32(kind))
        let sum = reference(writer.bytes + payload)
        var result = payload
        let value = kind == 17 && sum == 0 ? 0xFFFF : sum
        result[place] = UInt8(value >> 8)
        result[place + 1] = UInt8(value & 0xFF)
        return result
    }

    @Test func correctedChecksumsAreThoseOfTheAddressesHere() throws {
        var generator = SeededGenerator(seed: 8)
        for round in 0..<4000 {
            let isSix = round % 4 == 0
            let make = { (generator: inout SeededGenerator) -> IPAddress in
                isSix
                    ? .v6(0xFD00_0000_0000_0000 | (generator.next() >> 16), generator.next())
                    : .v4(0x0A00_0000 | UInt32(truncatingIfNeeded: generator.next()) & 0xFF_FFFF)
            }
            let (theirs, ours) = (make(&generator), make(&generator))
            // One NAT or two, or none.
            let remote = Bool.random(using: &generator) ? make(&generator) : theirs
            let local = Bool.random(using: &generator) ? make(&generator) : ours
            let kind: UInt8 =
                isSix ? [6, 17, 58].randomElement(using: &generator) ?? 6 : Bool.random(using: &generator) ? 6 : 17
            var payload = (0..<Int.random(in: 20...60, using: &generator)).map { _ in
                UInt8.random(in: 0...255, using: &generator)
            }
            payload[kind == 6 ? 16 : kind == 58 ? 2 : 6] = 0
            payload[(kind == 6 ? 16 : kind == 58 ? 2 : 6) + 1] = 0
            let sent = checksummed(theirs, ours, kind, payload)
            let header = TransportHeader(
                local: local,
                remote: remote,
                original: OriginalAddresses(local: ours, remote: theirs)
            )
            try withPacket([UInt8](repeating: 0, count: header.length) + sent) { bytes in
                #expect(header.write(to: bytes, nextHeader: kind, trafficClass: 0x2E))
                let packet = try IPPacket.parse(bytes)
                header.correctChecksum(of: packet, in: bytes)
                let got = Array(bytes.buffer)
                #expect(got == ipHeader(remote, local, kind, payload.count) + checksummed(remote, local, kind, payload))
            }
        }
    }

    private func ipHeader(_ source: IPAddress, _ destination: IPAddress, _ kind: UInt8, _ count: Int) -> [UInt8] {
        var writer = WireWriter()
        if source.family == .v4 {
            writer.writeUInt16(0x452E)
            writer.writeUInt16(UInt16(20 + count))
            writer.writeUInt32(0x4000)
            writer.writeUInt16(0x4000 | UInt16(kind))
            writer.writeUInt16(0)
            writer.writeBytes(source.bytes + destination.bytes)
            writer.patchUInt16(reference(writer.bytes), at: 10)
        } else {
            writer.writeUInt32(0x62E0_0000)
            writer.writeUInt16(UInt16(count))
            writer.writeUInt16(UInt16(kind) << 8 | 64)
            writer.writeBytes(source.bytes + destination.bytes)
        }
        return writer.bytes
    }

    @Test func aDatagramWithoutAChecksumStaysWithout() throws {
        let header = TransportHeader(
            local: address("10.0.0.2"),
            remote: address("198.51.100.1"),
            original: OriginalAddresses(local: address("10.0.0.2"), remote: address("10.1.0.1"))
        )
        try withPacket([UInt8](repeating: 0, count: 20) + udp(1, 2, [9])) { bytes in
            #expect(header.write(to: bytes, nextHeader: 17, trafficClass: 0))
            header.correctChecksum(of: try IPPacket.parse(bytes), in: bytes)
            #expect(bytes.uint16(at: 26) == 0)
        }
    }

    @Test func whatIsTooShortForItsChecksumIsLeftAlone() throws {
        let header = TransportHeader(
            local: address("10.0.0.2"),
            remote: address("198.51.100.1"),
            original: OriginalAddresses(local: address("10.0.0.2"), remote: address("10.1.0.1"))
        )
        for length in 0..<18 {
            try withPacket([UInt8](repeating: 7, count: 20 + length)) { bytes in
                #expect(header.write(to: bytes, nextHeader: 6, trafficClass: 0))
                header.correctChecksum(of: try IPPacket.parse(bytes), in: bytes)
                #expect(Array(bytes.buffer.dropFirst(20)).allSatisfy { $0 == 7 } || length >= 18)
            }
        }
    }
}
