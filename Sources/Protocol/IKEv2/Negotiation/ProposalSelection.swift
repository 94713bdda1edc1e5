import IKEMessage
import IPsecTypes

/// The responder's choice of a proposal, and the initiator's check of it (RFC 7296 §2.7, §3.3.6). Why nothing fits is
/// data.
enum ProposalSelection {
    /// A selected IKE proposal: the suite, and the proposal to answer with.
    struct IKEChoice {
        var suite: IKESuite
        var proposal: Proposal
    }

    /// A selected ESP proposal.
    struct ESPChoice {
        var suite: ESPSuite
        var proposal: Proposal
    }

    /// Whether an ESP proposal is about keys of its own.
    enum KeyExchangeRule {
        /// IKE_AUTH: no KE payload, so methods do not count.
        case ignored
        /// CREATE_CHILD_SA, with the method of the peer's KE payload.
        case negotiated(sent: KeyExchangeMethod?)
    }

    /// Our order decides among the peer's alternatives; only for the key exchange the method it sent a value for goes
    /// first if we accept it, which saves a round trip.
    ///
    /// - Parameter withAdditional: whether additional key exchanges can follow. In IKE_SA_INIT that takes a peer that speaks
    ///   IKE_INTERMEDIATE; without it a proposal with such a transform is skipped (RFC 9370 §2.2.1).
    static func selectIKE(
        offered: [Proposal],
        accepted: [IKEProposal],
        sent: KeyExchangeMethod?,
        withAdditional: Bool = true
    ) -> Result<IKEChoice, ProposalMismatchError> {
        var reasons: [String] = []
        for (index, ours) in accepted.enumerated() {
            for theirs in offered where theirs.protocolID == .ike {
                var match = TransformMatch(
                    theirs,
                    known: [.encryption, .prf, .integrity, .keyExchange],
                    withAdditional: withAdditional
                )
                let cipher = match.cipher(ours.ciphers, ours.integrities)
                let prf = match.one(.prf, ours.prfs.map(\.rawValue))
                let method = match.one(.keyExchange, ours.keyExchanges.map(\.rawValue), preferring: sent?.rawValue)
                let additional = match.additional(ours.additionalKeyExchanges, after: method)
                guard let cipher, let prf, let method, method != 0, match.failures.isEmpty else {
                    reasons.append(match.reason(index))
                    continue
                }
                let suite = IKESuite(
                    encryption: cipher.choice.algorithm,
                    keyBits: cipher.choice.keyBits,
                    prf: PRFAlgorithm(rawValue: prf),
                    integrity: cipher.integrity,
                    keyExchange: KeyExchangeMethod(rawValue: method),
                    additionalKeyExchanges: additional
                )
                return .success(IKEChoice(suite: suite, proposal: match.answer))
            }
        }
        return .failure(
            ProposalMismatchError(offered, accepted.map(ProposalText.describe), reasons, protocolID: .ike)
        )
    }

    static func selectESP(
        offered: [Proposal],
        accepted: [ESPProposal],
        keyExchange: KeyExchangeRule
    ) -> Result<ESPChoice, ProposalMismatchError> {
        var reasons: [String] = []
        for (index, ours) in accepted.enumerated() {
            for theirs in offered where theirs.protocolID == .esp && theirs.childSPI?.isUsable == true {
                var match = TransformMatch(
                    theirs,
                    known: [.encryption, .integrity, .keyExchange, .sequenceNumbers],
                    withAdditional: true
                )
                let cipher = match.cipher(ours.ciphers, ours.integrities)
                let method = match.keyExchange(ours.keyExchanges, keyExchange)
                var additional: [KeyExchangeMethod] = []
                if case .negotiated = keyExchange {
                    additional = match.additional(ours.additionalKeyExchanges, after: method?.rawValue)
                }
                let extended = match.sequenceNumbers(ours.extendedSequenceNumbers)
                guard let cipher, let method, let extended, match.failures.isEmpty else {
                    reasons.append(match.reason(index))
                    continue
                }
                let suite = ESPSuite(
                    encryption: cipher.choice.algorithm,
                    keyBits: cipher.choice.keyBits,
                    integrity: cipher.integrity,
                    extendedSequenceNumbers: extended,
                    keyExchange: method == .none ? nil : method,
                    additionalKeyExchanges: additional
                )
                return .success(ESPChoice(suite: suite, proposal: match.answer))
            }
        }
        return .failure(
            ProposalMismatchError(offered, accepted.map(ProposalText.describe), reasons, protocolID: .esp)
        )
    }

    /// The suite of an answer to our IKE proposals; nil when it is not one of what we offered.
    ///
    /// - Parameter withAdditional: false when the peer does not speak IKE_INTERMEDIATE: it must then choose none.
    static func acceptIKE(
        _ answer: SecurityAssociationPayload?,
        offered: [Proposal],
        withAdditional: Bool = true
    ) -> IKESuite? {
        guard let proposal = single(answer, .ike, offered),
            let cipher = proposal.transforms(.encryption).first,
            let prf = proposal.transforms(.prf).first,
            let method = proposal.transforms(.keyExchange).first,
            let additional = additional(proposal), withAdditional || additional.isEmpty
        else { return nil }
        let algorithm = EncryptionAlgorithm(rawValue: cipher.id)
        let integrity = IntegrityAlgorithm(rawValue: proposal.transforms(.integrity).first?.id ?? 0)
        guard algorithm.isAEAD == (integrity == .none) else { return nil }
        return IKESuite(
            encryption: algorithm,
            keyBits: cipher.keyLength ?? 256,
            prf: PRFAlgorithm(rawValue: prf.id),
            integrity: integrity,
            keyExchange: KeyExchangeMethod(rawValue: method.id),
            additionalKeyExchanges: additional
        )
    }

    /// The additional key exchanges that an answer names; nil when it names a method twice, which is an error of the
    /// responder's (RFC 9370 §2.2.1), or additional ones without a first.
    private static func additional(_ proposal: Proposal) -> [KeyExchangeMethod]? {
        let methods = TransformType.additionalKeyExchanges.flatMap(proposal.transforms)
            .map { KeyExchangeMethod(rawValue: $0.id) }
            .filter { $0 != .none }
        let first = proposal.transforms(.keyExchange).map { KeyExchangeMethod(rawValue: $0.id) }.filter { $0 != .none }
        guard Set(methods + first).count == methods.count + first.count, methods.isEmpty || !first.isEmpty else {
            return nil
        }
        return methods
    }

    /// The suite of an answer to our ESP proposals, and the peer's SPI.
    static func acceptESP(_ answer: SecurityAssociationPayload?, offered: [Proposal]) -> (ESPSuite, SPI, Proposal)? {
        guard let proposal = single(answer, .esp, offered), let spi = proposal.childSPI, spi.isUsable,
            let cipher = proposal.transforms(.encryption).first, let additional = additional(proposal)
        else { return nil }
        let algorithm = EncryptionAlgorithm(rawValue: cipher.id)
        let integrity = IntegrityAlgorithm(rawValue: proposal.transforms(.integrity).first?.id ?? 0)
        guard algorithm.isAEAD == (integrity == .none) else { return nil }
        let method = proposal.transforms(.keyExchange).first?.id ?? 0
        let suite = ESPSuite(
            encryption: algorithm,
            keyBits: cipher.keyLength ?? 256,
            integrity: integrity,
            extendedSequenceNumbers: proposal.transforms(.sequenceNumbers).first?.id == 1,
            keyExchange: method == 0 ? nil : KeyExchangeMethod(rawValue: method),
            additionalKeyExchanges: additional
        )
        return (suite, spi, proposal)
    }

    /// One proposal that we offered, with one transform of each type we offered it with and no other.
    private static func single(
        _ answer: SecurityAssociationPayload?,
        _ protocolID: ProtocolID,
        _ offered: [Proposal]
    ) -> Proposal? {
        guard let answer, answer.proposals.count == 1, let chosen = answer.proposals.first,
            chosen.protocolID == protocolID,
            let ours = offered.first(where: { $0.number == chosen.number }),
            chosen.transforms.allSatisfy(ours.transforms.contains)
        else { return nil }
        let wanted = Set(ours.transforms.map(\.type))
        let got = chosen.transforms.map(\.type)
        return got.count == wanted.count && Set(got) == wanted ? chosen : nil
    }
}

/// Why no proposal was chosen.
struct ProposalMismatchError: Error {
    var mismatch: ProposalMismatch

    init(_ offered: [Proposal], _ accepted: [String], _ reasons: [String], protocolID: ProtocolID) {
        var reasons = reasons
        if !offered.contains(where: { $0.protocolID == protocolID }) {
            reasons.append("no proposal is for \(protocolID)")
        }
        mismatch = ProposalMismatch(
            offered: offered.prefix(16).map(ProposalText.describe),
            accepted: accepted,
            reasons: Array(reasons.prefix(32))
        )
    }
}

/// One offered proposal matched against what we accept, transform type by transform type.
private struct TransformMatch {
    let offered: Proposal
    private(set) var failures: [String] = []
    private var chosen: [Transform] = []

    init(_ offered: Proposal, known: Set<TransformType>, withAdditional: Bool) {
        self.offered = offered
        let known = withAdditional ? known.union(TransformType.additionalKeyExchanges) : known
        // RFC 7296 §3.3.6: a proposal with a transform type that is not understood is unacceptable.
        for type in Set(offered.transforms.map(\.type)).subtracting(known).sorted(by: { $0.rawValue < $1.rawValue }) {
            failures.append("\(type) is not understood")
        }
    }

    var answer: Proposal {
        Proposal(number: offered.number, protocolID: offered.protocolID, transforms: chosen)
    }

    func reason(_ index: Int) -> String {
        "proposal \(offered.number) against ours \(index + 1): " + failures.joined(separator: ", ")
    }

    mutating func one(_ type: TransformType, _ accepted: [UInt16], preferring: UInt16? = nil) -> UInt16? {
        let usable = offered.transforms(type).filter { $0.otherAttributes.isEmpty && $0.keyLength == nil }
        let order = accepted.filter { $0 == preferring } + accepted
        guard let id = order.first(where: { id in usable.contains { $0.id == id } }) else {
            failures.append("no common \(type)")
            return nil
        }
        chosen.append(Transform(type: type, id: id))
        return id
    }

    /// Cipher and integrity depend on each other: AEADs have none, others must have one (RFC 5282 §8).
    mutating func cipher(
        _ ciphers: [CipherChoice],
        _ integrities: [IntegrityAlgorithm]
    ) -> (choice: CipherChoice, integrity: IntegrityAlgorithm)? {
        let offeredIntegrity = offered.transforms(.integrity)
        let encryption = offered.transforms(.encryption).filter(\.otherAttributes.isEmpty)
        let common = ciphers.filter { choice in
            encryption.contains { $0 == .encryption(choice.algorithm, keyBits: choice.keyBits) }
        }
        guard let cipher = Self.favourite(of: common, encryption) else {
            failures.append("no common ENCR")
            return nil
        }
        chosen.append(.encryption(cipher.algorithm, keyBits: cipher.keyBits))
        guard cipher.algorithm.isAEAD else {
            guard let id = one(.integrity, integrities.filter { $0 != .none }.map(\.rawValue)) else { return nil }
            return (cipher, IntegrityAlgorithm(rawValue: id))
        }
        guard !offeredIntegrity.isEmpty else { return (cipher, .none) }
        return one(.integrity, [0]) == nil ? nil : (cipher, .none)
    }

    /// Our first one; but a peer that has put ChaCha20-Poly1305 before AES-GCM of the same strength has no instructions for
    /// AES, and would pay far more for our order than we for its own.
    private static func favourite(of common: [CipherChoice], _ offered: [Transform]) -> CipherChoice? {
        guard let first = common.first, first == .aes256GCM, common.contains(.chaCha20Poly1305) else {
            return common.first
        }
        func place(_ choice: CipherChoice) -> Int? {
            offered.firstIndex(of: .encryption(choice.algorithm, keyBits: choice.keyBits))
        }
        guard let theirs = place(.chaCha20Poly1305), let ours = place(first), theirs < ours else { return first }
        return .chaCha20Poly1305
    }

    /// A method for each place, in our order. A place that the peer left out is NONE, and no method may come twice (RFC 9370
    /// §2.2.1).
    mutating func additional(_ places: [[KeyExchangeMethod]], after first: UInt16?) -> [KeyExchangeMethod] {
        let common = TransformType.additionalKeyExchanges.enumerated().map { place, type -> [UInt16] in
            let usable = offered.transforms(type).filter { $0.otherAttributes.isEmpty && $0.keyLength == nil }
            let theirs = offered.transforms(type).isEmpty ? [0] : usable.map(\.id)
            let ours = place < places.count && !places[place].isEmpty ? places[place].map(\.rawValue) : [0]
            return ours.filter(theirs.contains)
        }
        for (type, ids) in zip(TransformType.additionalKeyExchanges, common) where ids.isEmpty {
            failures.append("no common \(type)")
        }
        var steps = Self.searchSteps
        guard failures.isEmpty, let picked = Self.distinct(common[...], first.map { [$0] } ?? [], &steps) else {
            if failures.isEmpty { failures.append("no additional key exchanges without one that comes twice") }
            return []
        }
        for (type, id) in zip(TransformType.additionalKeyExchanges, picked) where !offered.transforms(type).isEmpty {
            chosen.append(Transform(type: type, id: id))
        }
        let methods = picked.filter { $0 != 0 }.map(KeyExchangeMethod.init(rawValue:))
        // There is nothing for them to be additional to.
        if !methods.isEmpty, first ?? 0 == 0 { failures.append("additional key exchanges without a first") }
        return methods
    }

    /// Choices that the search for distinct methods tries: all of any sensible configuration, and a bound for the others.
    private static let searchSteps = 512

    /// The first choice for each place, in order of preference, in which no method comes twice.
    private static func distinct(_ places: ArraySlice<[UInt16]>, _ used: Set<UInt16>, _ steps: inout Int) -> [UInt16]? {
        guard let place = places.first else { return [] }
        for id in place where id == 0 || !used.contains(id) {
            steps -= 1
            guard steps > 0 else { return nil }
            if let rest = distinct(places.dropFirst(), id == 0 ? used : used.union([id]), &steps) { return [id] + rest }
        }
        return nil
    }

    mutating func keyExchange(
        _ accepted: [KeyExchangeMethod],
        _ rule: ProposalSelection.KeyExchangeRule
    ) -> KeyExchangeMethod? {
        let none = KeyExchangeMethod.none.rawValue
        let explicit = offered.transforms(.keyExchange)
        switch rule {
        case .ignored:
            if explicit.contains(where: { $0.id == none }) { chosen.append(.keyExchange(.none)) }
            return KeyExchangeMethod.none
        case .negotiated(let sent):
            let accepted = accepted.isEmpty ? [.none] : accepted
            guard !explicit.isEmpty else {
                if accepted.contains(.none) { return KeyExchangeMethod.none }
                failures.append("no common KE: ours wants one")
                return nil
            }
            let id = one(.keyExchange, accepted.map(\.rawValue), preferring: sent?.rawValue)
            return id.map(KeyExchangeMethod.init(rawValue:))
        }
    }

    /// An old peer may leave the type out, which means no extended numbers.
    mutating func sequenceNumbers(_ accepted: [Bool]) -> Bool? {
        guard !offered.transforms(.sequenceNumbers).isEmpty else {
            if accepted.contains(false) { return false }
            failures.append("no common ESN")
            return nil
        }
        return one(.sequenceNumbers, accepted.map { $0 ? 1 : 0 }).map { $0 == 1 }
    }
}
