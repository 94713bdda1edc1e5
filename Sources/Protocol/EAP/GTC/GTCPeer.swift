import IPsecTypes

/// EAP-GTC at the peer. ``EAPPeer`` answers only a server that has authenticated.
struct GTCPeer: PeerMethod {
    private let password: SecretBytes
    private(set) var outcome: EAPSuccess?
    let failure: EAPFailure? = nil

    init(password: SecretBytes) { self.password = password }

    mutating func receive(_ data: [UInt8], using random: inout some RandomNumberGenerator) -> PeerStep {
        // A second question would be for another secret, and we have one.
        guard outcome == nil else { return .failed(.unexpected("a second question for a password")) }
        outcome = EAPSuccess(key: nil, identity: "", method: .gtc)
        return .response(password.withUnsafeBytes { Array($0) })
    }
}
