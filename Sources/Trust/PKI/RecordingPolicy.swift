import SwiftASN1
import Synchronization
import X509

/// What our rules said of each path that was tried: the reasons of those that failed, and the last that passed.
final class PathFindings: Sendable {
    private struct State {
        var failures: [ValidationFailure] = []
        var passed: (path: [Certificate], peer: ValidatedPeer)?
    }

    private let state = Mutex(State())

    var first: ValidationFailure? { state.withLock { $0.failures.first } }

    /// What was found of a path that passed; nil for any other path.
    func peer(of path: [Certificate]) -> ValidatedPeer? {
        state.withLock { state in
            guard let passed = state.passed, passed.path == path else { return nil }
            return passed.peer
        }
    }

    func record(_ failure: ValidationFailure) {
        state.withLock { $0.failures.append(failure) }
    }

    func record(_ peer: ValidatedPeer, path: [Certificate]) {
        state.withLock { $0.passed = (path, peer) }
    }
}

/// Lets swift-certificates' verifier ask ``PathRules`` about each path and keeps the typed reasons.
struct RecordingPolicy: VerifierPolicy {
    /// Extensions that may be critical because ``PathRules`` or RFC5280Policy obeys them.
    static let handledExtensions: [ASN1ObjectIdentifier] = [
        .X509ExtensionID.basicConstraints, .X509ExtensionID.nameConstraints, .X509ExtensionID.keyUsage,
        .X509ExtensionID.extendedKeyUsage, .X509ExtensionID.subjectAlternativeName,
        CulvertObjectIdentifiers.certificatePolicies,
    ]

    let rules: PathRules
    /// A leaf that stands before the chain of the verifier, which cannot read its key; its signature has been checked.
    var leaf: ParsedCertificate?
    let findings: PathFindings

    var verifyingCriticalExtensions: [ASN1ObjectIdentifier] { Self.handledExtensions }

    mutating func chainMeetsPolicyRequirements(chain: UnverifiedCertificateChain) async -> PolicyEvaluationResult {
        do throws(ValidationFailure) {
            let path = (leaf.map { [$0.certificate] } ?? []) + Array(chain)
            let peer = try rules.describe(path: path)
            if leaf != nil { try rules.checkWhatTheLibraryCannot(path) }
            findings.record(peer, path: path)
            return .meetsPolicy
        } catch {
            findings.record(error)
            return .failsToMeetPolicy(reason: error.description)
        }
    }
}
