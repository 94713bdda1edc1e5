import IKEMessage
import IPsecTypes

/// Bodies of SA payloads that no sound end would send.
enum Proposals {
    /// An SA payload with these proposals.
    static func body(_ proposals: [Proposal]) -> [UInt8] {
        RawPayload(.securityAssociation(SecurityAssociationPayload(proposals: proposals))).body
    }

    /// Reads a sound body, changes it, writes it again.
    static func changing(_ body: [UInt8], _ change: (inout [Proposal]) -> Void) -> [UInt8] {
        let chain = RawPayload.join([RawPayload(33, body)])
        guard let payloads = try? IKEMessage.parseChain(first: .securityAssociation, chain),
            case .securityAssociation(var payload)? = payloads.first
        else { return body }
        change(&payload.proposals)
        return Self.body(payload.proposals)
    }

    /// Replaces the transforms of one type in every proposal.
    static func replacing(_ type: TransformType, _ body: [UInt8], with transforms: [Transform]) -> [UInt8] {
        changing(body) { proposals in
            for index in proposals.indices {
                proposals[index].transforms.removeAll { $0.type == type }
                proposals[index].transforms += transforms
            }
        }
    }

    /// Sets the reserved octets of proposals and transforms.
    static func markingReserved(_ body: [UInt8]) -> [UInt8] {
        var body = body
        var offset = 0
        while offset + 8 <= body.count {
            body[offset + 1] = 0xFF
            let end = offset + length(body, offset)
            var transform = offset + 8 + Int(body[offset + 6])
            while transform + 8 <= end {
                body[transform + 1] = 0xFF
                body[transform + 5] = 0xFF
                transform += max(8, length(body, transform))
            }
            offset = max(end, offset + 8)
        }
        return body
    }

    private static func length(_ body: [UInt8], _ offset: Int) -> Int {
        Int(body[offset + 2]) << 8 | Int(body[offset + 3])
    }

    /// 64 proposals of 255 transforms, the first that would do at the very end.
    static func enormous(_ body: [UInt8]) -> [UInt8] {
        changing(body) { proposals in
            guard let good = proposals.first else { return }
            let junk = (0..<255).map { Transform(type: .encryption, id: UInt16(1024 + $0)) }
            proposals = (1...20).map {
                Proposal(number: $0, protocolID: good.protocolID, spi: good.spi, transforms: junk)
            }
        }
    }
}
