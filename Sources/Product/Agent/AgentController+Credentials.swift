import ConfigFile
import IKEv2
import IPsecTypes
import Logging
import Runtime

/// Credentials that are renewed on disk: read again before each authentication that is not the first, and when asked to.
extension AgentController {
    /// Reads a connection's files somewhere else, and calls back on the shard's thread.
    typealias Reload =
        @Sendable (
            AgentConnection,
            @escaping @Sendable (AgentController, ShardCore, Result<LoadedConnection, CulvertError>) -> Void
        ) -> Void

    /// Reads on a pool, for files and names take time.
    static func reload(
        _ loader: ConnectionLoader,
        _ pool: BoundedPool,
        _ shard: ShardSlot,
        _ logger: Logger
    ) -> Reload {
        { connection, done in
            let queued = pool.submit {
                let result = Result { () throws(CulvertError) in try loader.load(connection) }
                shard.value?.post { core, delegate in
                    if let controller = delegate as? AgentController { done(controller, core, result) }
                }
            }
            if !queued { logger.warning("files are not read again: too much work waits") }
        }
    }

    /// Reads a tunnel's files again; `then` hears whether what proves us is another now. Files that cannot be used change
    /// nothing.
    func refresh(
        _ name: String,
        _ shard: ShardCore,
        then: @escaping @Sendable (AgentController, ShardCore, Bool) -> Void = { _, _, _ in }
    ) {
        guard let reload = parts.reload, let source = tunnels[name]?.connection.source else {
            return then(self, shard, false)
        }
        reload(source) { controller, shard, result in
            then(controller, shard, controller.take(result, for: name, shard))
        }
    }

    private func take(
        _ result: Result<LoadedConnection, CulvertError>,
        for name: String,
        _ shard: ShardCore
    ) -> Bool {
        switch result {
        case .failure(let error):
            parts.logger.warning(
                "the files of a tunnel cannot be used; it goes on with what it has: \(error.message)",
                metadata: error.logMetadata.merging(["tunnel": "\(name)"]) { $1 }
            )
            return false
        case .success(var fresh):
            guard let tunnel = tunnels[name], tunnel.connection.source == fresh.source, !tunnel.isAuthenticating else {
                return false
            }
            let old = tunnel.connection.configuration
            let isOther =
                old.localAuthentication != fresh.configuration.localAuthentication
                || old.remoteAuthentication != fresh.configuration.remoteAuthentication
            fresh.isKept = tunnel.connection.isKept
            tunnels[name]?.connection = fresh
            replaceSecrets(shard)
            if isOther { parts.logger.notice("the tunnel has new credentials", metadata: ["tunnel": "\(name)"]) }
            return isOther
        }
    }

    /// Reads the files of all tunnels again. Those with other credentials are authenticated anew, without a gap.
    func reloadCredentials(_ shard: ShardCore) {
        for name in tunnels.keys.sorted() {
            refresh(name, shard) { controller, shard, isOther in
                guard isOther, case .up(let id)? = controller.tunnels[name]?.phase else { return }
                controller.beginReauthentication(id, shard)
            }
        }
    }
}

extension AgentTunnel {
    /// Whether an exchange is under way that must end with the credentials it began with.
    fileprivate var isAuthenticating: Bool {
        if case .connecting = phase { return true }
        return replacement != nil
    }
}
