import FuzzSupport

// A SubjectPublicKeyInfo, a private key, or the Authentication Data of an AUTH payload.
fuzz(PublicKeyProperties.violation(octets:))
