import IKECrypto
import IKEMessage
import IPsecTypes

/// The state inside a ticket by value (RFC 5723 §5, §6.1), as its maker reads it:
///
///     version, number, issued, expires, ends, suite, connection, IDi, IDr, PPK, note, SK_d, addresses, rounds
struct TicketContent: Sendable {
    private static let version: UInt8 = 2
    /// Octets of a ticket's number.
    static let numberLength = 16
    /// Certificates and texts together; what is longer gets no ticket, because IKE_SESSION_RESUME cannot be fragmented.
    static let limit = 3072
    /// Rounds of authentication.
    private static let roundLimit = 8

    var number: [UInt8]
    var issued: WallTime
    var expires: WallTime
    /// The end of certificate, lease or authentication, whichever comes first.
    var ends: WallTime?
    var connection: String
    /// RestOfIDPayload of both.
    var initiator: [UInt8]
    var responder: [UInt8]
    var suite: IKESuite
    var skD: SecretBytes
    /// The name of the post-quantum pre-shared key that went into SK_d (RFC 8784); empty for none.
    var ppk: [UInt8] = []
    /// What the driver wants to be told at the return.
    var note: [UInt8] = []
    /// The inner addresses, which may be given again (RFC 5723 §5, note 5).
    var addresses: [IPAddress] = []
    /// How the initiator proved itself, in order.
    var rounds: [RoundEvidence]

    /// The octets to be sealed; nil when they are too many. The caller wipes them.
    func encoded() -> [UInt8]? {
        var writer = WireWriter(capacity: 1024)
        writer.writeUInt8(Self.version)
        writer.writeBytes(number)
        writer.writeUInt64(UInt64(bitPattern: issued.secondsSinceEpoch))
        writer.writeUInt64(UInt64(bitPattern: expires.secondsSinceEpoch))
        writer.writeUInt8(ends == nil ? 0 : 1)
        writer.writeUInt64(UInt64(bitPattern: ends?.secondsSinceEpoch ?? 0))
        writer.writeUInt16(suite.encryption.rawValue)
        writer.writeUInt16(UInt16(clamping: suite.keyBits))
        writer.writeUInt16(suite.prf.rawValue)
        writer.writeUInt16(suite.integrity.rawValue)
        writer.writeUInt8(UInt8(clamping: suite.allKeyExchanges.count))
        for method in suite.allKeyExchanges { writer.writeUInt16(method.rawValue) }
        for text in [Array(connection.utf8), initiator, responder, ppk, note] {
            guard text.count <= Self.limit else { return nil }
            writer.writeSized(text)
        }
        writer.writeUInt16(UInt16(clamping: skD.count))
        skD.withUnsafeBytes { writer.writeBytes($0) }
        guard addresses.count <= 2, rounds.count <= Self.roundLimit else { return nil }
        writer.writeUInt8(UInt8(clamping: addresses.count))
        for address in addresses { writer.writeSized(address.bytes) }
        writer.writeUInt8(UInt8(clamping: rounds.count))
        for round in rounds where !round.write(into: &writer) { return nil }
        return writer.count <= Self.limit ? writer.bytes : nil
    }

    /// Reads what ``encoded()`` wrote. Sealed octets are our own, yet maybe of another version.
    static func decode(_ bytes: Span<UInt8>) throws(ParseError) -> TicketContent {
        var reader = WireReader(count: bytes.count)
        guard try reader.readUInt8(bytes) == version else { throw .badValue }
        let number = try reader.readBytes(bytes, count: numberLength)
        let issued = try time(bytes, &reader)
        let expires = try time(bytes, &reader)
        let hasEnd = try reader.readUInt8(bytes) == 1
        let end = try time(bytes, &reader)
        var suite = IKESuite(
            encryption: EncryptionAlgorithm(rawValue: try reader.readUInt16(bytes)),
            keyBits: Int(try reader.readUInt16(bytes)),
            prf: PRFAlgorithm(rawValue: try reader.readUInt16(bytes)),
            integrity: IntegrityAlgorithm(rawValue: try reader.readUInt16(bytes)),
            keyExchange: .none
        )
        var methods: [KeyExchangeMethod] = []
        for _ in 0..<(try reader.readUInt8(bytes)) {
            methods.append(KeyExchangeMethod(rawValue: try reader.readUInt16(bytes)))
        }
        guard let method = methods.first, methods.count <= 8 else { throw .badValue }
        suite.keyExchange = method
        suite.additionalKeyExchanges = Array(methods.dropFirst())
        let connection = try sized(bytes, &reader)
        let initiator = try sized(bytes, &reader)
        let responder = try sized(bytes, &reader)
        let ppk = try sized(bytes, &reader)
        let note = try sized(bytes, &reader)
        let skD = SecretBytes(try sized(bytes, &reader))
        var addresses: [IPAddress] = []
        for _ in 0..<(try reader.readUInt8(bytes)) {
            guard let address = IPAddress(bytes: try sized(bytes, &reader)) else { throw .badValue }
            addresses.append(address)
        }
        var rounds: [RoundEvidence] = []
        for _ in 0..<(try reader.readUInt8(bytes)) { rounds.append(try RoundEvidence(bytes, &reader)) }
        guard !rounds.isEmpty, rounds.count <= roundLimit else { throw .badValue }
        try reader.expectEnd()
        return TicketContent(
            number: number,
            issued: issued,
            expires: expires,
            ends: hasEnd ? end : nil,
            connection: String(decoding: connection, as: UTF8.self),
            initiator: initiator,
            responder: responder,
            suite: suite,
            skD: skD,
            ppk: ppk,
            note: note,
            addresses: addresses,
            rounds: rounds
        )
    }

    private static func time(_ bytes: Span<UInt8>, _ reader: inout WireReader) throws(ParseError) -> WallTime {
        WallTime(secondsSinceEpoch: Int64(bitPattern: try reader.readUInt64(bytes)))
    }

    static func sized(_ bytes: Span<UInt8>, _ reader: inout WireReader) throws(ParseError) -> [UInt8] {
        let count = Int(try reader.readUInt16(bytes))
        guard count <= limit else { throw .limitExceeded }
        return try reader.readBytes(bytes, count: count)
    }
}
