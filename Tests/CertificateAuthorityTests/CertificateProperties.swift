import CertificateAuthority
import IPsecTypes
import PKI

/// What must hold for any octets whatever, read as a certificate, a PEM file, a list of claims or a request. The tests and
/// the fuzz target share this file.
enum CertificateProperties {
    /// Each reader refuses the octets or gives something that describes itself in printable words and reads back the same.
    static func violation(file bytes: [UInt8]) -> String? {
        pem(bytes) ?? certificate(bytes) ?? claims(bytes) ?? request(bytes)
    }

    private static func pem(_ bytes: [UInt8]) -> String? {
        guard let blocks = try? PEM.blocks(in: bytes) else { return nil }
        for block in blocks {
            let again = try? PEM.blocks(in: PEM.encode(label: block.label, block.der))
            guard again?.count == 1, again?.first?.der == block.der else { return "a PEM block does not read back" }
        }
        // What is inside a file of certificates is read as one as well.
        for der in (try? PEM.certificates(in: bytes)) ?? [] {
            if let violation = certificate(der) { return violation }
        }
        return nil
    }

    private static func certificate(_ bytes: [UInt8]) -> String? {
        guard let certificate = try? ParsedCertificate(der: bytes) else { return nil }
        guard certificate.der == bytes else { return "a certificate is not what it was read from" }
        guard (try? ParsedCertificate(der: certificate.der)) == certificate else { return "it does not read back" }
        for text in ["\(certificate.key)", "\(certificate.serial)", "\(certificate.names)"]
        where text.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F }) {
            return "a control character in \(text)"
        }
        _ = certificate.isAuthority
        _ = certificate.isSelfIssued
        return nil
    }

    private static func claims(_ bytes: [UInt8]) -> String? {
        guard let claims = try? CertificateClaims.decode(bytes) else { return nil }
        return (try? CertificateClaims.decode(claims.encoded())) == claims ? nil : "claims do not read back"
    }

    private static func request(_ bytes: [UInt8]) -> String? {
        guard let request = try? SigningRequest(bytes) else { return nil }
        let wishes = request.asksFor.joined()
        return wishes.unicodeScalars.contains { $0.value < 0x20 } ? "a control character in a wish" : nil
    }
}
