import AdminAPI
import IKEv2
import IPsecTypes
import PacketIO
import Runtime

extension AgentDaemon {
    func ping(_ name: String?, _ seconds: Int) throws(CulvertError) -> AdminResponse {
        let begun = SystemClock.now
        let probe = shard.call { core, delegate -> (String, IKESAID, Instant?)? in
            guard let (name, id) = (delegate as? AgentController)?.ikeSA(name) else { return nil }
            let before = core.status(id)?.lastInbound
            core.perform(.probe(id))
            return (name, id, before)
        }
        guard let probe, let (found, id, before) = probe else {
            throw CulvertError(.unknownName, name.map { "no tunnel named \($0) is up" } ?? "no tunnel is up")
        }
        let heard = shard.wait(seconds: Double(seconds)) { core, _ -> Instant? in
            guard let last = core.status(id)?.lastInbound, last != before else { return nil }
            return last
        }
        if let heard {
            return .pong(name: found, milliseconds: Double((heard - begun).wholeNanoseconds) / 1_000_000)
        }
        throw CulvertError(.peerDead, "the peer of \(found) did not answer within \(seconds) s")
    }

    func rekey(_ name: String?, _ ike: Bool) throws(CulvertError) -> AdminResponse {
        let done = shard.call { core, delegate -> String? in
            guard let (name, id) = (delegate as? AgentController)?.ikeSA(name) else { return nil }
            core.rekey(id, ike: ike)
            return name
        }
        guard let done, let found = done else { throw CulvertError(.unknownName, "no such tunnel is up") }
        return .done("rekeying \(ike ? "the IKE SA" : "the Child SAs") of \(found)")
    }
}
