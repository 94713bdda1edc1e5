import Foundation
import IKECrypto
import IKEMessage
import PKI

/// Certificate, key and identity of one client that ``PKICommand`` made.
struct ClientCredentials: Sendable {
    /// Leaf first, then the issuing authority.
    var chain: [[UInt8]]
    /// The private key.
    var key: SigningKey
    /// The leaf's host name.
    var identity: Identity

    /// Where client `number` is kept, under the directory of the authority.
    static func file(_ number: Int) -> String {
        let digits = String(number)
        return "clients/\(String(repeating: "0", count: max(0, 6 - digits.utf8.count)))\(digits).pem"
    }

    /// Reads a client's file.
    init(path: String) throws {
        let bytes = try Self.read(path)
        chain = try PEM.certificates(in: bytes)
        key = try SigningKey(pem: bytes)
        guard let leaf = chain.first, let name = try ParsedCertificate(der: leaf).names.dns.first else {
            throw LoadFailure("\(path) has no certificate with a host name")
        }
        identity = .fqdn(name)
    }

    /// Reads clients `numbers` of the authority in `directory`.
    static func load(_ directory: String, _ numbers: Range<Int>) throws -> [ClientCredentials] {
        try numbers.map { try ClientCredentials(path: "\(directory)/\(file($0))") }
    }

    /// The bytes of a file.
    static func read(_ path: String) throws -> [UInt8] {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw LoadFailure("cannot read \(path); make certificates with: culvert-load pki")
        }
        return [UInt8](data)
    }
}
