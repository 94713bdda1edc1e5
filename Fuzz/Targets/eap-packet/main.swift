import FuzzSupport

// An EAP packet. The length field is made to fit in a second try, or the fuzzer would spend its time on guessing it.
fuzz { bytes in
    EAPProperties.violation(packet: bytes) ?? EAPProperties.violation(packet: withFittingLength(bytes))
}

func withFittingLength(_ bytes: [UInt8]) -> [UInt8] {
    guard bytes.count >= 4 else { return bytes }
    var bytes = bytes
    bytes[2] = UInt8(truncatingIfNeeded: bytes.count >> 8)
    bytes[3] = UInt8(truncatingIfNeeded: bytes.count)
    return bytes
}
