import IKEv2
import IPsecTypes
import Policy
import Runtime
import Sessions

extension GatewayController {
    /// Leads what this host sends to a peer in transport mode into the tunnel: as much as its Child SAs carry, no more and no
    /// less.
    func protect(_ session: Session, _ shard: ShardCore) {
        let children = ikeSAs[session.id].flatMap { shard.status($0) }?.children ?? []
        let wanted = children.filter { $0.mode == .transport && $0.phase != .closing }.flatMap { child in
            ProtectedFlow.flows(local: child.localSelectors, remote: child.remoteSelectors)
        }
        var present = flows[session.id] ?? []
        for flow in present where !wanted.contains(flow) { network.release(flow) }
        present.removeAll { !wanted.contains($0) }
        for flow in Set(wanted) where !present.contains(flow) {
            do throws(IOFailure) {
                try network.protect(flow)
                present.append(flow)
            } catch {
                note(error.culvertError(.kernelRefused), peer: "\(session.subject.identity)")
            }
        }
        flows[session.id] = present
    }
}
