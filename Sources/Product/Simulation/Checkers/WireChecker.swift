import IKEMessage
import IPsecTypes

/// Watches the Message IDs that a host sends (RFC 7296 §2.1, §2.3): one request at a time, numbers without gaps, and
/// retransmissions that equal their originals bit by bit.
struct WireChecker {
    private struct Direction: Hashable {
        var initiatorSPI: IKESPI
        var responderSPI: IKESPI
        /// Whether the requester is the original initiator.
        var byInitiator: Bool
    }

    private struct Message: Hashable {
        var direction: Direction
        var isResponse: Bool
        var id: UInt32
        var fragment: UInt16
    }

    private struct Window {
        var highest: UInt32?
        var answered: UInt32?
    }

    private var windows: [Direction: Window] = [:]
    private var originals: [Message: UInt64] = [:]
    private(set) var fragments = 0
    private(set) var exchanges: [UInt8: Int] = [:]

    /// Looks at a message that is about to be sent; returns what is wrong with it.
    mutating func sent(_ bytes: [UInt8]) -> String? {
        guard let header = try? IKEHeader.parse(bytes.span) else { return "malformed header" }
        let isResponse = header.flags.contains(.response)
        let fromInitiator = header.flags.contains(.initiator)
        let direction = Direction(
            initiatorSPI: header.initiatorSPI,
            responderSPI: header.responderSPI,
            byInitiator: fromInitiator != isResponse
        )
        guard header.nextPayload == .encrypted || header.nextPayload == .encryptedFragment else { return nil }
        var fragment: UInt16 = 0
        if header.nextPayload == .encryptedFragment {
            guard bytes.count > IKEHeader.byteCount + 6 else { return "short fragment" }
            fragment = UInt16(bytes[IKEHeader.byteCount + 4]) << 8 | UInt16(bytes[IKEHeader.byteCount + 5])
            fragments += 1
        }
        let message = Message(direction: direction, isResponse: isResponse, id: header.messageID, fragment: fragment)
        let digest = Digest.of(bytes)
        if let original = originals[message] {
            return original == digest ? nil : "\(describe(header)) differs from its original"
        }
        originals[message] = digest
        return isResponse ? nil : opened(header, direction)
    }

    private mutating func opened(_ header: IKEHeader, _ direction: Direction) -> String? {
        var window = windows[direction] ?? Window()
        defer { windows[direction] = window }
        if header.messageID == window.highest { return nil }
        exchanges[header.exchangeType.rawValue, default: 0] += 1
        let expected: UInt32 = window.highest.map { $0 + 1 } ?? (header.exchangeType == .ikeAuth ? 1 : 0)
        let previous = window.highest
        window.highest = header.messageID
        guard header.messageID == expected else { return "\(describe(header)): expected Message ID \(expected)" }
        guard previous == window.answered else { return "\(describe(header)): the request before is not answered" }
        return nil
    }

    /// Looks at a genuine message that arrives.
    mutating func received(_ bytes: [UInt8]) {
        guard let header = try? IKEHeader.parse(bytes.span), header.flags.contains(.response),
            header.nextPayload == .encrypted || header.nextPayload == .encryptedFragment
        else { return }
        let direction = Direction(
            initiatorSPI: header.initiatorSPI,
            responderSPI: header.responderSPI,
            byInitiator: !header.flags.contains(.initiator)
        )
        guard windows[direction]?.highest == header.messageID else { return }
        windows[direction]?.answered = header.messageID
    }

    private func describe(_ header: IKEHeader) -> String {
        "\(header.exchangeType) \(header.flags) \(header.messageID) of \(header.initiatorSPI)"
    }
}
