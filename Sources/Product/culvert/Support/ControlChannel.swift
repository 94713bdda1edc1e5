import AdminAPI
import Glibc
import IPsecTypes
import Runtime

/// A daemon of this machine, asked over its control socket.
struct ControlChannel {
    /// Which daemon is asked; for messages.
    enum Daemon: String {
        case gateway
        case agent

        var start: String { self == .gateway ? "culvert gateway run" : "culvert up --profile FILE" }
    }

    var path: String
    var daemon: Daemon

    /// Asks and waits for the answer; a refusal is thrown.
    func ask(_ operation: AdminRequest.Operation, timeoutSeconds: Int = 10) throws(CulvertError) -> AdminResponse {
        let bytes: [UInt8]
        do throws(IOFailure) {
            bytes = try ControlClient.ask(
                AdminCoding.encode(AdminRequest(operation)),
                at: path,
                timeoutSeconds: timeoutSeconds
            )
        } catch {
            throw Self.error(error, path, daemon)
        }
        let response = try AdminCoding.response(bytes)
        if case .failed(let error) = response { throw error }
        return response
    }

    /// Whether a daemon answers; every other trouble than that none is there is thrown.
    func isAnswered() throws(CulvertError) -> Bool {
        do throws(CulvertError) {
            _ = try ask(.status)
            return true
        } catch {
            guard error.code == .notRunning else { throw error }
            return false
        }
    }

    static func error(_ failure: IOFailure, _ path: String, _ daemon: Daemon) -> CulvertError {
        switch failure.code {
        case ENOENT, ECONNREFUSED, ENOTDIR:
            CulvertError(.notRunning, "no \(daemon.rawValue) answers at \(path)", next: daemon.start)
        case EACCES, EPERM:
            CulvertError(.controlRefused, "you may not use \(path)", next: "run as root or as the daemon's user")
        case EAGAIN, ETIMEDOUT:
            CulvertError(.controlTimeout, "the \(daemon.rawValue) at \(path) did not answer in time")
        default:
            CulvertError(.controlRefused, failure.description, next: failure.hint.isEmpty ? nil : failure.hint)
        }
    }
}

extension AdminResponse {
    /// The text of an answer that only says that something was done.
    var doneText: String {
        get throws(CulvertError) {
            guard case .done(let text) = self else {
                throw CulvertError(.controlVersion, "the daemon answered something else than was asked")
            }
            return text
        }
    }
}

/// A plain answer as JSON.
struct DoneDocument: Encodable {
    var done: String

    static func show(_ text: String, json: Bool) {
        Terminal.out(json ? AdminCoding.pretty(DoneDocument(done: text)) : "culvert  \(text.printable)")
    }
}
