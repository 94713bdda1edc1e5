import IPsecTypes

/// What a message may contain at most. The defaults are those of the product; a peer's data never raises them.
public struct IKEMessageLimits: Hashable, Sendable {
    /// Octets of a message: what a UDP datagram or a TCP frame can hold.
    public var messageBytes = 65_536
    /// Payloads in one chain.
    public var payloads = 64
    /// Proposals in an SA payload; the field allows 255, no peer sends more than a few.
    public var proposals = 64
    /// Traffic selectors in one TS payload.
    public var trafficSelectors = 64
    /// Attributes in one Configuration payload.
    public var configurationAttributes = 256
    /// Fragments of one message (RFC 7383).
    public var fragments = 64

    /// The defaults.
    public init() {}

    /// Certificates of one chain: what an engine accepts of CERT payloads in one message.
    public static let certificates = 8
}

/// Why a message or a decrypted payload chain was refused.
public enum IKEMessageError: Error, Hashable, Sendable {
    /// The header is incomplete. Nothing can be answered.
    case header(ParseError)
    /// The major version is not 2 (RFC 7296 §2.5).
    case unsupportedVersion(major: UInt8)
    /// The header's length is not the length of the message.
    case lengthMismatch(declared: UInt32, actual: Int)
    /// The message is longer than allowed.
    case messageTooLong(Int)
    /// The chain has more payloads than allowed.
    case tooManyPayloads
    /// An unknown payload had the critical bit set (RFC 7296 §2.5); this is its type.
    case unsupportedCriticalPayload(UInt8)
    /// A payload, or the chain at the payload of this type, is malformed.
    case invalidSyntax(PayloadType, ParseError)

    /// The notification that RFC 7296 §2.21 names for this fault; nil where the message must be dropped silently. The
    /// caller decides whether it may answer at all.
    public var notification: NotifyPayload? {
        switch self {
        case .header, .lengthMismatch, .messageTooLong: nil
        case .unsupportedVersion(let major): major > 2 ? NotifyPayload(.invalidMajorVersion) : nil
        case .unsupportedCriticalPayload(let type): NotifyPayload(.unsupportedCriticalPayload, data: [type])
        case .tooManyPayloads, .invalidSyntax: NotifyPayload(.invalidSyntax)
        }
    }
}

/// A whole IKE message: header and payload chain. An Encrypted payload stays sealed; its content is read with
/// ``parseChain(first:_:limits:)-(_,Span<UInt8>,_)`` once it has been opened.
public struct IKEMessage: Hashable, Sendable {
    /// The header. Its first payload type and its length follow from the payloads when the message is written.
    public var header: IKEHeader
    /// The payloads in order.
    public var payloads: [Payload]

    /// Makes a message.
    public init(header: IKEHeader, payloads: [Payload]) {
        self.header = header
        self.payloads = payloads
    }

    /// Reads a message (without non-ESP marker or TCP length).
    public static func parse(
        _ bytes: Span<UInt8>,
        limits: IKEMessageLimits = IKEMessageLimits()
    ) throws(IKEMessageError) -> IKEMessage {
        guard bytes.count <= limits.messageBytes else { throw .messageTooLong(bytes.count) }
        var reader = WireReader(count: bytes.count)
        let header: IKEHeader
        do { header = try IKEHeader.parse(bytes, &reader) } catch { throw .header(error) }
        guard header.majorVersion == 2 else { throw .unsupportedVersion(major: header.majorVersion) }
        guard Int(exactly: header.length) == bytes.count else {
            throw .lengthMismatch(declared: header.length, actual: bytes.count)
        }
        let payloads = try PayloadChain.parse(header.nextPayload, bytes, reader, limits, encryptedAllowed: true)
        return IKEMessage(header: header, payloads: payloads)
    }

    /// Reads a message held in an array.
    public static func parse(
        _ bytes: [UInt8],
        limits: IKEMessageLimits = IKEMessageLimits()
    ) throws(IKEMessageError) -> IKEMessage {
        try parse(bytes.span, limits: limits)
    }

    /// Reads the decrypted content of an Encrypted payload, without padding, whose first payload has type `first`.
    /// Another Encrypted payload inside is a fault.
    public static func parseChain(
        first: PayloadType,
        _ bytes: Span<UInt8>,
        limits: IKEMessageLimits = IKEMessageLimits()
    ) throws(IKEMessageError) -> [Payload] {
        guard bytes.count <= limits.messageBytes else { throw .messageTooLong(bytes.count) }
        return try PayloadChain.parse(
            first,
            bytes,
            WireReader(count: bytes.count),
            limits,
            encryptedAllowed: false
        )
    }

    /// Reads decrypted content held in an array.
    public static func parseChain(
        first: PayloadType,
        _ bytes: [UInt8],
        limits: IKEMessageLimits = IKEMessageLimits()
    ) throws(IKEMessageError) -> [Payload] {
        try parseChain(first: first, bytes.span, limits: limits)
    }

    /// Writes the message. An Encrypted payload is written with the body it holds and must be the last.
    public func serialise() -> [UInt8] {
        var header = header
        header.nextPayload = payloads.first?.type ?? .none
        var writer = WireWriter(capacity: 512)
        header.write(into: &writer)
        PayloadChain.write(payloads, into: &writer)
        writer.patchUInt32(UInt32(writer.count), at: 24)
        return writer.bytes
    }

    /// Writes payloads as the content of an Encrypted payload, without padding.
    public static func serialiseChain(_ payloads: [Payload]) -> (first: PayloadType, bytes: [UInt8]) {
        var writer = WireWriter(capacity: 512)
        PayloadChain.write(payloads, into: &writer)
        return (payloads.first?.type ?? .none, writer.bytes)
    }

    /// The octets from the start of the message to the end of the Encrypted (Fragment) payload's header: what an AEAD
    /// authenticates besides the ciphertext (RFC 5282 §5.1, RFC 7383 §2.5) and what IV, ciphertext and ICV are appended
    /// to. `bodyLength` is the length of those three; all length fields are final.
    ///
    /// - Parameter solution: stands in clear before the Encrypted payload (RFC 8019 §7.2.2), and is authenticated with it.
    public static func encryptedPrefix(
        header: IKEHeader,
        first: PayloadType,
        fragment: (number: UInt16, total: UInt16)? = nil,
        solution: PuzzleSolutionPayload? = nil,
        bodyLength: Int
    ) -> [UInt8] {
        let payloadLength = (fragment == nil ? 4 : 8) + bodyLength
        precondition(bodyLength >= 0 && payloadLength <= 65_535, "an Encrypted payload has 16 bits of length")
        let solutionLength = solution?.wireLength ?? 0
        let sealedType: PayloadType = fragment == nil ? .encrypted : .encryptedFragment
        var header = header
        header.nextPayload = solution == nil ? sealedType : .puzzleSolution
        header.length = UInt32(IKEHeader.byteCount + solutionLength + payloadLength)
        var writer = WireWriter(capacity: IKEHeader.byteCount + solutionLength + payloadLength)
        header.write(into: &writer)
        if let solution {
            writer.writeUInt8(sealedType.rawValue)
            writer.writeUInt8(0)
            writer.writeUInt16(UInt16(solutionLength))
            solution.write(into: &writer)
        }
        writer.writeUInt8(first.rawValue)
        writer.writeUInt8(0)
        writer.writeUInt16(UInt16(payloadLength))
        if let fragment {
            writer.writeUInt16(fragment.number)
            writer.writeUInt16(fragment.total)
        }
        return writer.bytes
    }
}
