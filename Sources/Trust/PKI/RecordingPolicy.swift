import SwiftASN1
import Synchronization
import X509

/// Why each path that was tried failed our rules, in the order tried.
final class PathFindings: Sendable {
    private let failures = Mutex<[ValidationFailure]>([])

    var first: ValidationFailure? { failures.withLock { $0.first } }

    func record(_ failure: ValidationFailure) {
        failures.withLock { $0.append(failure) }
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
    let findings: PathFindings

    var verifyingCriticalExtensions: [ASN1ObjectIdentifier] { Self.handledExtensions }

    mutating func chainMeetsPolicyRequirements(chain: UnverifiedCertificateChain) async -> PolicyEvaluationResult {
        do throws(ValidationFailure) {
            _ = try rules.describe(path: Array(chain))
            return .meetsPolicy
        } catch {
            findings.record(error)
            return .failsToMeetPolicy(reason: error.description)
        }
    }
}
