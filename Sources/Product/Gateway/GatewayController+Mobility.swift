import ConfigFile
import IKEv2
import IPsecTypes
import Runtime

/// What a gateway with several addresses does when one comes or goes (RFC 4555 §3.6).
extension GatewayController {
    /// The host's addresses may have changed: MOBIKE peers hear which are left, and tunnels leave one that is gone.
    func networkChanged(_ shard: ShardCore) {
        let present = Set(network.localAddresses())
        guard present != presentAddresses else { return }
        presentAddresses = present
        knownAddresses.formUnion(present)
        // An address that never was on this host stands for it elsewhere, as with one-to-one NAT.
        let told = loaded.configuration.listen.announced.filter { present.contains($0) || !knownAddresses.contains($0) }
        for status in shard.statuses where status.hasMOBIKE && !status.isInitiator {
            let local = status.path.local.address
            let isGone = knownAddresses.contains(local) && !present.contains(local)
            if isGone, told.isEmpty { continue }
            let usable = isGone ? told : [local] + told.filter { $0 != local }
            shard.perform(.localAddressesChanged(status.id, LocalAddresses(usable: usable)))
        }
    }
}
