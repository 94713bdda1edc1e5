import FuzzSupport

// The type of the first payload, then the decrypted content of an Encrypted payload.
fuzz(IKEMessageProperties.violation(decrypted:))
