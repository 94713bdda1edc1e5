import FuzzSupport

// A packet as it comes out of the tunnel or from the TUN.
fuzz(ESPProperties.violation(inner:))
