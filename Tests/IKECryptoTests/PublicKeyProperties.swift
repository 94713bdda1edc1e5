import IPsecTypes

@testable import IKECrypto

/// What must hold for any octets whatever, read as a key or as Authentication Data. The tests and the fuzz target share
/// this file.
enum PublicKeyProperties {
    /// Nothing traps, and what is read of Authentication Data is written back the same. No octets are a valid signature.
    static func violation(octets bytes: [UInt8]) -> String? {
        let provider = StandardCryptoProvider()
        if let (algorithm, signature) = SignatureAlgorithm.split(bytes) {
            guard let written = algorithm.authenticationData(signature: signature),
                let again = SignatureAlgorithm.split(written), again.algorithm == algorithm,
                again.signature == signature
            else { return "Authentication Data does not read back" }
        }
        _ = try? SigningKey(der: bytes)
        _ = try? SigningKey(pem: bytes)
        guard let key = try? provider.verificationKey(spkiDER: bytes) else { return nil }
        for method: UInt8 in [1, 9, 10, 11, 14] {
            let proof = SignatureAuthentication(method: AuthMethod(rawValue: method), data: bytes)
            if (try? provider.verify(proof, octets: bytes, key: key, policy: SignaturePolicy())) != nil {
                return "a key signed itself"
            }
        }
        return nil
    }
}
