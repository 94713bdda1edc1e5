import IKEv2
import IPsecTypes
import PKI

extension AuthenticationFailure {
    /// Why a certificate was refused, with what it offered and what was compared.
    init(_ failure: ValidationFailure) {
        self.init(reason: failure.clockDifference == nil ? failure.code : "clock_skew", failure.description)
        switch failure {
        case .unknownIssuer(_, let issuer, let anchors):
            offered = [issuer]
            wanted = anchors
        case .badSignature(let subject, let issuer):
            offered = [subject]
            wanted = ["a signature by the key of \(issuer) that is trusted"]
        case .notAGateway(let subject, let missing):
            offered = [subject]
            wanted = [missing]
        case .keyUsage(let subject):
            offered = [subject]
            wanted = ["digitalSignature or nonRepudiation"]
        case .authorityAsPeer(let subject):
            offered = [subject]
            wanted = ["an end entity's certificate"]
        case .expired(_, let notAfter, let wallClock, let skew):
            compared = ["valid until \(notAfter.rfc3339)", Self.clock(wallClock, skew)]
            if let seconds = failure.clockDifference {
                compared.append("the peer's clock shows \(notAfter.rfc3339) or less, unless it did not renew in time")
                compared.append("ours is \(seconds) s ahead, or more")
            }
        case .notYetValid(_, let notBefore, let wallClock, let skew):
            compared = ["valid from \(notBefore.rfc3339)", Self.clock(wallClock, skew)]
            if let seconds = failure.clockDifference {
                compared.append("the issuer's clock showed \(notBefore.rfc3339) or more")
                compared.append("ours is \(-seconds) s behind, or more")
            }
        case .extendedKeyUsage(_, let found):
            offered = found
            wanted = ["1.3.6.1.5.5.7.3.17 (ipsecIKE)", "2.5.29.37.0 (any)"]
        case .identityMismatch(let identity, let names):
            offered = names
            wanted = [identity]
        case .revoked(_, let serial, let time): compared = ["serial \(serial)", "revoked at \(time.rfc3339)"]
        case .weakKey(_, let key): offered = [key]
        case .weakSignature(_, let algorithm): offered = [algorithm]
        default: break
        }
    }

    private static func clock(_ wallClock: WallTime, _ skew: Int64) -> String {
        "our clock \(wallClock.rfc3339), skew allowed \(skew) s"
    }
}
