import EAP
import IPsecTypes
import PKI
import Web

/// What gateway and agent make of files for EAP.
public enum EAPCredentials {
    /// The key of a PEM file, as TLS wants it: the DER of its only private key, unencrypted.
    public static func privateKey(pem: [UInt8], file: String) throws(CulvertError) -> SecretBytes {
        let blocks: [PEM.Block]
        do throws(PEM.Failure) { blocks = try PEM.blocks(in: pem) } catch {
            throw CulvertError(.keyUnusable, "\(file): \(error)")
        }
        let keys = blocks.filter { ["PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY"].contains($0.label) }
        guard let key = keys.first, keys.count == 1 else {
            throw CulvertError(.keyUnusable, "\(file) does not hold one private key without a passphrase")
        }
        return SecretBytes(key.der)
    }

    /// Sessions of TLS from settings; the error names whose they are.
    public static func tls(_ settings: TLSSettings, for owner: String) throws(CulvertError) -> TLSProvider {
        do throws(TLSSettings.Failure) { return try TLSProvider(settings) } catch {
            throw CulvertError(.badCertificateFile, "\(owner): \(error)")
        }
    }

    /// Methods by their names in configuration, in order; names are checked there.
    public static func methods(_ names: [String]) -> [EAPMethodType] { names.compactMap { EAPMethodType(name: $0) } }

    /// Methods inside EAP-TTLS, likewise.
    public static func inner(_ names: [String]) -> [TTLSInnerMethod] { names.compactMap { TTLSInnerMethod(name: $0) } }
}
