import IKEMessage
import IPsecTypes

/// Turns configured proposals into those of an SA payload (RFC 7296 §3.3).
enum ProposalBuilder {
    static func ike(_ proposals: [IKEProposal], spi: IKESPI? = nil) -> [Proposal] {
        var bytes = WireWriter(capacity: 8)
        if let spi { bytes.writeUInt64(spi.rawValue) }
        return numbered(proposals) { number, proposal in
            var transforms = proposal.ciphers.map { Transform.encryption($0.algorithm, keyBits: $0.keyBits) }
            transforms += proposal.prfs.map { .prf($0) }
            transforms += proposal.integrities.map { .integrity($0) }
            transforms += proposal.keyExchanges.map { .keyExchange($0) }
            transforms += Transform.additionalKeyExchanges(proposal.additionalKeyExchanges)
            return Proposal(number: number, protocolID: .ike, spi: bytes.bytes, transforms: transforms)
        }
    }

    /// Key exchange methods are left out in IKE_AUTH, which has no KE payload (RFC 7296 §1.2).
    static func esp(_ proposals: [ESPProposal], spi: SPI, withKeyExchange: Bool) -> [Proposal] {
        var bytes = WireWriter(capacity: 4)
        bytes.writeUInt32(spi.rawValue)
        return numbered(withKeyExchange ? proposals : withoutKeyExchanges(proposals)) { number, proposal in
            var transforms = proposal.ciphers.map { Transform.encryption($0.algorithm, keyBits: $0.keyBits) }
            transforms += proposal.integrities.map { .integrity($0) }
            if withKeyExchange {
                transforms += proposal.keyExchanges.map { .keyExchange($0) }
                transforms += Transform.additionalKeyExchanges(proposal.additionalKeyExchanges)
            }
            transforms += proposal.extendedSequenceNumbers.map { .extendedSequenceNumbers($0) }
            return Proposal(number: number, protocolID: .esp, spi: bytes.bytes, transforms: transforms)
        }
    }

    /// Without key exchanges some proposals are the same: each is offered once.
    private static func withoutKeyExchanges(_ proposals: [ESPProposal]) -> [ESPProposal] {
        var kept: [ESPProposal] = []
        for var proposal in proposals {
            proposal.keyExchanges = []
            proposal.additionalKeyExchanges = []
            if !kept.contains(proposal) { kept.append(proposal) }
        }
        return kept
    }

    private static func numbered<Configured>(
        _ proposals: [Configured],
        _ make: (UInt8, Configured) -> Proposal
    ) -> [Proposal] {
        proposals.prefix(255).enumerated().map { make(UInt8($0.offset + 1), $0.element) }
    }
}

/// Proposals as people read them.
enum ProposalText {
    /// Transforms that are named; no honest proposal has more.
    private static let longest = 32

    static func describe(_ proposal: Proposal) -> String {
        let parts = proposal.transforms.prefix(longest).map { transform -> String in
            let id = transform.id
            let name =
                switch transform.type {
                case .encryption:
                    EncryptionAlgorithm(rawValue: id).description + (transform.keyLength.map { "-\($0)" } ?? "")
                case .prf: PRFAlgorithm(rawValue: id).description
                case .integrity: IntegrityAlgorithm(rawValue: id).description
                case .keyExchange: KeyExchangeMethod(rawValue: id).description
                case .sequenceNumbers: id == 1 ? "esn" : "no-esn"
                case let type where TransformType.additionalKeyExchanges.contains(type):
                    "\(type)=\(KeyExchangeMethod(rawValue: id))"
                default: "\(transform.type)=\(id)"
                }
            return name
        }
        return "\(proposal.protocolID): " + parts.joined(separator: " ")
    }

    static func describe(_ proposal: IKEProposal) -> String {
        describe(ProposalBuilder.ike([proposal])[0])
    }

    static func describe(_ proposal: ESPProposal) -> String {
        describe(ProposalBuilder.esp([proposal], spi: SPI(0), withKeyExchange: true)[0])
    }
}
