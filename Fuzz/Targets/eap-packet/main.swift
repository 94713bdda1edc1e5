import FuzzSupport

// An EAP packet.
fuzz(lengthAt: LengthField(offset: 2, octets: 2, minimum: 4)) { EAPProperties.violation(packet: $0) }
