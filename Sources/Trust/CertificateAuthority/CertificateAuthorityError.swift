import IPsecTypes
import PKI

/// Why the authority did not do what it was asked.
public enum CertificateAuthorityError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A private key cannot be read.
    case unreadableKey(String)
    /// A certificate of the authority cannot be used.
    case unusableAuthority(String)
    /// The signer's key is not the certificate's.
    case keyMismatch
    /// The trust domain is not a host name.
    case badTrustDomain(String)
    /// A name is malformed.
    case badName(String)
    /// The lifetime is outside what the profile allows.
    case badLifetime(seconds: Int64, allowed: ClosedRange<Int64>)
    /// The claims cannot be carried.
    case badClaims(CertificateClaims.Failure)
    /// The subject's key is refused.
    case badKey(String)
    /// The signing request cannot be read or its signature is wrong.
    case badRequest(String)
    /// The signing request asks for powers a leaf never gets.
    case requestRefused(String)
    /// The certificate would be larger than a leaf may be.
    case tooLarge(Int)
    /// The authority's own certificate ends too soon.
    case authorityExpires(WallTime)
    /// Signing failed.
    case signing(String)
    /// There is no certificate with that serial number.
    case unknownSerial(CertificateSerial)
    /// The record cannot be read.
    case badRecord(String)
    /// The store refused or failed.
    case store(StateStoreError)

    /// One sentence for the operator.
    public var description: String {
        switch self {
        case .unreadableKey(let reason): "the private key cannot be read: \(reason)"
        case .unusableAuthority(let reason): "the authority's certificate cannot be used: \(reason)"
        case .keyMismatch: "the authority's private key does not belong to its certificate"
        case .badTrustDomain(let name): "the trust domain \(name) is not a host name in lower case"
        case .badName(let reason): reason
        case .badLifetime(let seconds, let allowed):
            "a lifetime of \(seconds) s is outside \(allowed.lowerBound) to \(allowed.upperBound) s"
        case .badClaims(let failure): "the claims cannot be carried: \(failure)"
        case .badKey(let reason): "the key is refused: \(reason)"
        case .badRequest(let reason): "the signing request cannot be used: \(reason)"
        case .requestRefused(let reason): "the signing request is refused: \(reason)"
        case .tooLarge(let bytes): "the certificate would have \(bytes) bytes, a leaf has at most 4096"
        case .authorityExpires(let time):
            "the issuing authority's certificate ends at \(time.secondsSinceEpoch) s since 1970, too soon to issue"
        case .signing(let reason): "signing failed: \(reason)"
        case .unknownSerial(let serial): "no certificate with the serial number \(serial) was issued here"
        case .badRecord(let reason): "the record of a certificate cannot be read: \(reason)"
        case .store(let error): "the store failed: \(error)"
        }
    }
}
