import IPsecTypes
import PKI
import SwiftASN1
import X509

/// A PKCS #10 request that was read and whose signature is right. Only its key is ever used.
public struct SigningRequest: Sendable {
    /// Largest request that is read.
    public static let maximumBytes = 16_384

    /// The subject's key, DER SubjectPublicKeyInfo.
    public let spkiDER: [UInt8]
    /// Kind and size of the key.
    public let key: PublicKeyDescription
    /// What the request asks for beside its key, in words. None of it is granted; the profile decides.
    public let asksFor: [String]

    /// Reads a PEM or DER request. A request for an authority's powers is refused, not trimmed: whoever asks for them
    /// expects a certificate that will not come.
    public init(_ file: [UInt8]) throws(CertificateAuthorityError) {
        guard file.count <= Self.maximumBytes else { throw .badRequest("it is over \(Self.maximumBytes) bytes") }
        let der = try Self.der(file)
        let request: CertificateSigningRequest
        do {
            spkiDER = try Self.spki(der)
            key = try PublicKeyDescription(spki: spkiDER)
        } catch let error as ParsedCertificateError {
            throw .badKey(error.description)
        } catch {
            throw .badRequest("it is no PKCS #10 request")
        }
        do {
            request = try CertificateSigningRequest(derEncoded: der)
        } catch {
            throw .badRequest("it is no PKCS #10 request with a key and signature of a known kind")
        }
        guard request.signatureAlgorithm != .sha1WithRSAEncryption else {
            throw .badRequest("it is signed with SHA-1")
        }
        guard request.publicKey.isValidSignature(request.signature, for: request) else {
            throw .badRequest("its signature was not made by its key")
        }
        asksFor = try Self.wishes(of: request)
    }

    private static func der(_ file: [UInt8]) throws(CertificateAuthorityError) -> [UInt8] {
        guard file.first != 0x30 else { return file }
        let blocks: [PEM.Block]
        do {
            blocks = try PEM.blocks(in: file)
        } catch {
            throw .badRequest(error.description)
        }
        let labels = ["CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"]
        guard blocks.count == 1, let block = blocks.first, labels.contains(block.label) else {
            throw .badRequest("the file must hold one CERTIFICATE REQUEST and nothing else")
        }
        return block.der
    }

    /// The key's bytes as they stand in the request.
    private static func spki(_ der: [UInt8]) throws -> [UInt8] {
        guard case .constructed(let outer) = try DER.parse(der).content else {
            throw CertificateAuthorityError.badRequest("")
        }
        var parts = outer.makeIterator()
        guard let info = parts.next(), case .constructed(let fields) = info.content else {
            throw CertificateAuthorityError.badRequest("")
        }
        // One request has one encoding: no padding bits beside its signature.
        guard parts.next() != nil, try ASN1BitString(derEncoded: &parts).paddingBits == 0 else {
            throw CertificateAuthorityError.badRequest("")
        }
        var inner = fields.makeIterator()
        guard inner.next() != nil, inner.next() != nil, let key = inner.next() else {
            throw CertificateAuthorityError.badRequest("")
        }
        return Array(key.encodedBytes)
    }

    private static func wishes(of request: CertificateSigningRequest) throws(CertificateAuthorityError) -> [String] {
        var wishes: [String] = []
        if !request.subject.isEmpty { wishes.append("subject \(escaped("\(request.subject)"))") }
        let extensions: Certificate.Extensions
        do {
            extensions = try request.attributes.extensionRequest?.extensions ?? Certificate.Extensions()
            if case .isCertificateAuthority? = try extensions.basicConstraints {
                throw CertificateAuthorityError.requestRefused("it asks to be an authority (CA:TRUE)")
            }
            if let usage = try extensions.keyUsage, usage.keyCertSign || usage.cRLSign {
                throw CertificateAuthorityError.requestRefused("it asks to sign certificates or revocation lists")
            }
            for name in try extensions.subjectAlternativeNames ?? SubjectAlternativeNames() {
                wishes.append("name \(escaped("\(name)"))")
            }
        } catch let error as CertificateAuthorityError {
            throw error
        } catch {
            throw .badRequest("its extensions cannot be read")
        }
        for found in extensions where found.oid != .X509ExtensionID.subjectAlternativeName {
            wishes.append("extension \(found.oid)")
        }
        for attribute in request.attributes where attribute.oid != .CSRAttributes.extensionRequest {
            wishes.append("attribute \(attribute.oid)")
        }
        return Array(wishes.prefix(64))
    }

    private static func escaped(_ text: String) -> String {
        text.unicodeScalars.prefix(256).map { $0.value >= 0x20 && $0.value < 0x7F ? String($0) : "?" }.joined()
    }
}
