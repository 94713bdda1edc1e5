import FuzzSupport

// Fragments of EAP-TLS and EAP-TTLS, each with an octet of length before it.
fuzz { bytes in EAPProperties.violation(fragments: bytes) }
