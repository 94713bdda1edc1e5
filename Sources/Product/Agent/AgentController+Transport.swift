import IKEv2
import IPsecTypes
import Runtime

/// Transport mode: packets to the gateway's own address go into the tunnel, and ours to it past that.
extension AgentController {
    /// What is protected before there is an SA: all that goes to where we are about to connect to, so that nothing of it
    /// leaves in clear.
    func blockUntilUp(_ name: String, _ path: Path) throws(CulvertError) {
        guard var tunnel = tunnels[name], tunnel.connection.mode == .transport, tunnel.connection.blocksWhenDown else {
            return
        }
        defer { tunnels[name] = tunnel }
        try protect(&tunnel, [ProtectedFlow(local: path.local.address, remote: path.remote.address)])
    }

    /// What an established connection protects: everything with the gateway, or, where the rest may go in clear, what its
    /// Child SAs carry.
    func carried(_ status: IKESAStatus, with connection: LoadedConnection) -> [ProtectedFlow] {
        let path = status.trafficPath
        guard !connection.blocksWhenDown else {
            return [ProtectedFlow(local: path.local.address, remote: path.remote.address)]
        }
        return status.children.flatMap { ProtectedFlow.flows(local: $0.localSelectors, remote: $0.remoteSelectors) }
    }

    /// Makes these the flows of a tunnel; what both have stays untouched.
    func protect(_ tunnel: inout AgentTunnel, _ wanted: [ProtectedFlow]) throws(CulvertError) {
        guard parts.addsRoutes else { return }
        let gone = tunnel.flows.filter { !wanted.contains($0) }
        do throws(IOFailure) {
            for flow in wanted where !tunnel.flows.contains(flow) {
                try interface.protect(flow)
                tunnel.flows.append(flow)
            }
        } catch {
            throw error.culvertError(.kernelRefused)
        }
        for flow in gone { interface.release(flow) }
        tunnel.flows.removeAll { gone.contains($0) }
    }

    /// Takes back what is led into a tunnel that nobody wants any more.
    func releaseFlows(_ name: String) {
        for flow in tunnels[name]?.flows ?? [] { interface.release(flow) }
        tunnels[name]?.flows = []
    }

    func isClosing(_ tunnel: AgentTunnel) -> Bool {
        if case .closing = tunnel.phase { true } else { false }
    }
}
