import Dataplane
import IPsecTypes

/// A data plane as one shard sees it: Child SAs, and the sockets that IKE shares with ESP (law 7).
public protocol ShardDataplane: SABackend, AnyObject {
    /// Readable while the inbox is not empty.
    var controlDescriptor: CInt { get }
    /// Takes what arrived for the control plane.
    func drainInbox(into items: inout [InboxItem], limit: Int)
    /// Sends an IKE message by the socket that the path names; false when it was dropped.
    @discardableResult
    func sendIKE(_ bytes: [UInt8], path: Path) -> Bool
    /// Sends a NAT keepalive (RFC 3948 §2.3).
    @discardableResult
    func sendKeepalive(_ path: Path) -> Bool
}

extension UserspaceDataplane: ShardDataplane {}
