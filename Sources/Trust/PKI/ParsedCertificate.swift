import FoundationEssentials
import IPsecTypes
import SwiftASN1
import X509

/// A certificate that could be read. Reading proves nothing: trust comes from ``PathValidator`` alone.
public struct ParsedCertificate: Hashable, Sendable {
    /// Largest certificate that is read, in bytes: far above any honest one, far below an IKE message.
    public static let maximumBytes = 16_384

    /// The bytes as received.
    public let der: [UInt8]
    /// SubjectPublicKeyInfo, DER.
    public let spkiDER: [UInt8]
    /// Subject, DER.
    public let subjectDER: [UInt8]
    /// Issuer, DER.
    public let issuerDER: [UInt8]
    /// The serial number.
    public let serial: CertificateSerial
    /// Start of the validity.
    public let notBefore: WallTime
    /// End of the validity, inclusive.
    public let notAfter: WallTime
    /// Subject alternative names.
    public let names: CertificateNames

    /// The subject for operators or, where it is empty, the first name; escaped.
    public let displayName: String
    /// Kind and size of the public key.
    public let key: PublicKeyDescription

    /// The certificate as swift-certificates reads it; where its own key is one that the library does not know, with another
    /// key in its place, see ``UnknownKey``.
    let certificate: Certificate
    /// What its issuer signed, where ``certificate`` does not hold it.
    let hidden: UnknownKey.Signed?

    /// SHA-256 of the SubjectPublicKeyInfo.
    public var fingerprint: SPKIFingerprint { SPKIFingerprint(ofSPKI: spkiDER) }
    /// The issuer for operators, escaped.
    public var issuerName: String { DistinguishedNameText.text(of: issuerDER) }
    /// Whether it says it is an authority's.
    public var isAuthority: Bool {
        if case .isCertificateAuthority? = try? certificate.extensions.basicConstraints { return true }
        return false
    }
    /// Whether subject and issuer are equal.
    public var isSelfIssued: Bool { subjectDER == issuerDER }

    /// Reads one DER certificate.
    ///
    /// Refused are: bytes that are no DER, unknown key types and curves (explicit EC parameters among them), keys below
    /// the policy's strength, unequal inner and outer signature algorithms, zero, negative and over-long serial numbers,
    /// repeated extensions, and names that hold control characters. ML-DSA keys are refused unless `allowsMLDSA` says that
    /// this is a leaf's certificate and that they are turned on: no such key ever checks a certificate's signature.
    public init(der: [UInt8], allowsMLDSA: Bool = false) throws(ParsedCertificateError) {
        guard der.count <= Self.maximumBytes else { throw ParsedCertificateError("\(der.count) bytes are too many") }
        let parts = try CertificateParts(der: der)
        // The key policy comes first, so that a hostile key costs no arithmetic (A05).
        key = try PublicKeyDescription(spki: parts.spki)
        try Self.check(signedBy: parts.signatureAlgorithm)
        do {
            if case .mlDSA = key {
                guard allowsMLDSA else {
                    throw ParsedCertificateError(
                        "its \(key) key is experimental and not allowed here (ike.experimental_ml_dsa)"
                    )
                }
                certificate = try Certificate(derEncoded: UnknownKey.hidden(in: der))
                hidden = UnknownKey.Signed(bytes: parts.signed, signature: parts.signature)
            } else {
                certificate = try Certificate(derEncoded: der)
                hidden = nil
            }
        } catch let error as ParsedCertificateError {
            throw error
        } catch {
            throw ParsedCertificateError(printable("\(error)"))
        }
        self.der = der
        spkiDER = parts.spki
        subjectDER = parts.subject
        issuerDER = parts.issuer
        serial = parts.serial
        notBefore = WallTime(secondsSinceEpoch: Int64(certificate.notValidBefore.timeIntervalSince1970.rounded()))
        notAfter = WallTime(secondsSinceEpoch: Int64(certificate.notValidAfter.timeIntervalSince1970.rounded()))
        names = try Self.readNames(certificate)
        let subject = DistinguishedNameText.text(of: parts.subject)
        displayName = subject.isEmpty ? (names.listed.first ?? "serial \(parts.serial)") : subject
    }

    /// Whether the issuer's key made its signature.
    func isSigned(by issuer: ParsedCertificate) -> Bool {
        // A key in the place of an unknown one checks nothing.
        guard issuer.hidden == nil else { return false }
        let key = issuer.certificate.publicKey
        guard let hidden else { return key.isValidSignature(certificate.signature, for: certificate) }
        return key.isValidSignature(
            hidden.signature,
            for: hidden.bytes,
            signatureAlgorithm: certificate.signatureAlgorithm
        )
    }

    /// swift-certificates verifies no ML-DSA signatures; a clear word instead of a path that is not found.
    private static func check(signedBy algorithm: ASN1ObjectIdentifier) throws(ParsedCertificateError) {
        guard [PublicKeyDescription.mlDSA65OID, PublicKeyDescription.mlDSA87OID].contains(algorithm) else { return }
        throw ParsedCertificateError("it is signed with ML-DSA, which is not verified in certificates yet")
    }

    /// Equal when the bytes are equal.
    public static func == (left: ParsedCertificate, right: ParsedCertificate) -> Bool { left.der == right.der }

    /// Hashes the bytes.
    public func hash(into hasher: inout Hasher) { hasher.combine(der) }

    private static func readNames(_ certificate: Certificate) throws(ParsedCertificateError) -> CertificateNames {
        let found: SubjectAlternativeNames?
        do {
            found = try certificate.extensions.subjectAlternativeNames
        } catch {
            throw ParsedCertificateError("the subject alternative names cannot be read")
        }
        var names = CertificateNames()
        for name in found ?? SubjectAlternativeNames() {
            switch name {
            case .dnsName(let text): names.dns.append(try checked(text))
            case .rfc822Name(let text): names.emails.append(try checked(text))
            case .uniformResourceIdentifier(let text): names.uris.append(try checked(text))
            case .ipAddress(let octets):
                guard let address = IPAddress(bytes: octets.bytes) else {
                    throw ParsedCertificateError("an iPAddress name has \(octets.bytes.count) bytes")
                }
                names.addresses.append(address)
            // Names that no IKE identity is compared with.
            case .otherName, .x400Address, .directoryName, .ediPartyName, .registeredID: continue
            }
        }
        return names
    }

    private static func checked(_ text: String) throws(ParsedCertificateError) -> String {
        guard !text.isEmpty, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw ParsedCertificateError("a subject alternative name is empty or holds blanks or control characters")
        }
        return text
    }
}

/// Why a certificate cannot be read, in words.
public struct ParsedCertificateError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The reason, escaped.
    public let description: String

    init(_ description: String) {
        self.description = description
    }
}

/// The parts of a certificate that are needed as the bytes they came in.
struct CertificateParts {
    let serial: CertificateSerial
    let issuer: [UInt8]
    let subject: [UInt8]
    let spki: [UInt8]
    /// What the issuer signed, with what, and the signature.
    let signed: [UInt8]
    let signatureAlgorithm: ASN1ObjectIdentifier
    let signature: [UInt8]

    init(der: [UInt8]) throws(ParsedCertificateError) {
        do {
            self = try Self.read(der)
        } catch let error as ParsedCertificateError {
            throw error
        } catch {
            throw ParsedCertificateError("not a DER certificate")
        }
    }

    private init(
        serial: CertificateSerial,
        issuer: ASN1Node,
        subject: ASN1Node,
        spki: ASN1Node,
        signed: ASN1Node,
        signatureAlgorithm: ASN1ObjectIdentifier,
        signature: ASN1BitString
    ) {
        self.serial = serial
        self.issuer = Array(issuer.encodedBytes)
        self.subject = Array(subject.encodedBytes)
        self.spki = Array(spki.encodedBytes)
        self.signed = Array(signed.encodedBytes)
        self.signatureAlgorithm = signatureAlgorithm
        self.signature = Array(signature.bytes)
    }

    private static func read(_ der: [UInt8]) throws -> CertificateParts {
        let root = try DER.parse(der)
        return try DER.sequence(root, identifier: .sequence) { nodes in
            guard let tbs = nodes.next(), let outerAlgorithm = nodes.next(), let signature = nodes.next() else {
                throw ParsedCertificateError("not a DER certificate")
            }
            guard case .constructed(let fields) = tbs.content else {
                throw ParsedCertificateError("not a DER certificate")
            }
            var parts = fields.makeIterator()
            var next = parts.next()
            if let first = next, first.identifier == ASN1Identifier(tagWithNumber: 0, tagClass: .contextSpecific) {
                next = parts.next()
            }
            guard let serialNode = next, let innerAlgorithm = parts.next(), let issuer = parts.next(),
                parts.next() != nil, let subject = parts.next(), let spki = parts.next()
            else { throw ParsedCertificateError("not a DER certificate") }
            // Padding bits beside a signature would give one certificate several encodings (P06).
            let bits = try ASN1BitString(derEncoded: signature)
            guard bits.paddingBits == 0 else {
                throw ParsedCertificateError("the signature is not whole bytes")
            }
            // RFC 5280 §4.1.1.2: both algorithm fields are the same; a difference would be malleable (P06).
            guard innerAlgorithm.encodedBytes == outerAlgorithm.encodedBytes else {
                throw ParsedCertificateError("the signature algorithm inside differs from the one outside")
            }
            guard case .constructed(let algorithm) = outerAlgorithm.content else {
                throw ParsedCertificateError("not a DER certificate")
            }
            var algorithmFields = algorithm.makeIterator()
            return CertificateParts(
                serial: try readSerial(serialNode),
                issuer: issuer,
                subject: subject,
                spki: spki,
                signed: tbs,
                signatureAlgorithm: try ASN1ObjectIdentifier(derEncoded: &algorithmFields),
                signature: bits
            )
        }
    }

    private static func readSerial(_ node: ASN1Node) throws -> CertificateSerial {
        guard node.identifier == .integer, case .primitive(let content) = node.content, let first = content.first else {
            throw ParsedCertificateError("not a DER certificate")
        }
        guard first < 0x80 else { throw ParsedCertificateError("the serial number is negative") }
        // RFC 5280 §4.1.2.2: positive, at most 20 octets of content.
        guard content.count <= 20, let serial = CertificateSerial(magnitude: content) else {
            throw ParsedCertificateError("the serial number is zero or longer than 20 octets")
        }
        return serial
    }
}
