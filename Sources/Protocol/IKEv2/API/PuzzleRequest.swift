import IPsecTypes

/// A puzzle that a responder under attack wants solved (RFC 8019 §7.1.2, §7.2.2).
public struct PuzzleRequest: Hashable, Sendable {
    /// The IKE SA, for the log.
    public var ikeSA: IKESAID
    /// The PRF to use.
    public var prf: PRFAlgorithm
    /// How many bits at the end of each output must be zero; at most ``IKELimits/puzzleDifficultyAccepted``.
    public var difficulty: UInt8
    /// What the PRF is computed over: the cookie (RFC 8019 §7.1.3), or Nr | SPIr before IKE_AUTH (§7.2.3).
    public var subject: [UInt8]
}
