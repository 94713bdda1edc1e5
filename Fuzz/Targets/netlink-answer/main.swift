import FuzzSupport

// A datagram of the kernel; what does not split into messages is taken as the body of one.
fuzz(NetlinkProperties.violation(datagram:))
