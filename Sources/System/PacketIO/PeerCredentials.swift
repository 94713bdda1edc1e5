import CLinux
import Glibc
import IPsecTypes

/// Who is at the other end of a Unix socket, as the kernel says (SO_PEERCRED).
public struct PeerCredentials: Hashable, Sendable {
    /// The process that connected.
    public var processID: Int32
    /// Its effective user.
    public var userID: UInt32
    /// Its effective group.
    public var groupID: UInt32

    /// Asks for the peer of a connected Unix stream socket.
    public init(of descriptor: CInt) throws(IOFailure) {
        var process: Int32 = 0
        var user: UInt32 = 0
        var group: UInt32 = 0
        try check(culvert_peer_credentials(descriptor, &process, &user, &group), "getsockopt SO_PEERCRED")
        processID = process
        userID = user
        groupID = group
    }
}
