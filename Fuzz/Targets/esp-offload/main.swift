import FuzzSupport

// A packet as the TUN gives it, virtio header first.
fuzz(ESPProperties.violation(offload:))
