import IPsecTypes

/// The policy that no peer can talk down (S10): what does not guarantee a post-quantum key exchange is not on the table.
extension ConnectionConfiguration {
    /// The IKE proposals that may be offered and accepted.
    var negotiableProposals: [IKEProposal] {
        requiresPostQuantum ? ikeProposals.filter(\.guaranteesPostQuantum) : ikeProposals
    }

    /// Says in a refusal that the policy took part in it.
    var postQuantumReasons: [String] {
        requiresPostQuantum
            ? ["connection \(name) requires a post-quantum key exchange, such as x25519+mlkem768"] : []
    }

    /// A mismatch with the policy's part in it.
    func explained(_ mismatch: ProposalMismatch) -> ProposalMismatch {
        var mismatch = mismatch
        mismatch.reasons += postQuantumReasons
        return mismatch
    }
}
