import IKECrypto
import IKEv2
import IPsecTypes

extension AvailableAlgorithms {
    /// Without the algorithms that failed their known answers; a proposal that has none left of a kind goes.
    public func usable(_ proposals: [IKEv2.IKEProposal]) -> [IKEv2.IKEProposal] {
        proposals.compactMap { proposal in
            var kept = proposal
            kept.ciphers = usable(kept.ciphers)
            kept.prfs.removeAll { !prfs.contains($0) }
            kept.integrities.removeAll { !integrity.contains($0) }
            kept.keyExchanges.removeAll { !keyExchanges.contains($0) }
            kept.additionalKeyExchanges = usable(kept.additionalKeyExchanges)
            let whole =
                (proposal.integrities.isEmpty || !kept.integrities.isEmpty)
                && kept.additionalKeyExchanges.allSatisfy { !$0.isEmpty }
            return kept.ciphers.isEmpty || kept.prfs.isEmpty || kept.keyExchanges.isEmpty || !whole ? nil : kept
        }
    }

    /// Without the algorithms that failed their known answers. A proposal whose key exchanges all failed goes as well: what
    /// asked for PFS must not be had without.
    public func usable(_ proposals: [IKEv2.ESPProposal]) -> [IKEv2.ESPProposal] {
        proposals.compactMap { proposal in
            var kept = proposal
            kept.ciphers.removeAll { !espCiphers.contains(Cipher($0.algorithm, keyBits: $0.keyBits)) }
            kept.integrities.removeAll { !espIntegrity.contains($0) }
            kept.keyExchanges.removeAll { $0 != .none && !keyExchanges.contains($0) }
            kept.additionalKeyExchanges = usable(kept.additionalKeyExchanges)
            let whole =
                (proposal.integrities.isEmpty || !kept.integrities.isEmpty)
                && kept.additionalKeyExchanges.allSatisfy { !$0.isEmpty }
            let secret = proposal.keyExchanges.isEmpty || !kept.keyExchanges.isEmpty
            return kept.ciphers.isEmpty || !whole || !secret ? nil : kept
        }
    }

    /// A place that has lost all its methods stays, empty, and takes its proposal with it.
    private func usable(_ places: [[KeyExchangeMethod]]) -> [[KeyExchangeMethod]] {
        places.map { $0.filter { $0 == .none || keyExchanges.contains($0) } }
    }

    private func usable(_ choices: [CipherChoice]) -> [CipherChoice] {
        choices.filter { ciphers.contains(Cipher($0.algorithm, keyBits: $0.keyBits)) }
    }
}
