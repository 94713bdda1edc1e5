import ConfigFile
import IKEv2
import IPsecTypes
import Logging
import PacketIO
import Runtime
import Synchronization

extension GatewayDaemon {
    /// A fresh ticket key, once an hour. One that cannot be written is not used: the one before goes on sealing.
    func renewSecrets() {
        let lifetime = current.withLock { $0.configuration.ike.ticketLifetime }
        let outcome = returnSecrets.withLock { file -> Result<ReturnSecrets, CulvertError> in
            var renewed = file
            do throws(CulvertError) {
                try renewed.renew(SystemClock.wall, ticketLifetime: lifetime)
                file = renewed
                return .success(renewed.secrets)
            } catch {
                return .failure(error)
            }
        }
        switch outcome {
        case .success(let secrets): shard.post { core, _ in core.perform(.useSecrets(secrets)) }
        case .failure(let error):
            logger.error("the ticket key cannot be renewed", metadata: ["error": "\(error.message)"])
        }
    }
}
