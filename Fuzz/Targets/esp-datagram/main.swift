import FuzzSupport

// An ESP packet as it comes from the network, from the SPI on.
fuzz(ESPProperties.violation(datagram:))
