import IPsecTypes

/// Judges a password that a peer sent in clear inside a tunnel (GTC, PAP).
enum PasswordCheck {
    /// Whether the answer about the user fits what was presented, in time that depends on lengths alone.
    static func isRight(_ presented: SecretBytes, _ credential: EAPCredential) -> Bool {
        switch credential {
        case .accepted: return true
        case .refused: return false
        case .password(let password): return password.count > 0 && presented.isEqual(to: password)
        case .ntHash(let hash):
            guard let own = MSCHAPv2Hashes.passwordHash(presented), hash.count == 16 else { return false }
            return own.isEqual(to: hash)
        }
    }
}
