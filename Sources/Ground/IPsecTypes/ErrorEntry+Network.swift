extension ErrorEntry {
    static let network: [ErrorEntry] = [
        ErrorEntry(
            .gatewayUnreachable,
            "the gateway does not answer",
            "No reply came to any of the retransmitted requests.",
            "check address and firewall: UDP 500 and 4500 must pass both ways"
        ),
        ErrorEntry(
            .noTUN,
            "no TUN device",
            "/dev/net/tun is missing or may not be opened, so no tunnel interface can be made.",
            "modprobe tun; in a container: --device /dev/net/tun"
        ),
        ErrorEntry(
            .needsPrivilege,
            "root or CAP_NET_ADMIN is needed",
            "Tunnel interfaces, addresses and routes can be changed by root or with CAP_NET_ADMIN alone.",
            "run it with sudo, or: setcap cap_net_admin+ep"
        ),
        ErrorEntry(
            .portInUse,
            "a port is in use",
            "Another program holds UDP 500 or 4500 on this address, perhaps another IKE daemon.",
            "find it with: ss -lunp"
        ),
        ErrorEntry(
            .peerDead,
            "the peer stopped answering",
            "The peer answered no liveness check for the whole retransmission time; the tunnel was taken "
                + "down.",
            "nothing to do: an agent connects again by itself"
        ),
        ErrorEntry(
            .nameNotResolved,
            "a name cannot be resolved",
            "No address was found for the name.",
            "check the name and the resolver"
        ),
        ErrorEntry(
            .routeConflict,
            "a route is in the way",
            "A route or address on this machine covers what the tunnel should carry.",
            "ip route get ADDRESS"
        ),
        ErrorEntry(
            .mtuTooSmall,
            "packets of the needed size do not pass",
            "The path drops packets that are smaller than IPv6 demands, or the MTU that was set is too "
                + "small.",
            "lower mtu in the configuration"
        ),
        ErrorEntry(
            .targetSilent,
            "a target does not answer",
            "The tunnel is up, but the target did not accept a connection in time.",
            "check the target and its way back to the gateway"
        ),
        ErrorEntry(
            .addressUnavailable,
            "a listen address is not on this machine",
            "The address that listen: names belongs to none of the interfaces.",
            "ip address; correct listen: addresses"
        ),
        ErrorEntry(
            .firewallUnavailable,
            "source NAT cannot be set up",
            "The nftables interface of the kernel refused the table.",
            "modprobe nf_tables, or set snat: false and route the pool"
        ),
        ErrorEntry(
            .forwardingUnavailable,
            "forwarding cannot be switched on",
            "The sysctl of an interface may not be written, as in an unprivileged container.",
            "run with --sysctl or as root"
        ),
        ErrorEntry(
            .kernelRefused,
            "the kernel refused a change",
            "A netlink call failed; the message names the call and the error.",
            "check the message of the kernel: dmesg"
        ),
        ErrorEntry(
            .fragmentsLost,
            "long IKE messages do not arrive",
            "Short messages of the peer and to the peer pass, and a long one or some of its fragments never do: the path "
                + "drops datagrams of that length.",
            "set ike: {fragment_size: 576} on both ends; check that firewalls pass UDP 4500"
        ),
        ErrorEntry(
            .radiusSilent,
            "a RADIUS server does not answer",
            "The server did not answer within the budget, or its answers were not believed: they need a "
                + "Message-Authenticator made with the same secret.",
            "culvert gateway check --radius; look at the server's log"
        ),
    ]
}
