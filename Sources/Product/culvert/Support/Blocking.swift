import IPsecTypes
import Runtime

/// Asynchronous work of a verb, which itself runs on the main thread and has nothing else to do.
enum Blocking {
    /// A store that is locked gives up long before.
    private static let patienceSeconds = 60

    static func run<Value: Sendable>(
        _ body: @escaping @Sendable () async throws -> Value
    ) throws -> Value {
        let box = Waiting<Result<Value, any Error>>()
        Task.detached {
            do { box.finish(.success(try await body())) } catch { box.finish(.failure(error)) }
        }
        guard let result = box.wait(seconds: patienceSeconds) else {
            throw CulvertError(.internalFault, "a step did not end within \(patienceSeconds) s")
        }
        return try result.get()
    }
}
