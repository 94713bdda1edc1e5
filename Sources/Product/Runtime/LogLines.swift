import Glibc
import IPsecTypes
import Logging
import PacketIO

/// Log lines on standard error: time, level, message, then key=value. Values from outside are escaped, so that no peer
/// writes a line of its own (L02, C10).
public struct LogLines: LogHandler {
    /// Metadata of every line.
    public var metadata: Logger.Metadata = [:]
    /// The highest detail that is written.
    public var logLevel: Logger.Level
    private let label: String

    /// Makes a handler.
    public init(label: String, level: Logger.Level) {
        self.label = label
        logLevel = level
    }

    /// One value of the metadata.
    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// Writes one line.
    public func log(event: LogEvent) {
        let all = metadata.merging(event.metadata ?? [:], uniquingKeysWith: { $1 })
        let text = Self.line(SystemClock.wall, event.level, label, event.message.description, all) + "\n"
        let bytes = Array(text.utf8)
        _ = write(2, bytes, bytes.count)
    }

    static func line(
        _ time: WallTime,
        _ level: Logger.Level,
        _ label: String,
        _ message: String,
        _ metadata: Logger.Metadata
    ) -> String {
        var text = "\(time.rfc3339) \(level) \(label): \(message.printable)"
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
            // A quote in a value would end it and let its author add keys of his own.
            let value = value.description.printable.split(separator: "\"", omittingEmptySubsequences: false)
            text += " \(key)=\"\(value.joined(separator: "\\\""))\""
        }
        return text
    }
}

extension CulvertError {
    /// Code and details as a line's metadata: what differed stands in the log as well as in status, so that nobody needs
    /// a packet capture.
    public var logMetadata: Logger.Metadata {
        var metadata: Logger.Metadata = ["code": "\(code)"]
        for (label, values) in Dictionary(grouping: details, by: \.label) {
            metadata[label] = "\(values.map(\.value).joined(separator: "; "))"
        }
        return metadata
    }
}
