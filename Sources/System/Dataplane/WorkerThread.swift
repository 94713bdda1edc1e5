import CLinux
import Glibc
import IPsecTypes

/// A running worker's thread.
struct WorkerThread: Sendable {
    private let thread: pthread_t

    private final class Start {
        let context: WorkerContext
        init(_ context: WorkerContext) { self.context = context }
    }

    /// Starts a thread that runs a worker until it is told to stop.
    init(_ context: WorkerContext) throws(IOFailure) {
        let start = Unmanaged.passRetained(Start(context))
        var made = pthread_t()
        let result = pthread_create(&made, nil, { Self.main($0) }, start.toOpaque())
        guard result == 0 else {
            start.release()
            throw IOFailure(call: "pthread_create", code: result)
        }
        thread = made
    }

    /// Waits until the thread has ended.
    func join() { pthread_join(thread, nil) }

    private static func main(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
        guard let argument else { return nil }
        let context = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue().context
        _ = culvert_set_thread_name("dataplane-\(context.settings.index)")
        do throws(IOFailure) {
            var worker = try DataplaneWorker(context)
            worker.run()
        } catch {
            context.failure.set(error)
        }
        return nil
    }
}
