public import IPsecTypes

/// Known answers of ESP at process start, through the very contexts that packets go through: libcrypto's, or ipsec-mb's where
/// that was chosen. An algorithm that gives another answer, or opens what was changed on the way, is not offered.
///
/// The packets have extended sequence numbers, whose upper half is 1: they were computed with other software.
public enum ESPSelfTest {
    /// What came of one suite.
    public struct Result: Hashable, Sendable {
        /// The suite, without key exchange.
        public var suite: ESPSuite
        /// Whether it gave the right packet, opened it, and refused a changed one.
        public var isRight: Bool

        /// Makes a value.
        public init(suite: ESPSuite, isRight: Bool) {
            self.suite = suite
            self.isRight = isRight
        }
    }

    struct Answer {
        var suite: ESPSuite
        /// The whole packet, in hexadecimal digits.
        var packet: String

        init(_ suite: ESPSuite, _ packet: String) {
            self.suite = suite
            self.packet = packet
        }
    }

    /// Tests all suites that a proposal can name. It takes less than a millisecond, but for the first use of ipsec-mb.
    public static func run() -> [Result] {
        answers.map { Result(suite: $0.suite, isRight: passes($0)) }
    }

    // MARK: One suite

    private static let sequence: UInt64 = 0x1_0000_0005
    private static let iv: UInt64 = 0x0102_0304_0506_0708
    private static let textLength = 48

    static func passes(_ answer: Answer) -> Bool {
        guard let expected = Hex.decode(answer.packet.utf8), let keys = keys(answer.suite),
            let sealing = try? ESPCipher(answer.suite, keys, sealing: true),
            let opening = try? ESPCipher(answer.suite, keys, sealing: false)
        else { return false }
        let start = 8 + sealing.ivLength
        guard expected.count == start + textLength + sealing.icvLength else { return false }
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: expected.count, alignment: 16)
        defer { memory.deallocate() }
        let text = (0..<textLength).map { place in
            place < textLength - 2 ? UInt8(0x40 + place) : place == textLength - 2 ? 0 : 4
        }
        memory.initializeMemory(as: UInt8.self, repeating: 0)
        memory.copyBytes(from: expected.prefix(8))
        UnsafeMutableRawBufferPointer(rebasing: memory[start..<(start + textLength)]).copyBytes(from: text)
        let packet = PacketBytes(memory)
        guard sealing.seal(packet, iv: iv, sequence: sequence, plaintextLength: textLength),
            memory.elementsEqual(expected), opening.open(packet, sequence: sequence),
            memory[start..<(start + textLength)].elementsEqual(text)
        else { return false }
        return refuses(expected, packet, memory, opening)
    }

    /// A changed text, a changed check value and another upper half of the sequence number are refused.
    private static func refuses(
        _ expected: [UInt8],
        _ packet: PacketBytes,
        _ memory: UnsafeMutableRawBufferPointer,
        _ opening: borrowing ESPCipher
    ) -> Bool {
        for place in [8 + opening.ivLength, expected.count - 1] {
            memory.copyBytes(from: expected)
            memory[place] ^= 1
            if opening.open(packet, sequence: sequence) { return false }
        }
        memory.copyBytes(from: expected)
        return !opening.open(packet, sequence: sequence + 1 << 32)
    }

    private static func keys(_ suite: ESPSuite) -> ESPKeys? {
        func bytes(_ count: Int, from first: UInt8) -> SecretBytes {
            SecretBytes((0..<count).map { first &+ UInt8(truncatingIfNeeded: $0) })
        }
        guard let integrity = suite.integrity.keyLength else { return nil }
        return ESPKeys(
            encryption: bytes(suite.keyBits / 8, from: 0),
            salt: bytes(suite.encryption.saltLength, from: 0xa0),
            integrity: bytes(integrity, from: 0x80)
        )
    }

    // MARK: The answers

    private static func suite(
        _ encryption: EncryptionAlgorithm,
        _ keyBits: Int,
        _ integrity: IntegrityAlgorithm
    ) -> ESPSuite {
        ESPSuite(encryption: encryption, keyBits: keyBits, integrity: integrity)
    }

    static let answers = [
        Answer(
            suite(.aesGCM16, 128, .none),
            "c0a813370000000501020304050607085c7cd9897f8dda83ceeebd4b54497840ed66d101fd48204b335c3ff5d9f8e905"
                + "78a2f9317ed2cdb64a2c0951f86b8918a45f92530cb0c1690ea27ac9517bd809"
        ),
        Answer(
            suite(.aesGCM16, 192, .none),
            "c0a813370000000501020304050607081386e4443c7d731eddc8462311c179fabf6a54a959ef73399ec44da1265a3d8b"
                + "75b1a7e90caabb622bc5f754db8e9af0a9709ecdda23f7195421f41375b056c9"
        ),
        Answer(
            suite(.aesGCM16, 256, .none),
            "c0a81337000000050102030405060708b6bb00e7b0fe3c5e0e2f42b89a381bf52879ba72aca6e4dea1941e0412dc81f5"
                + "6c7a1388cc805db2740df23c17d61623b165bb84a51e90193d096fd27ddc6930"
        ),
        Answer(
            suite(.chaCha20Poly1305, 256, .none),
            "c0a81337000000050102030405060708e96205c00df969d0ee755175d6a9e2e4c5240125caac353dac7551bf14fb9013"
                + "efaf2c15e8dc3a5d34816526c61bf2f0e26b49fe171ff55fa82ff8c1e4cda476"
        ),
        Answer(
            suite(.aesCBC, 128, .hmacSHA256_128),
            "c0a81337000000050b1d230aa5069e8862bcc92e0d5f1245dbb6e9ea179f155c769e63250ed8e2d2e8ee8379c69f4498"
                + "be65f63105e730308838c717d69f1b68b4f133740ab57529ec0039ac0e5789f360cda46c5f36768d"
        ),
        Answer(
            suite(.aesCBC, 192, .hmacSHA256_128),
            "c0a81337000000056bad542c29056df72fb5b0bb5a88e11b72294bfd4af3eeef106852c51d474e75cf25b58549e9d37f"
                + "1fe04884ab0abfdb6713e37ebe3f75a170004301332cc7bd30f34fc7a5f917f9426ba3eeccdd730a"
        ),
        Answer(
            suite(.aesCBC, 256, .hmacSHA256_128),
            "c0a81337000000055e858a951c54cc674e2b07347a4ebe5faf6a8dc618253f5240847a198d98d53be296527c6816eb95"
                + "5cf6550d8acbf68d9b0c1458ffae8e7f772916aadbdad22eff26c462544092e980dd2c61b1ce7790"
        ),
        Answer(
            suite(.aesCBC, 128, .hmacSHA384_192),
            "c0a81337000000050b1d230aa5069e8862bcc92e0d5f1245dbb6e9ea179f155c769e63250ed8e2d2e8ee8379c69f4498"
                + "be65f63105e730308838c717d69f1b68b4f133740ab575299cf0cf32f4e04c03f7d841be9edaca5e36fedb37a66033e5"
        ),
        Answer(
            suite(.aesCBC, 128, .hmacSHA512_256),
            "c0a81337000000050b1d230aa5069e8862bcc92e0d5f1245dbb6e9ea179f155c769e63250ed8e2d2e8ee8379c69f4498"
                + "be65f63105e730308838c717d69f1b68b4f133740ab5752936a26dec5d269f36b25770c20c9de5e8af5158814c1634a2"
                + "c6543c17584850e4"
        ),
    ]
}
