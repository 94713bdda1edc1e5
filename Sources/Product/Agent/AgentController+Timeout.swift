import AdminAPI
import AuditLog
import IKEv2
import IPsecTypes
import Logging
import Runtime

/// What is said when a tunnel has not come up in the time that its user gave it.
extension AgentController {
    /// Gives up a tunnel that nobody waits for any more, unless it stood once. Returns why it did not come up, as far as it
    /// is known by now; the tunnel's status keeps that.
    func timeOut(_ name: String, after seconds: Int, shard: ShardCore) -> CulvertError {
        guard let tunnel = tunnels[name] else { return CulvertError(.connectionTimeout) }
        let error = delay(of: tunnel, seconds, shard)
        guard tunnel.state != .up, !tunnel.stoodOnce else { return error }
        tunnels[name]?.lastError = error
        tunnels[name]?.phase = .failed
        parts.logger.warning("\(error.message)", metadata: error.logMetadata.merging(["tunnel": "\(name)"]) { $1 })
        let path = tunnel.ikeSA.flatMap { shard.status($0)?.path }
        if let path { audit(.sessionRefused, name, path, error) }
        clearInterface(name)
        releaseFlows(name)
        release(name, shard)
        if let id = tunnel.ikeSA { shard.perform(.close(id, .requested)) }
        return error
    }

    private func delay(of tunnel: AgentTunnel, _ seconds: Int, _ shard: ShardCore) -> CulvertError {
        let message = "\(tunnel.connection.gateway) did not let us in within \(seconds) s"
        // An address of the gateway's that was given up says more than the next one, which was just begun.
        if let last = tunnel.lastError {
            let details = [("last", last.message)] + last.details.map { ($0.label, $0.value) }
            return CulvertError(.connectionTimeout, message, details: details, next: last.next)
        }
        guard let status = tunnel.ikeSA.flatMap({ shard.status($0) }), let silence = status.silence else {
            return CulvertError(.connectionTimeout, message, details: [("reason", "timeout")])
        }
        let losesFragments = silence.losesFragments
        return CulvertError(
            .connectionTimeout,
            message,
            details: [("peer", "\(status.path.remote)"), ("reason", losesFragments ? "fragments_lost" : "timeout")]
                + silence.details,
            next: losesFragments ? ErrorCode.fragmentsLost.entry.next : nil
        )
    }
}
