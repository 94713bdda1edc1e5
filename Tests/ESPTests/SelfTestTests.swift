import IPsecTypes
import Testing

@testable import ESP

@Suite struct SelfTestTests {
    @Test func everySuiteGivesItsKnownAnswer() {
        let results = ESPSelfTest.run()
        #expect(results.count == 9)
        for result in results { #expect(result.isRight, "\(result.suite)") }
    }

    /// Each octet of the answer counts: a cipher or a MAC that computed anything else is found.
    @Test func anyOtherAnswerFails() {
        for answer in ESPSelfTest.answers {
            for place in stride(from: 8, to: answer.packet.utf8.count / 2, by: 7) {
                var bytes = hex(answer.packet)
                bytes[place] ^= 0x10
                var other = answer
                other.packet = Hex.encode(bytes)
                #expect(!ESPSelfTest.passes(other), "\(answer.suite) at \(place)")
            }
        }
    }

    @Test func anAnswerOfAnotherSuiteFails() {
        var other = ESPSelfTest.answers[0]
        other.suite = ESPSelfTest.answers[3].suite
        #expect(!ESPSelfTest.passes(other))
        other.packet = ""
        #expect(!ESPSelfTest.passes(other))
    }
}
