import IPsecTypes

/// Reads IKE messages out of a little-endian classic pcap file: Ethernet or BSD loopback, IPv4 or IPv6, UDP 500 and 4500.
enum PcapReader {
    static func ikeMessages(_ file: [UInt8]) -> [[UInt8]] {
        let link = little(file, 20)
        var messages: [[UInt8]] = []
        var offset = 24
        while offset + 16 <= file.count {
            let length = little(file, offset + 8)
            let end = min(offset + 16 + length, file.count)
            if let message = ikeMessage(Array(file[(offset + 16)..<end]), link: link) { messages.append(message) }
            offset = end
        }
        return messages
    }

    private static func ikeMessage(_ frame: [UInt8], link: Int) -> [UInt8]? {
        var packet = frame.dropFirst(link == 1 ? 14 : 4)
        if link == 1, frame.count > 18, frame[12] == 0x81, frame[13] == 0 { packet = packet.dropFirst(4) }
        packet = ArraySlice(Array(packet))
        guard let version = packet.first.map({ $0 >> 4 }) else { return nil }
        let header = version == 4 ? Int(packet[0] & 15) * 4 : 40
        guard packet.count >= header + 8, packet[version == 4 ? 9 : 6] == 17 else { return nil }
        // Later fragments show no ports.
        if version == 4, packet[6] & 0x1F != 0 || packet[7] != 0 { return nil }
        let datagram = Array(packet.dropFirst(header))
        let ports = [Int(datagram[0]) << 8 | Int(datagram[1]), Int(datagram[2]) << 8 | Int(datagram[3])]
        let length = Int(datagram[4]) << 8 | Int(datagram[5])
        let content = Array(datagram.prefix(max(length, 8)).dropFirst(8))
        if ports.contains(4500) { return content.prefix(4) == [0, 0, 0, 0] ? Array(content.dropFirst(4)) : nil }
        return ports.contains(500) ? content : nil
    }

    private static func little(_ bytes: [UInt8], _ offset: Int) -> Int {
        (0..<4).reduce(0) { $0 | Int(bytes[offset + $1]) << (8 * $1) }
    }
}
