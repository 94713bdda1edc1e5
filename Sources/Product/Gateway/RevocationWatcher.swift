import CertificateAuthority
import Foundation
import Glibc
import IPsecTypes
import Logging
import PKI
import Runtime
import Store
import Synchronization

/// Follows the embedded CA's revocations: what `culvert ca revoke` writes is known here within a second.
final class RevocationWatcher: Sendable {
    private let current = Mutex<RevokedSerials>(RevokedSerials())
    private let stopping = Atomic<Bool>(false)
    private let stopped = DispatchSemaphore(value: 0)

    /// How often the store is asked: a revoked certificate loses its tunnel within this and the time of a Delete.
    private static let interval = 0.5

    /// A store that answers no sooner is taken for broken, and asked again.
    private static let patience = 10.0

    /// The newest revocations.
    var view: RevokedSerials { current.withLock { $0 } }

    /// Reads what is revoked and begins to follow. Without a CA on this host nothing is.
    init(database: String, logger: Logger, onRevoked: @escaping @Sendable (Set<String>) -> Void) throws(CulvertError) {
        guard access(database, F_OK) == 0 else { return }
        let store: SQLiteStateStore
        do throws(StateStoreError) {
            store = try SQLiteStateStore(path: database)
        } catch {
            throw CulvertError(.caProblem, "\(database): \(error)")
        }
        let records = CertificateRecords(store: store)
        let first = Self.wait { try await records.revocations() }
        guard case .success(let feed) = first else {
            throw CulvertError(.caProblem, "\(database): the revocations cannot be read")
        }
        current.withLock { $0 = feed.revoked }
        let thread = Thread { [self] in follow(records, feed, logger, onRevoked) }
        thread.name = "culvert-revoked"
        thread.start()
    }

    func stop() {
        stopping.store(true, ordering: .relaxed)
        stopped.signal()
    }

    private func follow(
        _ records: CertificateRecords,
        _ start: RevocationFeed,
        _ logger: Logger,
        _ onRevoked: @Sendable (Set<String>) -> Void
    ) {
        var feed = start
        var isFailing = false
        while !stopping.load(ordering: .relaxed) {
            _ = stopped.wait(timeout: .now() + Self.interval)
            let before = feed
            let outcome = Self.wait { () async throws -> (RevocationFeed, [RevokedCertificate]) in
                var next = before
                let new = try await records.refresh(&next)
                return (next, new)
            }
            switch outcome {
            case .success(let (next, new)):
                feed = next
                isFailing = false
                guard !new.isEmpty else { continue }
                current.withLock { $0 = next.revoked }
                onRevoked(Set(new.map { "\($0.serial)" }))
            case .failure(let error):
                // Said once; what is known stays in force.
                if !isFailing { logger.error("revocations cannot be read", metadata: ["error": "\(error)"]) }
                isFailing = true
            }
        }
    }

    private static func wait<Value: Sendable>(
        _ body: @escaping @Sendable () async throws -> Value
    ) -> Result<Value, any Error> {
        let box = Waiting<Result<Value, any Error>>()
        Task {
            do { box.finish(.success(try await body())) } catch { box.finish(.failure(error)) }
        }
        return box.wait(seconds: patience) ?? .failure(CulvertError(.caProblem, "the CA's store does not answer"))
    }
}
