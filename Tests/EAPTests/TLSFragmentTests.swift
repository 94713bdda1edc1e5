import EAP
import IPsecTypes
import Testing

/// Rows E03 and E04 of TLS messages in fragments, and AVPs of EAP-TTLS.
@Suite struct TLSFragmentTests {
    @Test(arguments: [1, 245, 246, 247, 1014, 1015, 5000, 65_536]) func messagesSurviveFragmentation(count: Int) throws
    {
        for size in [0, 256, 1024, 4096, 100_000] {
            var sender = TLSMessageChannel(packetSize: size)
            var receiver = TLSMessageChannel(packetSize: size)
            let message = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 7) }
            sender.queue(message)
            var got: TLSMessageChannel.Received = .nothing
            while true {
                let fragment = sender.next()
                #expect(fragment.bytes.count + 5 <= max(256, min(size, 4096)))
                got = try receiver.receive(try TLSFragment(parsing: fragment.bytes))
                guard got == .part else { break }
                #expect(try sender.receive(receiver.next()) == .wantsNext)
            }
            #expect(got == .message(message))
            #expect(try sender.receive(TLSFragment()) == .nothing)
        }
    }

    /// E04: a total length of 4 GiB, and everything else that contradicts itself.
    @Test func lengthsThatLieAreRefused() throws {
        func failure(_ fragments: TLSFragment...) -> String? {
            var channel = TLSMessageChannel(packetSize: 1024)
            for fragment in fragments {
                do throws(EAPFailure) {
                    _ = try channel.receive(fragment)
                } catch {
                    return error.code
                }
            }
            return nil
        }
        #expect(failure(TLSFragment([1], messageLength: .max, hasMore: true)) == "eap_too_large")
        #expect(failure(TLSFragment([1], messageLength: 65_537, hasMore: true)) == "eap_too_large")
        #expect(failure(TLSFragment([1], hasMore: true)) == "eap_unexpected", "no length")
        #expect(failure(TLSFragment([1], messageLength: 2)) == "eap_unexpected", "too short")
        #expect(failure(TLSFragment([1, 2, 3], messageLength: 2)) == "eap_unexpected", "too long")
        #expect(
            failure(TLSFragment([1, 2, 3], messageLength: 2, hasMore: true)) == "eap_unexpected",
            "too long already"
        )
        #expect(failure(TLSFragment([], messageLength: 2, hasMore: true)) == "eap_unexpected", "empty")
        let first = TLSFragment([1], messageLength: 3, hasMore: true)
        #expect(failure(first, TLSFragment([], hasMore: true)) == "eap_unexpected", "empty")
        #expect(failure(first, TLSFragment([])) == "eap_unexpected", "an end without the rest")
        #expect(failure(first, TLSFragment([2], messageLength: 4, hasMore: true)) == "eap_unexpected", "another length")
        #expect(failure(first, TLSFragment([2, 3], messageLength: 3)) == nil)
        var busy = TLSMessageChannel(packetSize: 256)
        busy.queue([UInt8](repeating: 1, count: 1000))
        _ = busy.next()
        #expect(throws: EAPFailure.self) { try busy.receive(TLSFragment([1])) }
        #expect(throws: EAPFailure.self) { try TLSFragment(parsing: []) }
        for count in 0..<4 {
            #expect(throws: EAPFailure.self) { try TLSFragment(parsing: [0x80] + [UInt8](repeating: 0, count: count)) }
        }
    }

    /// E03: AVP lengths 0 to 7, and 8 to 11 with a vendor.
    @Test func lengthsBelowTheHeaderAreRefused() {
        for length in 0..<8 {
            let avp: [UInt8] = [0, 0, 0, 79, 0x40, 0, 0, UInt8(length), 1, 2, 3, 4]
            #expect(throws: EAPFailure.malformed(.badLength)) { try TTLSAVP.list(avp) }
        }
        for length in 0..<12 {
            let avp: [UInt8] = [0, 0, 0, 11, 0xC0, 0, 0, UInt8(length), 0, 0, 1, 55, 1, 2, 3, 4]
            #expect(throws: EAPFailure.malformed(.badLength)) { try TTLSAVP.list(avp) }
        }
        #expect(throws: EAPFailure.malformed(.truncated)) {
            try TTLSAVP.list([0, 0, 0, 79, 0x40, 0, 0, 13, 1, 2, 3, 4])
        }
        #expect(throws: EAPFailure.malformed(.truncated)) { try TTLSAVP.list([0, 0, 0, 79, 0x40, 255, 255, 255]) }
        let many = Array(repeating: TTLSAVP(.userName, []), count: 33)
        #expect(throws: EAPFailure.malformed(.limitExceeded)) { try TTLSAVP.list(TTLSAVP.bytes(many)) }
    }

    @Test func attributesRoundTrip() throws {
        let list = [
            TTLSAVP(.userName, [1]), TTLSAVP(.msCHAPChallenge, [1, 2, 3, 4, 5]), TTLSAVP(.eapMessage, []),
            TTLSAVP(TTLSAVP.Code(9, vendor: 9), [1, 2, 3, 4], isMandatory: false),
        ]
        let bytes = TTLSAVP.bytes(list)
        #expect(bytes.count % 4 == 0)
        #expect(try TTLSAVP.list(bytes) == list)
        #expect(
            try TTLSAVP.list(Array(TTLSAVP.bytes([TTLSAVP(.userName, [1])]).dropLast(3))) == [TTLSAVP(.userName, [1])]
        )
    }
}
