import IKEMessage
import IPsecTypes

/// The fragments of one message (RFC 7383 §2.6), already decrypted.
struct Reassembly {
    let messageID: UInt32
    private(set) var total: Int
    private var parts: [Int: [UInt8]] = [:]
    private var byteCount = 0
    private var first: PayloadType = .none
    private(set) var tag: [UInt8] = []
    /// The start of the first fragment: IKE header and generic header.
    var head: [UInt8] = []

    /// The longest datagram of its fragments so far.
    private var longest = 0

    /// What came of a message that will not be whole.
    func partial(isResponse: Bool) -> PeerSilence.Partial {
        PeerSilence.Partial(received: parts.count, total: total, longest: longest, isResponse: isResponse)
    }

    /// Notes how long a datagram was that brought one.
    mutating func note(datagramLength: Int) { longest = max(longest, datagramLength) }

    /// What an added fragment led to.
    enum Outcome {
        case incomplete
        case complete(first: PayloadType, bytes: [UInt8], tag: [UInt8])
        case refused
    }

    init(messageID: UInt32, total: Int) {
        self.messageID = messageID
        self.total = total
    }

    /// Adds an authenticated fragment.
    mutating func add(
        _ number: Int,
        of total: Int,
        _ bytes: [UInt8],
        first: PayloadType,
        tag: [UInt8],
        limit: Int
    ) -> Outcome {
        // > the sender has fragmented the message into smaller pieces: discard the fragments with the old total
        if total > self.total { self = Reassembly(messageID: messageID, total: total) }
        guard total == self.total, parts[number] == nil else { return .incomplete }
        guard byteCount + bytes.count <= limit else { return .refused }
        byteCount += bytes.count
        parts[number] = bytes
        if number == 1 {
            self.first = first
            self.tag = tag
        }
        guard parts.count == total else { return .incomplete }
        var whole: [UInt8] = []
        whole.reserveCapacity(byteCount)
        for index in 1...total { whole += parts[index] ?? [] }
        return .complete(first: self.first, bytes: whole, tag: self.tag)
    }
}
