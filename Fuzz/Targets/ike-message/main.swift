import FuzzSupport

// The octets of a datagram, without non-ESP marker.
fuzz(lengthAt: LengthField(offset: 24, octets: 4, minimum: 28)) { IKEMessageProperties.violation(message: $0) }
