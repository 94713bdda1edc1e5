import CLibcrypto
import ESP
import IPsecTypes
import Testing

@Test func anInstalledIpsecMBPassesItsSelfTestOnThisProcessor() {
    let engine = ESPAcceleration.aesGCM
    #expect(engine.hasPrefix("ipsec-mb (") || engine.hasPrefix("libcrypto ("))
    #expect(!engine.contains("self-test") && !engine.contains("lacks functions"))
}

@Test func keysOfOtherLengthsMakeNoContext() {
    for length in [0, 1, 15, 31, 33, 64] {
        let key = [UInt8](repeating: 1, count: max(1, length))
        #expect(culvert_fast_gcm_new(key, length) == nil)
    }
}
