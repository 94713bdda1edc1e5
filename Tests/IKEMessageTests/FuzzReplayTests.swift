import Testing

/// Everything the fuzzers keep is replayed for ever: Fuzz/corpus (interesting inputs) and Fuzz/crashes (what once failed).
@Test(arguments: ["corpus", "crashes"])
func inputsOfTheMessageFuzzerHoldTheProperties(folder: String) throws {
    for input in try Vectors.files(fuzz: "\(folder)/ike-message") {
        #expect(IKEMessageProperties.violation(message: input.bytes) == nil, "\(input.name)")
    }
}

@Test(arguments: ["corpus", "crashes"])
func inputsOfTheDecryptedContentFuzzerHoldTheProperties(folder: String) throws {
    for input in try Vectors.files(fuzz: "\(folder)/ike-decrypted") {
        #expect(IKEMessageProperties.violation(decrypted: input.bytes) == nil, "\(input.name)")
    }
}
