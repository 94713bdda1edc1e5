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
        (.tooManyRetries, .peerProtocol, "too_many_retries"),
        (.keyExchange(.x25519), .peerProtocol, "key_exchange_refused"),
        (.malformed("nonce"), .peerProtocol, "malformed"),
        (.protocolViolation("no AUTH"), .peerProtocol, "protocol_violation"),
        (.timeout, .gatewayUnreachable, "timeout"),
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
