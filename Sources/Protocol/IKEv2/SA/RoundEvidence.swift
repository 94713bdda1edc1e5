import IKEMessage
import IPsecTypes

/// One round by which a peer proved itself, as tickets carry it (RFC 5723 §5): enough to look at it again at the return.
struct RoundEvidence: Hashable, Sendable {
    /// How it was proved.
    enum Proof: UInt8, Sendable {
        case certificate
        case sharedKey
        case eap
    }

    /// Facts of a round that are carried, and the octets of each.
    private static let factLimit = 8
    private static let textLimit = 255

    var proof: Proof
    /// RestOfIDPayload of the identity that was proved, which with EAP need not be IDi (RFC 5723 §5, note 1).
    var identity: [UInt8]
    /// The certificates that proved it.
    var certificates: [[UInt8]] = []
    /// Whom EAP proved.
    var eap: EAPIdentity?
    /// What the driver knew of the peer.
    var facts: [String: String] = [:]
    /// The end of what proved it.
    var notAfter: WallTime?

    /// What a round that has passed leaves behind.
    init(_ round: AuthenticatedRound, _ authentication: RemoteAuthentication, _ certificates: [[UInt8]]) {
        proof = Proof(authentication)
        identity = round.identity.payload.restOfPayload
        switch proof {
        case .certificate: self.certificates = certificates
        case .sharedKey: break
        case .eap:
            eap = round.verified.eap
            facts = round.verified.attributes
            notAfter = round.verified.notAfter
        }
    }

    /// The identity.
    var provedIdentity: Identity? {
        guard identity.count > 4 else { return nil }
        let payload = IdentificationPayload(
            type: IdentificationType(rawValue: identity[0]),
            data: Array(identity.dropFirst(4))
        )
        return try? Identity(payload)
    }

    /// Writes the round; false when something in it is too long.
    func write(into writer: inout WireWriter) -> Bool {
        guard identity.count <= TicketContent.limit, certificates.count <= Self.factLimit, facts.count <= Self.factLimit
        else { return false }
        writer.writeUInt8(proof.rawValue)
        writer.writeSized(identity)
        writer.writeUInt8(UInt8(clamping: certificates.count))
        for certificate in certificates {
            guard certificate.count <= TicketContent.limit else { return false }
            writer.writeSized(certificate)
        }
        guard proof == .eap else { return true }
        guard let eap else { return false }
        writer.writeUInt8(eap.isMutual ? 1 : 0)
        writer.writeUInt8(notAfter == nil ? 0 : 1)
        writer.writeUInt64(UInt64(bitPattern: notAfter?.secondsSinceEpoch ?? 0))
        let pairs = facts.sorted { $0.key < $1.key }.flatMap { [$0.key, $0.value] }
        let texts = [eap.name, eap.method] + pairs + eap.groups
        writer.writeUInt8(UInt8(clamping: facts.count))
        guard texts.count <= Int(UInt8.max) else { return false }
        writer.writeUInt8(UInt8(clamping: texts.count))
        for text in texts {
            guard text.utf8.count <= Self.textLimit else { return false }
            writer.writeSized(Array(text.utf8))
        }
        return true
    }

    /// Reads what ``write(into:)`` wrote.
    init(_ bytes: Span<UInt8>, _ reader: inout WireReader) throws(ParseError) {
        guard let proof = Proof(rawValue: try reader.readUInt8(bytes)) else { throw .badValue }
        self.proof = proof
        identity = try TicketContent.sized(bytes, &reader)
        for _ in 0..<(try reader.readUInt8(bytes)) { certificates.append(try TicketContent.sized(bytes, &reader)) }
        guard proof == .eap else { return }
        let isMutual = try reader.readUInt8(bytes) == 1
        let ends = try reader.readUInt8(bytes) == 1
        let end = WallTime(secondsSinceEpoch: Int64(bitPattern: try reader.readUInt64(bytes)))
        notAfter = ends ? end : nil
        let pairs = Int(try reader.readUInt8(bytes))
        var texts: [String] = []
        for _ in 0..<(try reader.readUInt8(bytes)) {
            texts.append(String(decoding: try TicketContent.sized(bytes, &reader), as: UTF8.self))
        }
        guard texts.count >= 2 + 2 * pairs, pairs <= Self.factLimit else { throw .badValue }
        for index in 0..<pairs { facts[texts[2 + 2 * index]] = texts[3 + 2 * index] }
        let groups = Array(texts.dropFirst(2 + 2 * pairs))
        eap = EAPIdentity(name: texts[0], method: texts[1], isMutual: isMutual, groups: groups)
    }
}

extension RoundEvidence.Proof {
    init(_ authentication: RemoteAuthentication) {
        switch authentication {
        case .certificate: self = .certificate
        case .preSharedKey: self = .sharedKey
        case .eap: self = .eap
        }
    }
}

extension WireWriter {
    /// Two octets of length, then the octets.
    mutating func writeSized(_ bytes: [UInt8]) {
        writeUInt16(UInt16(clamping: bytes.count))
        writeBytes(bytes)
    }
}

extension ConnectionConfiguration {
    /// How the peer proves itself, round by round.
    var proofs: [RoundEvidence.Proof] { remoteRounds.map { RoundEvidence.Proof($0.authentication) } }
}
