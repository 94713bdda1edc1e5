import Crypto
import CryptoExtras

/// Choice, making and checking of signatures for AUTH payloads with real keys.
enum SignatureScheme {
    static func sign(
        _ octets: [UInt8],
        key: SigningKey,
        peerHashes: Set<SignatureHash>?,
        policy: SignaturePolicy
    ) throws(SignatureRefusal) -> SignatureAuthentication {
        guard let peerHashes else { return try signLegacy(octets, key, policy) }
        let usable = peerHashes.intersection(policy.hashes)
        guard let hash = preferredHashes(key).first(where: usable.contains) else { throw .noCommonHash }
        let algorithm: SignatureAlgorithm =
            switch key.storage {
            case .rsa: policy.kinds.contains(.rsaPSS) ? .rsaPSS(hash) : .rsaPKCS1(hash)
            case .p256, .p384, .p521: .ecdsa(hash)
            case .ed25519: .ed25519
            case .mlDSA65: .mlDSA65
            case .mlDSA87: .mlDSA87
            case .simulated: throw SignatureRefusal.keyTypeMismatch
            }
        guard policy.allows(algorithm) else { throw .keyKindNotAllowed }
        let signature = try makeSignature(octets, key, algorithm, raw: false)
        guard let data = algorithm.authenticationData(signature: signature) else { throw .libraryFailure }
        return SignatureAuthentication(method: .digitalSignature, data: data)
    }

    static func verify(
        _ authentication: SignatureAuthentication,
        octets: [UInt8],
        key: VerificationKey,
        policy: SignaturePolicy
    ) throws(SignatureRefusal) -> SignatureAlgorithm {
        switch authentication.method {
        case .digitalSignature:
            guard let (algorithm, signature) = SignatureAlgorithm.split(authentication.data) else {
                throw .unknownAlgorithmIdentifier
            }
            guard policy.hashes.contains(algorithm.hash) else { throw .hashNotAllowed(algorithm.hash) }
            guard policy.allows(algorithm) else { throw .algorithmNotAllowed(algorithm) }
            try check(signature, algorithm, octets, key, raw: false)
            return algorithm
        case .rsaSignature:
            return try verifyMethod1(authentication.data, octets, key, policy)
        case .ecdsa256, .ecdsa384, .ecdsa521:
            guard policy.allowsRawECDSA else { throw .methodNotAllowed(authentication.method) }
            guard rawMethod(key) == authentication.method else { throw .keyTypeMismatch }
            let hash = rawHash(authentication.method)
            guard policy.hashes.contains(hash) else { throw .hashNotAllowed(hash) }
            try check(authentication.data, .ecdsa(hash), octets, key, raw: true)
            return .ecdsa(hash)
        default:
            throw .methodNotAllowed(authentication.method)
        }
    }

    // MARK: Choice

    /// The curve's own strength first; RFC 8247 §3.2 makes SHA2-256 the common ground for RSA.
    private static func preferredHashes(_ key: SigningKey) -> [SignatureHash] {
        switch key.storage {
        case .rsa, .p256: [.sha256, .sha384, .sha512]
        case .p384: [.sha384, .sha512, .sha256]
        case .p521: [.sha512, .sha384, .sha256]
        // RFC 8420 §2; draft-ietf-ipsecme-ikev2-pqc-auth §3.2.1: never for a peer that did not list Identity.
        case .ed25519, .mlDSA65, .mlDSA87: [.identity]
        case .simulated: []
        }
    }

    /// The peer knows no RFC 7427: methods 1 and 9 to 11, where configured.
    private static func signLegacy(
        _ octets: [UInt8],
        _ key: SigningKey,
        _ policy: SignaturePolicy
    ) throws(SignatureRefusal) -> SignatureAuthentication {
        let method: AuthMethod
        switch key.storage {
        case .rsa where policy.kinds.contains(.rsaPKCS1): method = .rsaSignature
        case .p256 where policy.allowsRawECDSA: method = .ecdsa256
        case .p384 where policy.allowsRawECDSA: method = .ecdsa384
        case .p521 where policy.allowsRawECDSA: method = .ecdsa521
        default: throw .peerLacksHashNegotiation
        }
        if method == .rsaSignature {
            let signature = try makeSignature(octets, key, .rsaPKCS1(.sha256), raw: false)
            return SignatureAuthentication(method: method, data: signature)
        }
        let signature = try makeSignature(octets, key, .ecdsa(rawHash(method)), raw: true)
        return SignatureAuthentication(method: method, data: signature)
    }

    private static func rawMethod(_ key: VerificationKey) -> AuthMethod? {
        switch key.storage {
        case .p256: .ecdsa256
        case .p384: .ecdsa384
        case .p521: .ecdsa521
        case .rsa, .ed25519, .mlDSA65, .mlDSA87, .simulated: nil
        }
    }

    /// RFC 4754 §2: each method fixes its hash.
    private static func rawHash(_ method: AuthMethod) -> SignatureHash {
        switch method {
        case .ecdsa256: .sha256
        case .ecdsa384: .sha384
        default: .sha512
        }
    }

    /// Method 1 does not name its hash outside the signature, so each allowed one is tried.
    private static func verifyMethod1(
        _ signature: [UInt8],
        _ octets: [UInt8],
        _ key: VerificationKey,
        _ policy: SignaturePolicy
    ) throws(SignatureRefusal) -> SignatureAlgorithm {
        guard policy.kinds.contains(.rsaPKCS1) else { throw .methodNotAllowed(.rsaSignature) }
        for hash in [SignatureHash.sha256, .sha384, .sha512] where policy.hashes.contains(hash) {
            do {
                try check(signature, .rsaPKCS1(hash), octets, key, raw: false)
                return .rsaPKCS1(hash)
            } catch {
                guard error == .badSignature else { throw error }
            }
        }
        throw .badSignature
    }

    // MARK: Signatures

    private static func digest(_ octets: [UInt8], _ hash: SignatureHash) -> (any Digest)? {
        switch hash {
        case .sha256: SHA256.hash(data: octets)
        case .sha384: SHA384.hash(data: octets)
        case .sha512: SHA512.hash(data: octets)
        case .identity: nil
        }
    }

    private static func makeSignature(
        _ octets: [UInt8],
        _ key: SigningKey,
        _ algorithm: SignatureAlgorithm,
        raw: Bool
    ) throws(SignatureRefusal) -> [UInt8] {
        do {
            switch key.storage {
            case .ed25519(let key): return Array(try key.signature(for: octets))
            // Pure, hedged and with an empty context (draft-ietf-ipsecme-ikev2-pqc-auth §3.2).
            case .mlDSA65(let key): return Array(try key.signature(for: octets))
            case .mlDSA87(let key): return Array(try key.signature(for: octets))
            case .rsa, .p256, .p384, .p521, .simulated: break
            }
            guard let digest = digest(octets, algorithm.hash) else { throw SignatureRefusal.keyTypeMismatch }
            switch key.storage {
            case .rsa(let key):
                if case .rsaPKCS1 = algorithm {
                    return Array(try key.signature(for: digest, padding: .insecurePKCS1v1_5).rawRepresentation)
                }
                return Array(try key.signature(for: digest, padding: .PSS).rawRepresentation)
            case .p256(let key):
                let signature = try key.signature(for: digest)
                return Array(raw ? signature.rawRepresentation : signature.derRepresentation)
            case .p384(let key):
                let signature = try key.signature(for: digest)
                return Array(raw ? signature.rawRepresentation : signature.derRepresentation)
            case .p521(let key):
                let signature = try key.signature(for: digest)
                return Array(raw ? signature.rawRepresentation : signature.derRepresentation)
            case .ed25519, .mlDSA65, .mlDSA87, .simulated:
                throw SignatureRefusal.keyTypeMismatch
            }
        } catch let refusal as SignatureRefusal {
            throw refusal
        } catch {
            throw .libraryFailure
        }
    }

    /// Returns when `signature` is good; throws otherwise (A03: there is no third outcome).
    static func check(
        _ signature: [UInt8],
        _ algorithm: SignatureAlgorithm,
        _ octets: [UInt8],
        _ key: VerificationKey,
        raw: Bool
    ) throws(SignatureRefusal) {
        switch (algorithm, key.storage) {
        case (.ed25519, .ed25519(let key)):
            guard signature.count == 64 else { throw .malformedSignature }
            guard key.isValidSignature(signature, for: octets) else { throw .badSignature }
        case (.rsaPSS(let hash), .rsa(let key, let length)):
            try checkRSA(signature, octets, hash, key, length, .PSS)
        case (.rsaPKCS1(let hash), .rsa(let key, let length)):
            try checkRSA(signature, octets, hash, key, length, .insecurePKCS1v1_5)
        case (.ecdsa(let hash), .p256), (.ecdsa(let hash), .p384), (.ecdsa(let hash), .p521):
            guard let digest = digest(octets, hash) else { throw .unknownAlgorithmIdentifier }
            try checkECDSA(signature, digest, key, raw)
        case (.mlDSA65, .mlDSA65(let key)):
            guard signature.count == MLDSAEncoding.ml65.signatureLength else { throw .malformedSignature }
            guard key.isValidSignature(signature, for: octets) else { throw .badSignature }
        case (.mlDSA87, .mlDSA87(let key)):
            guard signature.count == MLDSAEncoding.ml87.signatureLength else { throw .malformedSignature }
            guard key.isValidSignature(signature, for: octets) else { throw .badSignature }
        case (.ed25519, _), (.rsaPSS, _), (.rsaPKCS1, _), (.ecdsa, _), (.mlDSA65, _), (.mlDSA87, _):
            throw .keyTypeMismatch
        }
    }

    private static func checkRSA(
        _ signature: [UInt8],
        _ octets: [UInt8],
        _ hash: SignatureHash,
        _ key: _RSA.Signing.PublicKey,
        _ modulusLength: Int,
        _ padding: _RSA.Signing.Padding
    ) throws(SignatureRefusal) {
        guard let digest = digest(octets, hash) else { throw .unknownAlgorithmIdentifier }
        guard signature.count == modulusLength else { throw .malformedSignature }
        let candidate = _RSA.Signing.RSASignature(rawRepresentation: signature)
        guard key.isValidSignature(candidate, for: digest, padding: padding) else { throw .badSignature }
    }

    private static func checkECDSA(
        _ signature: [UInt8],
        _ digest: any Digest,
        _ key: VerificationKey,
        _ raw: Bool
    ) throws(SignatureRefusal) {
        do {
            let valid: Bool
            switch key.storage {
            case .p256(let key):
                guard raw ? signature.count == 64 : (8...72).contains(signature.count) else {
                    throw SignatureRefusal.malformedSignature
                }
                let candidate =
                    raw
                    ? try P256.Signing.ECDSASignature(rawRepresentation: signature)
                    : try P256.Signing.ECDSASignature(derRepresentation: signature)
                valid = key.isValidSignature(candidate, for: digest)
            case .p384(let key):
                guard raw ? signature.count == 96 : (8...104).contains(signature.count) else {
                    throw SignatureRefusal.malformedSignature
                }
                let candidate =
                    raw
                    ? try P384.Signing.ECDSASignature(rawRepresentation: signature)
                    : try P384.Signing.ECDSASignature(derRepresentation: signature)
                valid = key.isValidSignature(candidate, for: digest)
            case .p521(let key):
                guard raw ? signature.count == 132 : (8...139).contains(signature.count) else {
                    throw SignatureRefusal.malformedSignature
                }
                let candidate =
                    raw
                    ? try P521.Signing.ECDSASignature(rawRepresentation: signature)
                    : try P521.Signing.ECDSASignature(derRepresentation: signature)
                valid = key.isValidSignature(candidate, for: digest)
            case .rsa, .ed25519, .mlDSA65, .mlDSA87, .simulated:
                throw SignatureRefusal.keyTypeMismatch
            }
            guard valid else { throw SignatureRefusal.badSignature }
        } catch let refusal as SignatureRefusal {
            throw refusal
        } catch {
            throw .malformedSignature
        }
    }
}
