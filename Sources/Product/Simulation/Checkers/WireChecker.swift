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
        guard let sealed = Self.sealedPart(header, bytes) else { return nil }
        var fragment: UInt16 = 0
        if sealed.type == .encryptedFragment {
            guard bytes.count > sealed.offset + 6 else { return "short fragment" }
            fragment = UInt16(bytes[sealed.offset + 4]) << 8 | UInt16(bytes[sealed.offset + 5])
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
        // IKE_SA_INIT had 0, where it came before.
        let isSetup = header.exchangeType == .ikeAuth || header.exchangeType == .ikeIntermediate
        let expected: UInt32 = window.highest.map { $0 + 1 } ?? (isSetup ? 1 : 0)
        let previous = window.highest
        window.highest = header.messageID
        guard header.messageID == expected else { return "\(describe(header)): expected Message ID \(expected)" }
        guard previous == window.answered else { return "\(describe(header)): the request before is not answered" }
        return nil
    }

    /// The SK or SKF payload of a message: the first one, or behind the solution of a puzzle (RFC 8019 §7.2.2).
    static func sealedPart(_ header: IKEHeader, _ bytes: [UInt8]) -> (type: PayloadType, offset: Int)? {
        var (type, offset) = (header.nextPayload, IKEHeader.byteCount)
        if type == .puzzleSolution, bytes.count > offset + 4 {
            type = PayloadType(rawValue: bytes[offset])
            offset += Int(bytes[offset + 2]) << 8 | Int(bytes[offset + 3])
        }
        return type == .encrypted || type == .encryptedFragment ? (type, offset) : nil
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
