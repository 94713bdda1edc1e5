public import IPsecTypes

/// Why a packet was not opened.
public enum OpenFault: Error, Hashable, Sendable, CaseIterable {
    /// Too short, or not a whole number of cipher blocks.
    case malformed
    /// Seen before or left of the window.
    case replayed
    /// The integrity check failed.
    case notAuthentic
    /// Authentic, but its padding is longer than its payload.
    case badTrailer
}

/// Where an opened packet lies.
public struct OpenedPacket: Hashable, Sendable {
    /// The offset of the payload, counted from the SPI.
    public var offset: Int
    /// The payload's length without padding, pad length and next header; TFC padding is still part of it.
    public var length: Int
    /// What the payload is: 4 IPv4, 41 IPv6, 59 a dummy; in transport mode any next layer protocol.
    public var nextHeader: UInt8
    /// The whole sequence number.
    public var sequence: UInt64
    /// Whether no authentic packet had a higher number before.
    public var isNewest: Bool
}

/// The receiving side of an ESP SA in either mode (RFC 4303 §3.4). One worker owns it.
public struct InboundSA: ~Copyable {
    /// ESP's next header value for a dummy packet (RFC 4303 §2.6).
    public static let dummy: UInt8 = 59

    /// The SPI the peer writes.
    public let spi: SPI
    private let cipher: ESPCipher
    private var window: ReplayWindow

    /// Makes the SA. `highestSequence` is above 0 only when an SA is taken over.
    public init(
        spi: SPI,
        suite: ESPSuite,
        keys: ESPKeys,
        replayWindow: Int,
        highestSequence: UInt64 = 0
    ) throws(ESPSetupError) {
        self.spi = spi
        cipher = try ESPCipher(suite, keys, sealing: false)
        window = ReplayWindow(size: replayWindow, extended: suite.extendedSequenceNumbers, highest: highestSequence)
    }

    /// The highest sequence number authenticated so far.
    public var highestSequence: UInt64 { window.highest }

    /// Opens the ESP packet that fills `packet` in place. Nothing changes for the SA unless the packet is authentic.
    public mutating func open(_ packet: PacketBytes) throws(OpenFault) -> OpenedPacket {
        let head = 8 &+ cipher.ivLength
        let textLength = packet.count &- head &- cipher.icvLength
        // The text holds at least pad length and next header, and is aligned (RFC 4303 §2.4). Only the cipher's own block
        // is enforced: peers that pad an AEAD's text less than RFC 4303 asks harm nobody.
        guard textLength >= 2, cipher.alignment <= 4 || textLength % cipher.alignment == 0,
            let low = packet.uint32(at: 4)
        else { throw .malformed }
        guard let sequence = window.candidate(low) else { throw .replayed }
        guard cipher.open(packet, sequence: sequence) else { throw .notAuthentic }
        let isNewest = sequence > window.highest
        guard window.accept(sequence) else { throw .replayed }
        guard let padding = packet.uint8(at: head &+ textLength &- 2),
            let nextHeader = packet.uint8(at: head &+ textLength &- 1), Int(padding) &+ 2 <= textLength
        else { throw .badTrailer }
        return OpenedPacket(
            offset: head,
            length: textLength &- 2 &- Int(padding),
            nextHeader: nextHeader,
            sequence: sequence,
            isNewest: isNewest
        )
    }
}
