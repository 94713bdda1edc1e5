import IPsecTypes
import Netlink
import Runtime

/// What sessions change on the host: routes to the networks behind sites.
protocol SiteNetwork: AnyObject {
    /// A network of this host that a route to `prefix` would take packets from.
    func conflict(_ prefix: IPPrefix) -> LocalNetworks.Overlap?
    /// Leads a network into the tunnel.
    func addRoute(_ prefix: IPPrefix) throws(IOFailure)
    /// Takes a route back.
    func removeRoute(_ prefix: IPPrefix)
    /// Leads packets to a peer in transport mode into the tunnel, and our own past it.
    func protect(_ flow: ProtectedFlow) throws(IOFailure)
    /// Takes that back.
    func release(_ flow: ProtectedFlow)
    /// The host's addresses, those of the tunnel interface not among them.
    func localAddresses() -> [IPAddress]
    /// Takes everything back, at the end.
    func tearDown()
}

extension HostNetwork: SiteNetwork {
    func conflict(_ prefix: IPPrefix) -> LocalNetworks.Overlap? { interface.conflict(prefix) }
    func protect(_ flow: ProtectedFlow) throws(IOFailure) { try interface.protect(flow) }
    func release(_ flow: ProtectedFlow) { interface.release(flow) }
    func localAddresses() -> [IPAddress] { interface.localAddresses() }
    func addRoute(_ prefix: IPPrefix) throws(IOFailure) { try interface.addRoute(prefix, from: nil) }
    func removeRoute(_ prefix: IPPrefix) { interface.removeRoute(prefix) }
}
