import ESP
public import IKECrypto
import IPsecTypes

extension AvailableAlgorithms {
    /// What passes its known answers on this machine, in IKE and, by the contexts that packets go through, in ESP. It takes a
    /// fraction of a second.
    public static func tested() -> AvailableAlgorithms {
        var available = AlgorithmSelfTest.run()
        available.take(ESPSelfTest.run())
        return available
    }

    /// Takes over the results of ESP. A cipher without integrity of its own needs one that passed with it.
    mutating func take(_ results: [ESPSelfTest.Result]) {
        let passed = results.filter(\.isRight).map(\.suite)
        setESP(
            ciphers: Set(passed.map { Cipher($0.encryption, keyBits: $0.keyBits) }),
            integrity: Set(passed.filter { !$0.encryption.isAEAD }.map(\.integrity)),
            failed: results.filter { !$0.isRight }.map { "esp-\($0.suite)" }
        )
    }
}
