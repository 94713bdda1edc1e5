import IKEMessage

/// IKE_SA_INIT: header, payloads, nonce, capabilities (W02, W06, W07, W12, W15, W21, S02, R03, A07).
extension Impairment {
    static let sa: UInt8 = 33
    static let ke: UInt8 = 34
    static let cert: UInt8 = 37
    static let certreq: UInt8 = 38
    static let auth: UInt8 = 39
    static let nonce: UInt8 = 40
    static let notify: UInt8 = 41
    static let delete: UInt8 = 42
    static let tsi: UInt8 = 44
    static let tsr: UInt8 = 45
    static let cp: UInt8 = 47

    static let initial: [Impairment] = initialHeaders + initialPayloads + initialNonces

    private static let initialHeaders: [Impairment] = [
        Impairment("reservedFlags", ["W07"], .initial, .works, .works) { $0.flags |= 0xC7 },
        Impairment("versionFlag", ["W07"], .initial, .works, .works) { $0.flags |= 0x10 },
        Impairment("minorVersion15", ["W06"], .initial, .works, .works) { $0.version = 0x2F },
        Impairment("majorVersion3", ["W06"], .initial, .refused, .refused) { $0.version = 0x30 },
        Impairment("majorVersion1", ["W06"], .initial, .refused, .refused) { $0.version = 0x10 },
        Impairment("majorVersion0", ["W06"], .initial, .refused, .refused) { $0.version = 0 },
        Impairment("headerLength27", ["W02", "W21"], .initial, .refused, .refused) { $0.length = 27 },
        Impairment("headerLength0", ["W02", "W21"], .initial, .refused, .refused) { $0.length = 0 },
        Impairment("headerLengthMaximum", ["W02", "W21"], .initial, .refused, .refused) { $0.length = .max },
        Impairment("headerLengthShort", ["W02"], .initial, .refused, .refused) { $0.length = 100 },
        Impairment("headerLengthLong", ["W02"], .initial, .refused, .refused) { $0.length = 5000 },
        Impairment("octetsBehindTheMessage", ["W02"], .initial, .refused, .refused) { $0.tail = [0, 0, 0, 4] },
        Impairment("octetsMissing", ["W02"], .initial, .refused, .refused) { $0.cut = 3 },
        Impairment("guessedResponderSPI", ["S02"], .initial, .refused, nil) { $0.responderSPI = 0x1234 },
        Impairment("noResponderSPI", ["S02"], .initial, nil, .refused) { $0.responderSPI = 0 },
        Impairment("noInitiatorSPI", ["S02"], .initial, .refused, .refused) { $0.initiatorSPI = 0 },
        Impairment("initiatorFlagTurned", ["S03"], .initial, .refused, .refused) { $0.flags ^= 0x08 },
        Impairment("responseFlagTurned", ["S03"], .initial, .refused, .refused) { $0.flags ^= 0x20 },
        Impairment("initialMessageID1", ["S03"], .initial, .refused, .refused) { $0.messageID = 1 },
        Impairment("sentThreeTimes", ["S02"], .initial, .works, .works) { $0.copies = 3 },
        Impairment("notSent", ["S15"], .initial, .refused, .refused) { $0.copies = 0 },
        Impairment("otherNonceAfterwards", ["S02"], .initial, .works, nil) { draft in
            var other = draft
            other.replace(nonce, [UInt8](repeating: 9, count: 32))
            draft.extra = [other]
        },
        Impairment("encryptedPayloadInInit", ["W19"], .initial, .refused, .refused) {
            $0.payloads = [RawPayload(46, [UInt8](repeating: 1, count: 64))]
        },
        Impairment("unknownExchangeInInit", ["S09"], .initial, .refused, .refused) { $0.exchange = 240 },
    ]

    private static let initialPayloads: [Impairment] = [
        Impairment("reservedBitsOfPayloads", ["W07"], .initial, .works, .works) { draft in
            for index in draft.payloads.indices { draft.payloads[index].flags |= 0x7F }
        },
        Impairment("criticalBitOfKnownPayloads", ["W07"], .initial, .works, .works) { draft in
            for index in draft.payloads.indices { draft.payloads[index].flags |= 0x80 }
        },
        Impairment("reservedOctetsOfKE", ["W07"], .initial, .works, .works) {
            $0.edit(ke) { $0.body.replaceSubrange(2..<4, with: [0xFF, 0xFF]) }
        },
        Impairment("reservedOctetsOfProposals", ["W07"], .initial, .works, .works) {
            $0.edit(sa) { $0.body = Proposals.markingReserved($0.body) }
        },
        Impairment("unknownPayload", ["W07"], .initial, .works, .works) {
            $0.payloads.append(RawPayload(200, [1, 2, 3]))
        },
        Impairment("unknownCriticalPayload", ["W07"], .initial, .refused, .refused) {
            $0.payloads.append(RawPayload(200, [1, 2, 3], flags: 0x80))
        },
        Impairment("noSA", ["W08"], .initial, .refused, .refused) { $0.remove(sa) },
        Impairment("noKE", ["W09"], .initial, .refused, .refused) { $0.remove(ke) },
        Impairment("noPayloads", ["W08"], .initial, .refused, .refused) { $0.payloads = [] },
        Impairment("payloadLength0", ["W21"], .initial, .refused, .refused) { $0.edit(nonce) { $0.length = 0 } },
        Impairment("payloadLength3", ["W21"], .initial, .refused, .refused) { $0.edit(nonce) { $0.length = 3 } },
        Impairment("payloadLengthOneMore", ["W21"], .initial, .refused, .refused) { draft in
            draft.edit(nonce) { $0.length = $0.body.count + 5 }
        },
        Impairment("payloadLengthMaximum", ["W21"], .initial, .refused, .refused) {
            $0.edit(nonce) { $0.length = 65_535 }
        },
        Impairment("hundredPayloads", ["W08"], .initial, .refused, .refused) {
            $0.payloads += Array(repeating: RawPayload(43, [1]), count: 100)
        },
        Impairment("ikev1Payloads", ["W06"], .initial, .refused, .refused) {
            $0.payloads = [RawPayload(1, [UInt8](repeating: 0, count: 44)), RawPayload(10, [1, 2])]
        },
        Impairment("certreqOf60KB", ["W15"], .initial, .refused, .works) {
            $0.remove(certreq)
            $0.payloads.append(RawPayload(certreq, [4] + [UInt8](repeating: 7, count: 60_000)))
        },
        Impairment("certreqNotOf20", ["W15"], .initial, .works, .works) {
            $0.remove(certreq)
            $0.payloads.append(RawPayload(certreq, [4] + [UInt8](repeating: 7, count: 21)))
        },
        Impairment("emptyCertreq", ["W15"], .initial, .refused, .refused) {
            $0.remove(certreq)
            $0.payloads.append(RawPayload(certreq, []))
        },
        Impairment("noSignatureHashes", ["A07"], .initial, .refused, .refused) { draft in
            draft.payloads.removeAll { $0.type == notify && $0.body.starts(with: [0, 0, 0x40, 0x2F]) }
        },
        Impairment("onlySHA1", ["A07"], .initial, .refused, .refused) { draft in
            for index in draft.payloads.indices
            where draft.payloads[index].body.starts(with: [0, 0, 0x40, 0x2F]) && draft.payloads[index].type == notify {
                draft.payloads[index].body = [0, 0, 0x40, 0x2F, 0, 1]
            }
        },
        Impairment("cookieOf65", ["R03"], .initial, .works, .works) {
            $0.payloads.insert(RawPayload(notify, [0, 0, 0x40, 0x06] + [UInt8](repeating: 1, count: 65)), at: 0)
        },
        Impairment("cookieNotFirst", ["R03"], .initial, .works, nil) {
            $0.payloads.append(RawPayload(notify, [0, 0, 0x40, 0x06] + [UInt8](repeating: 1, count: 32)))
        },
        Impairment("shortNATHashes", ["W21"], .initial, .works, .works) { draft in
            for index in draft.payloads.indices where draft.payloads[index].body.starts(with: [0, 0, 0x40, 0x04]) {
                draft.payloads[index].body.removeLast()
            }
        },
        Impairment("notifySPILength255", ["W21"], .initial, .refused, .refused) {
            $0.payloads.append(RawPayload(notify, [0, 255, 0x40, 0x00]))
        },
    ]

    private static let initialNonces: [Impairment] = [
        Impairment("noNonce", ["W12"], .initial, .refused, .refused) { $0.remove(nonce) },
        Impairment("nonceOf0", ["W12"], .initial, .refused, .refused) { $0.replace(nonce, []) },
        Impairment("nonceOf15", ["W12"], .initial, .refused, .refused) {
            $0.replace(nonce, [UInt8](repeating: 7, count: 15))
        },
        Impairment("nonceOf257", ["W12"], .initial, .refused, .refused) {
            $0.replace(nonce, [UInt8](repeating: 7, count: 257))
        },
        // Taken; the keys differ then, because the impaired end goes on with the nonce of before.
        Impairment("nonceOf16", ["W12"], .initial, .refused, .refused) {
            $0.replace(nonce, [UInt8](repeating: 7, count: 16))
        },
        Impairment("nonceOf256", ["W12"], .initial, .refused, .refused) {
            $0.replace(nonce, [UInt8](repeating: 7, count: 256))
        },
        Impairment("twoNonces", ["W12"], .initial, .works, .works) {
            $0.payloads.append(RawPayload(nonce, [UInt8](repeating: 7, count: 32)))
        },
    ]
}
