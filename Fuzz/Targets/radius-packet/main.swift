import FuzzSupport

// The octets of a datagram. The length in the header is made to fit in half of the cases, or the fuzzer would spend its
// time on guessing it.
fuzz { bytes in
    RADIUSPacketProperties.violation(bytes) ?? RADIUSPacketProperties.violation(withFittingLength(bytes))
}

func withFittingLength(_ bytes: [UInt8]) -> [UInt8] {
    guard bytes.count >= 20 else { return bytes }
    var bytes = bytes
    bytes[2] = UInt8(truncatingIfNeeded: bytes.count >> 8)
    bytes[3] = UInt8(truncatingIfNeeded: bytes.count)
    return bytes
}
