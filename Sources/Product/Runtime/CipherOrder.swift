import ESP
import IPsecTypes

/// Which of two ciphers of the same strength goes first in the proposals that nobody chose.
enum CipherOrder {
    /// The ciphers of a default proposal on this machine. Without instructions for AES, ChaCha20-Poly1305 is several times
    /// faster, and its run time tells nothing of the key (RFC 8439 §1).
    static func standard(
        _ ciphers: [CipherChoice],
        hasAES: Bool = ESPAcceleration.processorHasAES
    ) -> [CipherChoice] {
        guard !hasAES else { return ciphers }
        return ciphers.filter { $0 == .chaCha20Poly1305 } + ciphers.filter { $0 != .chaCha20Poly1305 }
    }
}
