import AuditLog
import ConfigFile
import IPsecTypes
import Logging
import PacketIO
import RADIUS
import Runtime
import Synchronization

/// The RADIUS service of a gateway, with the wires to shard and audit trail. Nothing without `radius.servers`.
final class GatewayRADIUS: Sendable {
    /// The service in force.
    let service: RADIUSSwitch
    private let run: String
    private static let stopGrace = 2.0

    /// Starts the service, and accounting with it.
    ///
    /// - Parameters:
    ///   - shard: the shard once it is there; sessions are asked through it.
    init(
        _ loaded: LoadedGateway,
        audit: AuditWriter,
        logger: Logger,
        run: String,
        shard: @escaping @Sendable () -> ControlShard?
    ) throws(CulvertError) {
        self.run = run
        let parts = try loaded.configuration.radiusParts()
        let gateway = loaded.configuration.name
        let handlers = RADIUSService.Handlers(
            dynamic: { request, answer in
                guard let shard = shard() else { return answer(.resourcesUnavailable) }
                shard.post { core, delegate in
                    guard let controller = delegate as? GatewayController else { return answer(.resourcesUnavailable) }
                    answer(controller.carryOut(request, shard: core))
                }
            },
            health: { server, isAlive in
                let event: AuditEvent =
                    server == nil ? .radiusUnreachable : isAlive ? .radiusServerUp : .radiusServerDown
                var record = AuditRecord(event, at: SystemClock.wall, gateway: gateway)
                record.reason = server ?? "no RADIUS server answers"
                audit.write(record)
            }
        )
        do throws(IOFailure) {
            service = try RADIUSSwitch(parts, logger: logger, handlers: handlers)
        } catch {
            throw error.culvertError()
        }
        account(.on)
    }

    /// Puts what a reload has read into force. Sessions and their records go on; conversations end where they began.
    func replace(_ parts: RADIUSService.Parts?) throws(CulvertError) {
        do throws(IOFailure) {
            try service.replace(parts)
        } catch {
            throw error.culvertError()
        }
    }

    /// Ends accounting and the service, after the last session.
    func stop() {
        account(.off)
        service.stop(grace: Self.stopGrace)
    }

    /// RFC 2866 §5.1: after Accounting-On a server knows that no session of before is left.
    private func account(_ status: AccountingRecord.Status) {
        service.account(
            AccountingRecord(status, sessionID: run, at: SystemClock.wall, identification: [])
        )
    }

    /// The desk for connections whose EAP settings name RADIUS; without servers it refuses.
    var desk: any EAPDesk { service }

    /// Counters for status.
    var counters: [String: UInt64] {
        guard let status = service.current?.status() else { return [:] }
        let servers = status.access + status.accounting
        var counters: [String: UInt64] = [
            "radius_servers": UInt64(servers.count),
            "radius_servers_alive": UInt64(servers.count { $0.isAlive }),
            "radius_sent": servers.reduce(0) { $0 &+ $1.sent },
            "radius_answered": servers.reduce(0) { $0 &+ $1.answered },
            "radius_records_waiting": UInt64(status.waitingRecords),
            "radius_records_lost": status.lostRecords,
        ]
        for server in servers {
            for (reason, count) in server.discarded { counters["radius_drop_\(reason.rawValue)", default: 0] += count }
        }
        for (reason, count) in status.discardedRequests { counters["radius_dynamic_drop_\(reason.rawValue)"] = count }
        return counters
    }
}
