import Glibc
import IKECrypto
import IKEMessage
import IPsecTypes
import Logging
import PKI
import Store
import Testing

@testable import IKEv2
@testable import Runtime

private let path = Path(
    transport: .udp500,
    local: Endpoint(.v4(0x0a00_0001), port: 500),
    remote: Endpoint(.v4(0xc000_0201), port: 500)
)

private func report(_ cause: FailureReport.Cause, _ identity: Identity? = nil) -> FailureReport {
    FailureReport(
        stage: .authentication,
        weInitiated: false,
        connection: "agents",
        child: nil,
        path: path,
        remoteIdentity: identity,
        cause: cause
    )
}

private func selector(_ text: String) -> TrafficSelector { TrafficSelector(IPPrefix(text) ?? host) }
private let host = IPRange.all(.v4).prefixes[0]

@Suite struct FailureTextTests {
    private static let proposals = ProposalMismatch(
        offered: ["AES_CBC_128"],
        accepted: ["AES_GCM_16_256"],
        reasons: ["ENCR"]
    )
    private static let selectors = SelectorMismatch(
        wantedLocal: [selector("10.1.0.0/16")],
        wantedRemote: [selector("10.99.0.1")],
        grantedLocal: [selector("10.2.0.0/16")],
        grantedRemote: []
    )

    private static let expectations: [(FailureReport.Cause, ErrorCode, String)] = [
        (.noProposalChosen(proposals), .noProposalChosen, "no_proposal_chosen"),
        (.peerRefusedProposals(offered: ["AES_CBC_128"]), .noProposalChosen, "no_proposal_chosen"),
        (.selectors(selectors), .selectorsRefused, "selectors_refused"),
        (.peerRefusedSelectors(selectors), .selectorsRefused, "selectors_refused"),
        (
            .identity(IdentityMismatch(claimed: .fqdn("b.example"), expected: [.fqdn("a.example")])),
            .identityMismatch, "identity_mismatch"
        ),
        (.authentication("psk_mismatch: no"), .pskMismatch, "psk_mismatch"),
        (.authentication("something else"), .authenticationFailed, "authentication_failed"),
        (.refused("no rule fits runner1"), .policyRefused, "policy_refused"),
        (.peerRefused(.authenticationFailed), .authenticationFailed, "peer_refused_authentication_failed"),
        (.peerRefused(.noProposalChosen), .noProposalChosen, "peer_refused_no_proposal_chosen"),
        (.peerRefused(.tsUnacceptable), .selectorsRefused, "peer_refused_ts_unacceptable"),
        (.peerRefused(.internalAddressFailure), .poolExhausted, "peer_refused_internal_address_failure"),
        (.peerRefused(.failedCPRequired), .poolExhausted, "peer_refused_failed_cp_required"),
        (.peerRefused(.temporaryFailure), .gatewayBusy, "peer_refused_temporary_failure"),
        (.peerRefused(.noAdditionalSAs), .gatewayBusy, "peer_refused_no_additional_sas"),
        (.peerRefused(.invalidSyntax), .peerProtocol, "peer_refused_invalid_syntax"),
        (.tooManyRetries(4), .peerProtocol, "too_many_retries"),
        (.keyExchange(.x25519), .peerProtocol, "key_exchange_refused"),
        (.malformed("nonce"), .peerProtocol, "malformed"),
        (.protocolViolation("no AUTH"), .peerProtocol, "protocol_violation"),
        (.timeout, .peerDead, "timeout"),
        (.limit("children"), .limitReached, "limit"),
        (.backend("duplicate SPI"), .kernelRefused, "backend_refused"),
    ]

    @Test func everyCauseHasItsCodeAndItsWord() {
        for (cause, code, word) in Self.expectations {
            let failure = report(cause)
            #expect(failure.error.code == code, "\(cause)")
            #expect(failure.word == word, "\(cause)")
            #expect(failure.error.details.first?.value == "192.0.2.1:500")
        }
    }

    @Test func whatDifferedIsShownOnBothSides() {
        let proposals = report(.noProposalChosen(Self.proposals)).error.rendered
        #expect(proposals.contains("AES_CBC_128") && proposals.contains("AES_GCM_16_256") && proposals.contains("ENCR"))
        let selectors = report(.selectors(Self.selectors)).error.rendered
        #expect(selectors.contains("10.1.0.0/16") && selectors.contains("10.2.0.0/16"))
        let identity = report(
            .identity(IdentityMismatch(claimed: .fqdn("b.example"), expected: [.fqdn("a.example")]))
        ).error.rendered
        #expect(identity.contains("a.example") && identity.contains("b.example"))
        #expect(report(.timeout, .fqdn("evil\u{1b}[31m")).error.rendered.contains("\u{1b}") == false)
    }

    /// An agent is told that the gateway does not answer, a gateway that its caller fell silent, and both what they know.
    @Test func silenceIsToldAsWhatItIs() throws {
        var silence = PeerSilence(
            unanswered: .init(
                exchange: .ikeAuth,
                transmissions: 6,
                waited: .seconds(20),
                lengths: [1248, 1248, 90],
                isFirstToPort: true
            ),
            longestArrived: 420
        )
        var failure = report(.timeout)
        failure.weInitiated = true
        #expect(failure.error.code == .gatewayUnreachable && failure.word == "timeout")
        failure.silence = silence
        #expect(failure.error.code == .fragmentsLost && failure.word == "fragments_lost")
        #expect(failure.error.values("reason") == ["fragments_lost"])
        #expect(failure.error.values("offered") == ["IKE_AUTH: 3 fragments of up to 1248 octets, sent 6 times"])
        #expect(failure.error.values("compared").contains("the longest of ours that arrived: 420 octets"))
        #expect(failure.error.next.contains("fragment_size"))
        silence.unanswered = nil
        silence.longestArrived = 0
        failure.silence = silence
        #expect(failure.error.code == .gatewayUnreachable)
        silence.partial = .init(received: 1, total: 3, longest: 90, isResponse: false)
        failure.silence = silence
        failure.weInitiated = false
        #expect(failure.error.code == .fragmentsLost)
        #expect(failure.error.values("wanted") == ["all 3 fragments of the peer's request"])
        #expect(failure.error.values("compared").contains("1 came, up to 90 octets long"))
        failure.silence = nil
        #expect(failure.error.code == .peerDead)
    }

    /// A clock that is wrong has a word of its own, and both clocks stand there.
    @Test func aWrongClockIsToldAsSuch() {
        let now = WallTime(secondsSinceEpoch: 1_800_000_000)
        let cases: [(Int64, Bool, ErrorCode, String)] = [
            (61, true, .clocksDiffer, "clock_skew"), (86_400, true, .clocksDiffer, "clock_skew"),
            (86_401, true, .certificateNotYetValid, "cert_not_yet_valid"),
            (-61, false, .clocksDiffer, "clock_skew"), (-600, false, .clocksDiffer, "clock_skew"),
            (-601, false, .certificateExpired, "cert_expired"),
        ]
        for (seconds, isEarly, code, word) in cases {
            let time = now.advanced(bySeconds: seconds)
            let failure: ValidationFailure =
                isEarly
                ? .notYetValid(subject: "s", notBefore: time, wallClock: now, skew: 60)
                : .expired(subject: "s", notAfter: time, wallClock: now, skew: 60)
            let reported = report(.authentication(AuthenticationFailure(failure)))
            #expect(reported.error.code == code && reported.word == word, "\(seconds)")
            let compared = reported.error.values("compared").joined(separator: "; ")
            #expect(compared.contains(now.rfc3339) && compared.contains(time.rfc3339), "\(compared)")
            if code == .clocksDiffer {
                #expect(compared.contains("\(abs(seconds)) s") && reported.error.next.contains("date -u"))
            }
        }
    }

    /// Whatever fails, programs find lists of what was offered, wanted and compared.
    @Test func theWordsAreTheSameForEveryFailure() {
        let proposals = report(.noProposalChosen(Self.proposals)).error
        #expect(proposals.values("offered") == ["AES_CBC_128"] && proposals.values("wanted") == ["AES_GCM_16_256"])
        #expect(proposals.values("compared") == ["ENCR"])
        let selectors = report(.selectors(Self.selectors)).error
        #expect(selectors.values("offered") == ["10.1.0.0/16 === 10.99.0.1/32"])
        #expect(selectors.values("wanted") == ["10.2.0.0/16 === nothing known"])
        let identity = report(.identity(IdentityMismatch(claimed: .fqdn("b.example"), expected: [.fqdn("a.example")])))
        #expect(identity.error.values("offered").count == 1 && identity.error.values("wanted").count == 1)
        #expect(report(.tooManyRetries(5)).error.values("compared").first?.contains("5 times") == true)
    }

    @Test func everyRefusalOfACertificateHasTheCodeOfItsKind() throws {
        let serial = try #require(CertificateSerial("01"))
        let time = WallTime(secondsSinceEpoch: 0)
        let failures: [(ValidationFailure, ErrorCode)] = [
            (.noTrustAnchor, .untrustedIssuer),
            (.unknownIssuer(subject: "s", issuer: "i", anchors: []), .untrustedIssuer),
            (.badSignature(subject: "s", issuer: "i"), .untrustedIssuer),
            (.notYetValid(subject: "s", notBefore: time, wallClock: time, skew: 60), .certificateNotYetValid),
            (.expired(subject: "s", notAfter: time, wallClock: time, skew: 60), .certificateExpired),
            (.weakKey(subject: "s", key: "rsa-1024"), .weakKey),
            (.weakSignature(subject: "s", algorithm: "sha1"), .weakKey),
            (.authorityAsPeer(subject: "s"), .wrongRole),
            (.keyUsage(subject: "s"), .wrongRole),
            (.extendedKeyUsage(subject: "s", found: []), .wrongRole),
            (.notAGateway(subject: "s", missing: "policy"), .wrongRole),
            (.revoked(subject: "s", serial: serial, at: time), .certificateRevoked),
            (.identityMismatch(wanted: "a", offered: ["b"]), .identityMismatch),
            (.identityUnusable(identity: "a", reason: "r"), .identityMismatch),
            (.noCertificate, .authenticationFailed),
        ]
        for (failure, code) in failures {
            let reported = report(.authentication("\(failure.code): \(failure.description)"))
            #expect(reported.error.code == code, "\(failure.code)")
            #expect(reported.word == failure.code)
        }
    }

    @Test func everyCloseReasonHasAWordOfItsOwn() {
        let reasons: [CloseReason] = [
            .requested, .deletedByPeer, .rekeyed, .redundant, .peerDead, .replaced, .initialContact, .expired,
            .lifetime, .protocolError("x"), .outOfSync, .configurationRemoved, .ikeSAClosed, .authenticationFailed,
        ]
        #expect(Set(reasons.map(\.word)).count == reasons.count)
    }
}

@Suite struct LogAndErrorTests {
    @Test func noValueWritesALineOrAKeyOfItsOwn() {
        let line = LogLines.line(
            WallTime(secondsSinceEpoch: 1_769_860_800),
            .warning,
            "culvert",
            "one\ntwo",
            ["peer": "a\" code=\"E0000", "escape": "\u{1b}[2J\r\n2026 forged", "b": "plain"]
        )
        #expect(line.hasPrefix("2026-01-31T12:00:00Z warning culvert: one\\u{a}two b=\"plain\" escape=\""))
        #expect(line.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7f })
        #expect(line.contains("peer=\"a\\\" code=\\\"E0000\""))
    }

    @Test func systemErrorsAreNamed() {
        let cases: [(String, CInt, ErrorCode)] = [
            ("bind udp 0.0.0.0:500", EADDRINUSE, .portInUse),
            ("bind udp 192.0.2.1:500", EADDRNOTAVAIL, .addressUnavailable),
            ("bind udp 0.0.0.0:500", EACCES, .needsPrivilege),
            ("open /dev/net/tun", ENOENT, .noTUN),
            ("open /dev/net/tun", ENODEV, .noTUN),
            ("open /dev/net/tun", EPERM, .needsPrivilege),
            ("write x", ENOSPC, .diskFull),
            ("find link", ENODEV, .kernelRefused),
            ("something", EIO, .kernelRefused),
        ]
        for (call, code, expected) in cases {
            let error = IOFailure(call: call, code: code).culvertError()
            #expect(error.code == expected, "\(call) \(code)")
            #expect(error.message.hasPrefix(call))
        }
        #expect(IOFailure(call: "x", code: EIO).culvertError(.controlRefused).code == .controlRefused)
        #expect(IOFailure(call: "x", code: EIO, hint: "do this").culvertError().next == "do this")
    }

    @Test func filesAreNamedWithWhatIsWrong() throws {
        func failure(_ path: String, isPrivate: Bool = false) -> CulvertError? {
            do throws(AtomicFile.Failure) {
                _ = isPrivate ? try AtomicFile.readPrivate(path) : try AtomicFile.read(path)
                return nil
            } catch {
                return error.culvertError
            }
        }
        #expect(failure("/nonexistent/file")?.code == .missingFile)
        #expect(failure("/etc/passwd", isPrivate: true)?.code == .filePermissions)
        #expect(failure("/etc")?.code == .unreadableFile)
    }

    @Test func pathsHaveTheirDirectories() {
        #expect("/run/culvert/x.sock".parentDirectory == "/run/culvert")
        #expect("/x".parentDirectory == "/")
        #expect("x".parentDirectory == ".")
    }
}
