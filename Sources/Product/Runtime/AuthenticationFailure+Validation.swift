import IKEv2
import IPsecTypes
import PKI

extension AuthenticationFailure {
    /// Why a certificate was refused, with what it offered and what was compared.
    init(_ failure: ValidationFailure) {
        self.init(reason: failure.code, failure.description)
        switch failure {
        case .unknownIssuer(_, let issuer, let anchors):
            offered = [issuer]
            wanted = anchors
        case .expired(_, let notAfter, let wallClock, let skew):
            compared = ["valid until \(notAfter.rfc3339)", Self.clock(wallClock, skew)]
        case .notYetValid(_, let notBefore, let wallClock, let skew):
            compared = ["valid from \(notBefore.rfc3339)", Self.clock(wallClock, skew)]
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
