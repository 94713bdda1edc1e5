#if canImport(Glibc)
import Glibc
#endif

/// Key material: one allocation that is never copied, wiped when the last owner lets go.
///
/// A reference rather than a `~Copyable` value because secrets travel in arrays of actions and dictionaries, which hold
/// no move-only elements; sharing the reference duplicates no bytes. It has no description, no `Codable` and no `==`
/// other than the constant-time ``isEqual(to:)``.
public final class SecretBytes: Sendable {
    // Written only in init and deinit, so sharing the address across threads races with nothing.
    private nonisolated(unsafe) let storage: UnsafeMutableRawBufferPointer

    /// Copies `bytes`. The caller's array is not wiped: prefer ``init(count:initializingWith:)``.
    public init(_ bytes: some Collection<UInt8>) {
        storage = .allocate(byteCount: bytes.count, alignment: 16)
        storage.copyBytes(from: bytes)
    }

    /// Makes a secret of `count` bytes that `initialize` writes in place; the buffer starts as zeros.
    public init(count: Int, initializingWith initialize: (UnsafeMutableRawBufferPointer) -> Void) {
        storage = .allocate(byteCount: count, alignment: 16)
        storage.initializeMemory(as: UInt8.self, repeating: 0)
        initialize(storage)
    }

    deinit {
        if let base = storage.baseAddress, storage.count > 0 { explicit_bzero(base, storage.count) }
        storage.deallocate()
    }

    /// Length in bytes.
    public var count: Int { storage.count }

    /// Lends the bytes for the time of one call.
    public func withUnsafeBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(UnsafeRawBufferPointer(storage))
    }

    /// Whether both hold the same bytes, in time that depends on the length alone.
    public func isEqual(to other: SecretBytes) -> Bool {
        constantTimeEqual(storage, other.storage)
    }

    /// A new secret holding `count` bytes from `offset`. Out of range is a programming error.
    public func slice(_ offset: Int, count: Int) -> SecretBytes {
        precondition(offset >= 0 && count >= 0 && offset + count <= storage.count, "slice outside the secret")
        return SecretBytes(count: count) { target in
            target.copyMemory(from: UnsafeRawBufferPointer(rebasing: storage[offset..<(offset + count)]))
        }
    }
}

extension SecretBytes: CustomStringConvertible, CustomReflectable {
    /// Always the same text.
    public var description: String { "<redacted>" }
    /// No children.
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}

/// Whether two byte sequences are equal, in time that depends on their lengths alone.
public func constantTimeEqual(_ left: some Collection<UInt8>, _ right: some Collection<UInt8>) -> Bool {
    guard left.count == right.count else { return false }
    var difference: UInt8 = 0
    for (a, b) in zip(left, right) { difference |= a ^ b }
    return difference == 0
}
