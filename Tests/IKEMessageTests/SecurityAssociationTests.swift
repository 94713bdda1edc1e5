import IKEMessage
import IPsecTypes
import Testing

/// Octets of one ESP proposal with the given transforms.
private func proposal(mark: UInt8 = 0, number: UInt8 = 1, count: UInt8? = nil, _ transforms: [[UInt8]]) -> [UInt8] {
    let body: [UInt8] = [number, 3, 4, count ?? UInt8(transforms.count), 1, 2, 3, 4] + transforms.flatMap { $0 }
    return [mark, 0, 0, UInt8(body.count + 4)] + body
}

private func transform(mark: UInt8 = 0, type: UInt8 = 1, _ attributes: [UInt8] = []) -> [UInt8] {
    [mark, 0, 0, UInt8(8 + attributes.count), type, 0, 0, 20] + attributes
}

private let keyLength: [UInt8] = [0x80, 14, 1, 0]

@Test func aProposalIsReadInFull() throws {
    let bytes = proposal([transform(mark: 3, keyLength), transform(type: 5)])
    guard case .securityAssociation(let payload) = try parsed(.securityAssociation, bytes) else { throw Missing() }
    let first = try #require(payload.proposals.first)
    #expect(first.protocolID == .esp)
    #expect(first.childSPI == SPI(0x0102_0304))
    #expect(first.transforms(.encryption) == [.encryption(.aesGCM16, keyBits: 256)])
    #expect(first.transforms(.sequenceNumbers).map(\.id) == [20])
}

@Test func marksOfTheLastProposalAndTransformAreChecked() {
    let cases: [[UInt8]] = [
        proposal(mark: 2, [transform()]),  // more announced, none follows
        proposal([transform()]) + proposal(number: 2, [transform()]),  // last, but another follows
        proposal(mark: 1, [transform()]),
        proposal([transform(mark: 3)]),
        proposal([transform(), transform()]),
        proposal([transform(mark: 2), transform()]),
        proposal(count: 2, [transform()]),
        proposal(count: 0, [transform()]),
        proposal(count: 255, [transform(mark: 3)]),
    ]
    for (index, bytes) in cases.enumerated() {
        #expect(chainError(.securityAssociation, bytes) != nil, "case \(index)")
    }
}

@Test func aPayloadWithoutProposalsIsRefused() {
    #expect(chainError(.securityAssociation, []) == .invalidSyntax(.securityAssociation, .truncated))
}

@Test func keyLengthIsAShortAttributeThatStandsOnce() throws {
    for bits in [0, 1, 255, 256, 65_535] as [UInt16] {
        let bytes = proposal([transform([0x80, 14, UInt8(bits >> 8), UInt8(bits & 255)])])
        guard case .securityAssociation(let payload) = try parsed(.securityAssociation, bytes) else { throw Missing() }
        #expect(payload.proposals.first?.transforms.first?.keyLength == Int(bits))
    }
    let refused: [[UInt8]] = [keyLength + keyLength, [0, 14, 0, 2, 1, 0], [0x80, 14, 1], [0, 99, 0, 9]]
    for attributes in refused {
        #expect(chainError(.securityAssociation, proposal([transform(attributes)])) != nil)
    }
}

@Test func unknownAttributesAreKeptButNotDoubled() throws {
    let short: [UInt8] = [0x80, 99, 0, 1]
    let long: [UInt8] = [0, 100, 0, 3, 7, 8, 9]
    guard
        case .securityAssociation(let payload) = try parsed(
            .securityAssociation,
            proposal([transform(short + long + keyLength)])
        )
    else { throw Missing() }
    let read = try #require(payload.proposals.first?.transforms.first)
    #expect(read.otherAttributes.map(\.value) == [.short(1), .long([7, 8, 9])])
    #expect(read.keyLength == 256)
    #expect(chainError(.securityAssociation, proposal([transform(short + short)])) != nil)
}

@Test func proposalsAreNumberedUpwardsFromOne() {
    func pair(_ first: UInt8, _ second: UInt8) -> [UInt8] {
        proposal(mark: 2, number: first, [transform()]) + proposal(number: second, [transform()])
    }
    #expect(chainError(.securityAssociation, pair(1, 2)) == nil)
    #expect(chainError(.securityAssociation, proposal(number: 3, [transform()])) == nil, "an answer repeats a number")
    for (first, second) in [(1, 1), (2, 1), (0, 1)] as [(UInt8, UInt8)] {
        #expect(
            chainError(.securityAssociation, pair(first, second)) == .invalidSyntax(.securityAssociation, .badValue)
        )
    }
}

@Test func theLengthOfAnSPIFollowsFromItsProtocol() {
    func bytes(_ protocolID: UInt8, _ length: Int) -> [UInt8] {
        let body: [UInt8] = [1, protocolID, UInt8(length), 0] + [UInt8](repeating: 1, count: length)
        return [0, 0, 0, UInt8(body.count + 4)] + body
    }
    for (protocolID, length, valid) in [
        (1, 0, true), (1, 8, true), (1, 4, false), (3, 4, true), (3, 0, false), (3, 8, false), (2, 4, true),
        (99, 17, true),
    ] as [(UInt8, Int, Bool)] {
        #expect((chainError(.securityAssociation, bytes(protocolID, length)) == nil) == valid)
    }
}

@Test func oversizedProposalListsAreBounded() {
    let many = (1...65).flatMap { proposal(mark: $0 == 65 ? 0 : 2, number: UInt8($0), [transform()]) }
    #expect(chainError(.securityAssociation, many) == .invalidSyntax(.securityAssociation, .limitExceeded))
    let transforms = (1...255).flatMap { transform(mark: $0 == 255 ? 0 : 3) }
    let body: [UInt8] = [1, 1, 0, 255] + transforms
    let length = body.count + 4
    #expect(chainError(.securityAssociation, [0, 0, UInt8(length >> 8), UInt8(length & 255)] + body) == nil)
}
