import FuzzSupport

// The data of an EAP-MSCHAPv2 packet.
fuzz(lengthAt: LengthField(offset: 2, octets: 2, minimum: 4)) { EAPProperties.violation(mschapv2: $0) }
