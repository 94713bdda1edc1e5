/// Cuts TLS messages into fragments and puts the other side's together (RFC 5216 §2.1.5): at most one message in each
/// direction, each fragment acknowledged before the next.
public struct TLSMessageChannel: Sendable {
    /// What a fragment of the other side's amounted to.
    public enum Received: Hashable, Sendable {
        /// A fragment with more to come: acknowledge it.
        case part
        /// Our last fragment was acknowledged, and there is another to send.
        case wantsNext
        /// The other side has nothing to say: it acknowledged the last fragment of a message of ours, or waits for one.
        case nothing
        /// A whole message.
        case message([UInt8])
    }

    /// Octets of a fragment, its flags and length not counted.
    private let fragmentSize: Int
    private var incoming: [UInt8] = []
    private var expected: Int?
    private var outgoing: ArraySlice<UInt8> = []
    private var isCutting = false

    /// Makes a channel whose EAP packets have at most `packetSize` octets.
    public init(packetSize: Int) {
        let size = min(max(packetSize, EAPLimits.fragment.lowerBound), EAPLimits.fragment.upperBound)
        // The EAP header with its type, the flags and the length.
        fragmentSize = size &- 10
    }

    /// Whether octets of ours are left to send.
    public var hasOutput: Bool { !outgoing.isEmpty }

    /// Adds to the message that is to be sent.
    public mutating func queue(_ message: [UInt8]) {
        outgoing.append(contentsOf: message)
    }

    /// The next fragment, or an acknowledgement when there is nothing to send.
    public mutating func next() -> TLSFragment {
        let isFirst = !isCutting
        let total = UInt32(clamping: outgoing.count)
        let part = Array(outgoing.prefix(fragmentSize))
        outgoing = outgoing.dropFirst(fragmentSize)
        isCutting = !outgoing.isEmpty
        // The length stands in the first of several fragments (RFC 5216 §3.1); whole messages need none.
        return TLSFragment(part, messageLength: isFirst && isCutting ? total : nil, hasMore: isCutting)
    }

    /// Takes a fragment.
    public mutating func receive(_ fragment: TLSFragment) throws(EAPFailure) -> Received {
        if hasOutput {
            guard fragment.isAcknowledgement else {
                throw .unexpected("TLS data while a fragment waits for its acknowledgement")
            }
            return .wantsNext
        }
        if fragment.isAcknowledgement && expected == nil { return .nothing }
        // A fragment that brings nothing would let a peer go on for ever.
        guard !fragment.data.isEmpty else { throw .unexpected("an empty TLS fragment") }
        if let length = fragment.messageLength {
            guard let length = Int(exactly: length), length <= EAPLimits.tlsMessage else {
                throw .tooLarge(what: "a TLS message", count: Int(clamping: length), limit: EAPLimits.tlsMessage)
            }
            guard expected == nil || expected == length else { throw .unexpected("another TLS message length") }
            expected = length
        }
        // RFC 5216 §3.1: the first of several fragments carries the length.
        if fragment.hasMore && expected == nil { throw .unexpected("a first TLS fragment without length") }
        incoming += fragment.data
        if let expected {
            guard incoming.count <= expected, fragment.hasMore || incoming.count == expected else {
                throw .unexpected("a TLS message of another length than announced")
            }
        }
        if fragment.hasMore { return .part }
        let message = incoming
        incoming = []
        expected = nil
        return .message(message)
    }
}
