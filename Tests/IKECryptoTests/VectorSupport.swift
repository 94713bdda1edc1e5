import CLibcrypto
import Foundation
import IPsecTypes

/// Files under Tests/Vectors.
enum Vectors {
    private static let folder = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Vectors")

    static func json<Value: Decodable>(_ path: String, as type: Value.Type) throws -> Value {
        try JSONDecoder().decode(type, from: Data(contentsOf: folder.appendingPathComponent(path)))
    }

    static func text(_ path: String) throws -> String {
        try String(contentsOf: folder.appendingPathComponent(path), encoding: .utf8)
    }

    static func wycheproof(_ name: String) throws -> [Wycheproof.Group] {
        try json("wycheproof/\(name).json", as: Wycheproof.self).testGroups
    }
}

/// The fields of Wycheproof files that the tests read.
struct Wycheproof: Decodable {
    struct Group: Decodable {
        var keySize: Int?
        var ivSize: Int?
        var tagSize: Int?
        var sha: String?
        var mgfSha: String?
        var sLen: Int?
        var publicKeyDer: Hex?
        var tests: [Case]
    }

    struct Case: Decodable {
        var tcId: Int
        var flags: [String]
        var result: String
        var key: Hex?
        var iv: Hex?
        var aad: Hex?
        var msg: Hex?
        var ct: Hex?
        var tag: Hex?
        var sig: Hex?
        var `public`: Hex?
        var `private`: Hex?
        var shared: Hex?
        var seed: Hex?
        var ek: Hex?
        var c: Hex?
        var K: Hex?
    }

    var testGroups: [Group]
}

/// Bytes written as hexadecimal digits.
struct Hex: Decodable {
    var bytes: [UInt8]

    init(_ text: some StringProtocol) {
        let digits = text.compactMap { $0.hexDigitValue }
        bytes = stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }

    init(from decoder: any Decoder) throws {
        self.init(try decoder.singleValueContainer().decode(String.self))
    }
}

/// `count` bytes that count upwards.
func pattern(_ count: Int, from first: UInt8 = 0) -> [UInt8] {
    (0..<count).map { first &+ UInt8(truncatingIfNeeded: $0) }
}

extension SecretBytes {
    /// The bytes, for comparison in tests.
    var revealed: [UInt8] { withUnsafeBytes { [UInt8]($0) } }
}

/// Just enough DER to build odd public keys.
enum MakeDER {
    static func node(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] {
        switch content.count {
        case ..<128: [tag, UInt8(content.count)] + content
        case ..<256: [tag, 0x81, UInt8(content.count)] + content
        default: [tag, 0x82, UInt8(content.count >> 8), UInt8(content.count & 0xFF)] + content
        }
    }

    static func sequence(_ parts: [UInt8]...) -> [UInt8] { node(0x30, parts.flatMap { $0 }) }

    /// An unsigned INTEGER with the shortest encoding.
    static func integer(_ magnitude: [UInt8]) -> [UInt8] {
        var bytes = Array(magnitude.drop { $0 == 0 })
        if bytes.isEmpty { bytes = [0] }
        return node(2, bytes[0] & 0x80 == 0 ? bytes : [0] + bytes)
    }

    static func rsaPublicKey(modulus: [UInt8], exponent: [UInt8]) -> [UInt8] {
        let algorithm = sequence([6, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 1], [5, 0])
        return sequence(algorithm, node(3, [0] + sequence(integer(modulus), integer(exponent))))
    }

    static func ed25519PublicKey(_ key: [UInt8]) -> [UInt8] {
        sequence(sequence([6, 3, 0x2B, 0x65, 0x70]), node(3, [0] + key))
    }

    static func p256PublicKey(_ point: [UInt8]) -> [UInt8] {
        let ecPublicKey: [UInt8] = [6, 7, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 2, 1]
        let curve: [UInt8] = [6, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7]
        return sequence(sequence(ecPublicKey, curve), node(3, [0] + point))
    }
}

/// AES-128-GCM over a body whose padding the test chose itself.
enum AEADForTests {
    /// Seals what stands between the 8-byte IV and the 16-byte tag.
    static func seal(_ body: inout [UInt8], head: [UInt8], salt: [UInt8], key: [UInt8]) -> Bool {
        guard let context = culvert_aead_new(CULVERT_AES_128_GCM, 1, key, key.count) else { return false }
        defer { culvert_cipher_free(context) }
        var text = Array(body[8..<(body.count - 16)])
        var tag = [UInt8](repeating: 0, count: 16)
        let nonce = salt + body.prefix(8)
        let done = culvert_aead_seal(context, nonce, head, head.count, &text, text.count, &tag)
        body = Array(body.prefix(8)) + text + tag
        return done == 1
    }
}
