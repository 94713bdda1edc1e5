import CLinux
import Glibc
import IPsecTypes

/// Waits for descriptors: epoll. One owner; others wake it through an ``EventSignal``.
public final class Poller {
    /// What to wait for, and what has happened.
    public struct Interest: OptionSet, Hashable, Sendable {
        /// The bits.
        public var rawValue: UInt32

        /// Makes an interest of bits.
        public init(rawValue: UInt32) { self.rawValue = rawValue }

        /// Something can be read.
        public static var readable: Interest { Interest(rawValue: 1) }
        /// Something can be written.
        public static var writable: Interest { Interest(rawValue: 2) }
        /// The other end closed or the descriptor failed; only reported.
        public static var closed: Interest { Interest(rawValue: 4) }
        /// Report changes only; only asked for.
        public static var edge: Interest { Interest(rawValue: 8) }
    }

    /// A descriptor that is ready.
    public struct Event: Hashable, Sendable {
        /// What it was added with.
        public var token: UInt64
        /// What it is ready for.
        public var ready: Interest
    }

    /// The epoll descriptor, which can itself be waited for.
    public let descriptor: CInt
    private static let capacity = 64
    private let events: UnsafeMutablePointer<culvert_event>

    /// Opens an empty poller.
    public init() throws(IOFailure) {
        descriptor = try check(culvert_epoll_create(), "epoll_create1")
        events = .allocate(capacity: Self.capacity)
        events.initialize(repeating: culvert_event(), count: Self.capacity)
    }

    deinit {
        events.deallocate()
        close(descriptor)
    }

    /// Adds a descriptor; `token` names it in events.
    public func add(_ descriptor: CInt, _ interest: Interest, token: UInt64) throws(IOFailure) {
        try control(CULVERT_POLL_ADD, descriptor, interest, token)
    }

    /// Changes what a descriptor is waited for.
    public func modify(_ descriptor: CInt, _ interest: Interest, token: UInt64) throws(IOFailure) {
        try control(CULVERT_POLL_MODIFY, descriptor, interest, token)
    }

    /// Takes a descriptor out; before it is closed.
    public func remove(_ descriptor: CInt) throws(IOFailure) {
        try control(CULVERT_POLL_REMOVE, descriptor, [], 0)
    }

    /// Waits until something is ready or the time is over.
    ///
    /// - Parameter timeout: nil waits for ever; zero does not wait. Rounded up to milliseconds.
    /// - Returns: how many events there are, to be read with ``event(_:)`` before the next call; 0 after a time-out or
    ///   an interrupting signal.
    public func wait(timeout: Duration? = nil) throws(IOFailure) -> Int {
        var milliseconds: CInt = -1
        if let timeout {
            let nanoseconds = max(0, timeout.wholeNanoseconds)
            milliseconds = CInt(clamping: nanoseconds / 1_000_000 + (nanoseconds % 1_000_000 == 0 ? 0 : 1))
        }
        return Int(
            try check(culvert_epoll_wait(descriptor, events, CInt(Self.capacity), milliseconds), "epoll_wait")
        )
    }

    /// Event `index` of the last ``wait(timeout:)``.
    public func event(_ index: Int) -> Event {
        precondition((0..<Self.capacity).contains(index), "no such event")
        return Event(token: events[index].token, ready: Interest(rawValue: events[index].events))
    }

    private func control(
        _ operation: Int,
        _ descriptor: CInt,
        _ interest: Interest,
        _ token: UInt64
    )
        throws(IOFailure)
    {
        try check(
            culvert_epoll_control(self.descriptor, CInt(operation), descriptor, interest.rawValue, token),
            "epoll_ctl"
        )
    }
}
