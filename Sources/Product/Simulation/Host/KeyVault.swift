import IKECrypto
import IKEv2

/// Ephemeral private keys between their generation and their one use.
struct KeyVault {
    private var keys: [UInt64: KeyExchangePrivateKey] = [:]
    private var last: UInt64 = 0

    /// Keys that nobody has used or discarded yet.
    var count: Int { keys.count }

    mutating func keep(_ key: KeyExchangePrivateKey) -> KeyExchangeHandle {
        last += 1
        keys[last] = key
        return KeyExchangeHandle(rawValue: last)
    }

    /// Hands a key out for good; nil when it was before.
    mutating func take(_ handle: KeyExchangeHandle) -> KeyExchangePrivateKey? {
        keys.removeValue(forKey: handle.rawValue)
    }
}
