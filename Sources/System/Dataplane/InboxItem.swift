public import IPsecTypes

/// What the data plane hands to the control plane.
public enum InboxItem: Hashable, Sendable {
    /// An IKE message, without the non-ESP marker, and how it came.
    case ike(bytes: [UInt8], path: Path)
    /// Something an SA's owner must know.
    case event(SABackendEvent)
}
