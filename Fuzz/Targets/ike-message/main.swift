import FuzzSupport

// The octets of a datagram, without non-ESP marker. The length in the header is made to fit in most inputs, or the
// fuzzer would spend its time on guessing it.
fuzz { bytes in
    IKEMessageProperties.violation(message: bytes) ?? IKEMessageProperties.violation(message: withFittingLength(bytes))
}

func withFittingLength(_ bytes: [UInt8]) -> [UInt8] {
    guard bytes.count >= 28 else { return bytes }
    var bytes = bytes
    for index in 0..<4 { bytes[24 + index] = UInt8(truncatingIfNeeded: bytes.count >> (8 * (3 - index))) }
    return bytes
}
