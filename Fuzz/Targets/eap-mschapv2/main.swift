import FuzzSupport

// The data of an EAP-MSCHAPv2 packet. MS-Length is made to fit in a second try.
fuzz { bytes in
    EAPProperties.violation(mschapv2: bytes) ?? EAPProperties.violation(mschapv2: withFittingLength(bytes))
}

func withFittingLength(_ bytes: [UInt8]) -> [UInt8] {
    guard bytes.count >= 4 else { return bytes }
    var bytes = bytes
    bytes[2] = UInt8(truncatingIfNeeded: bytes.count >> 8)
    bytes[3] = UInt8(truncatingIfNeeded: bytes.count)
    return bytes
}
