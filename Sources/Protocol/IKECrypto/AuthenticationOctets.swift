import IPsecTypes

/// The octets that an AUTH payload signs (RFC 7296 §2.15).
///
/// ```
/// InitiatorSignedOctets = RealMessage1 | NonceRData | MACedIDForI
/// ResponderSignedOctets = RealMessage2 | NonceIData | MACedIDForR
/// MACedIDForX = prf(SK_px, RestOfIDPayload)
/// RestOfIDPayload = IDType | RESERVED | IDData
/// ```
public enum AuthenticationOctets {
    /// The octets of one side.
    ///
    /// - Parameters:
    ///   - message: that side's whole IKE_SA_INIT message, from the first byte of the IKE header, without non-ESP marker.
    ///   - otherNonce: the nonce data of the *other* side.
    ///   - identification: the body of that side's ID payload: type, three reserved bytes, data.
    ///   - skP: SK_pi for the initiator, SK_pr for the responder.
    ///   - intermediate: IntAuth of RFC 9242 §3.3.2; empty without IKE_INTERMEDIATE.
    public static func make(
        message: [UInt8],
        otherNonce: [UInt8],
        identification: [UInt8],
        prf: PRFAlgorithm,
        skP: SecretBytes,
        intermediate: [UInt8] = [],
        provider: any CryptoProvider
    ) throws(CryptoFailure) -> [UInt8] {
        let identity = try provider.prf(prf, key: skP, [.bytes(identification)])
        return message + otherNonce + identity.withUnsafeBytes { [UInt8]($0) } + intermediate
    }
}
