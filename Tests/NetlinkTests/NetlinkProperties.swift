import IPsecTypes

@testable import Netlink

/// What must hold for any octets whatever that come as a netlink datagram. The tests and the fuzz target share this file.
enum NetlinkProperties {
    /// Nothing traps, and what is split covers the datagram.
    static func violation(datagram bytes: [UInt8]) -> String? {
        guard let messages = try? NetlinkMessage.split(bytes.span) else {
            decodeAll(NetlinkMessage(type: 0, flags: 0, sequence: 0, body: bytes))
            return nil
        }
        let size = messages.reduce(0) { $0 + 16 + $1.body.count }
        guard size <= bytes.count, size + 4 * messages.count >= bytes.count else {
            return "messages and datagram differ"
        }
        for message in messages { decodeAll(message) }
        return nil
    }

    /// Every decoder of kernel answers, on a message with any body.
    static func decodeAll(_ message: NetlinkMessage) {
        _ = try? LinkInfo(message.body)
        _ = try? LinkCounters(message.body)
        _ = try? AddressInfo(message.body)
        _ = try? Route(message.body, acceptCloned: true)
        _ = try? RoutingRule(message.body)
        if let attributes = try? NetlinkAttributes(message.body, skipping: 4) {
            for (type, _) in attributes.all {
                _ = attributes.text(type)
                _ = try? attributes.number(type)
                _ = try? attributes.address(type)
                _ = try? attributes.nest(type)
            }
        }
        for (type, flags) in [(NetlinkCode.error, UInt16(0x200)), (NetlinkCode.error, 0x300), (NetlinkCode.done, 0)] {
            let answer = NetlinkMessage(type: type, flags: flags, sequence: 1, body: message.body)
            try? NetlinkSocket.checkError(answer, "test")
        }
    }
}
