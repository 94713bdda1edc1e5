import Foundation
import IPsecTypes
import Testing

@Test func everyErrorCodeHasExactlyOneEntryWithAllItsWords() {
    #expect(ErrorEntry.all.map(\.code) == ErrorCode.allCases)
    for entry in ErrorEntry.all {
        #expect(!entry.title.isEmpty && !entry.explanation.isEmpty && !entry.next.isEmpty, "\(entry.code)")
        #expect(entry.explanation.hasSuffix("."), "\(entry.code)")
        #expect(entry.title.printable == entry.title)
    }
}

@Test func theSecondDigitOfACodeIsTheLastOfItsExitClass() {
    for code in ErrorCode.allCases {
        #expect(code.rawValue / 1000 == 1)
        #expect(code.rawValue / 100 % 10 == UInt16(code.exitClass.rawValue % 10))
        #expect(ErrorCode(code.description) == code)
    }
    #expect(ErrorCode.noRuleMatches.exitClass == .policy)
    #expect(ErrorCode("E9999") == nil)
    #expect(ErrorCode("E12O1") == nil)
    #expect(ErrorCode("X1201") == nil)
}

@Test func theReferenceNamesEveryCode() {
    let text = ErrorEntry.reference
    for entry in ErrorEntry.all { #expect(text.contains("### \(entry.code): \(entry.title)\n\n")) }
    #expect(text.contains("## policy, exit status 12"))
}

@Test func anErrorRendersAsTheManualShowsIt() {
    let error = CulvertError(
        .destinationDenied,
        "no rule lets this job reach db.int:5432",
        details: [
            ("job", "acme/api@456789 ref=refs/heads/feature-x event=pull_request"),
            ("closest", #"deploy-prod (policy.yaml:41) fails at: ref == "refs/heads/main""#),
        ],
        next: "culvert policy explain --session 01J... --to db.int:5432"
    )
    #expect(
        error.rendered == """
            error[E1203] policy: no rule lets this job reach db.int:5432
              job      acme/api@456789 ref=refs/heads/feature-x event=pull_request
              closest  deploy-prod (policy.yaml:41) fails at: ref == "refs/heads/main"
              next     culvert policy explain --session 01J... --to db.int:5432
            """
    )
}

@Test func whatAPeerWroteCannotSteerATerminal() {
    let error = CulvertError(.identityMismatch, "a\u{1b}[2Jb", details: [("id", "x\r\n\u{202e}y\u{7f}\u{9b}z")])
    #expect(error.rendered.unicodeScalars.allSatisfy { $0 == "\n" || (0x20...0x7e).contains($0.value) })
    #expect(error.rendered.contains(#"x\u{d}\u{a}\u{202e}y\u{7f}\u{9b}z"#))
    #expect("grün 日本".printable == "grün 日本")
    #expect("abcdef".printable(limit: 3) == "abc...")
}

/// What programs read: code, word and lists stand beside the lines for people, and come back as they were.
@Test func anErrorIsMachineReadable() throws {
    let error = CulvertError(
        .noProposalChosen,
        details: [
            ("peer", "192.0.2.1"), ("reason", "no_proposal_chosen"), ("offered", "a"), ("offered", "b"),
            ("wanted", "c"),
        ]
    )
    let data = try JSONEncoder().encode(error)
    let fields = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    #expect(fields["code"] as? String == "E1401" && fields["reason"] as? String == "no_proposal_chosen")
    #expect(fields["offered"] as? [String] == ["a", "b"] && fields["wanted"] as? [String] == ["c"])
    #expect(fields["compared"] as? [String] == [])
    #expect(try JSONDecoder().decode(CulvertError.self, from: data) == error)
}
