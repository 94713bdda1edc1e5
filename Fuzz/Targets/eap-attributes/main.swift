import FuzzSupport

// What is said inside EAP-TTLS.
fuzz { bytes in EAPProperties.violation(attributes: bytes) }
