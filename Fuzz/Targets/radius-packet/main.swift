import FuzzSupport

// The octets of a datagram.
fuzz(lengthAt: LengthField(offset: 2, octets: 2, minimum: 20)) { RADIUSPacketProperties.violation($0) }
