import Foundation
import IPsecTypes

/// The outcome of a run of set-ups, as people and scripts read it.
struct SetupReport: Encodable {
    var established: Int
    var failed: Int
    var lost: Int
    var seconds: Double
    var setupsPerSecond: Double
    var p50: Double?
    var p95: Double?
    var p99: Double?
    var reasons: [String]

    enum CodingKeys: String, CodingKey {
        case established, failed, lost, seconds, reasons
        case setupsPerSecond = "setups_per_s"
        case p50 = "p50_ms"
        case p95 = "p95_ms"
        case p99 = "p99_ms"
    }

    init(_ progress: LoadProgress) {
        let sorted = progress.latencies.sorted()
        established = sorted.count
        failed = progress.failures
        lost = progress.lost
        seconds = Self.rounded(progress.elapsed, unit: 1e9)
        setupsPerSecond =
            progress.elapsed > .zero
            ? (Double(sorted.count) * 1e10 / Double(progress.elapsed.wholeNanoseconds)).rounded() / 10 : 0
        p50 = Self.percentile(sorted, 50)
        p95 = Self.percentile(sorted, 95)
        p99 = Self.percentile(sorted, 99)
        reasons = progress.reasons
    }

    /// The nearest-rank percentile, in milliseconds; nil without values.
    static func percentile(_ sorted: [Duration], _ percent: Int) -> Double? {
        guard !sorted.isEmpty else { return nil }
        let rank = (sorted.count * percent + 99) / 100
        return rounded(sorted[min(max(rank, 1), sorted.count) - 1], unit: 1e6)
    }

    private static func rounded(_ duration: Duration, unit: Double) -> Double {
        (Double(duration.wholeNanoseconds) / unit * 1000).rounded() / 1000
    }

    var json: String { (try? LoadJSON.line(self)) ?? "{}" }

    var text: String {
        func show(_ value: Double?) -> String { value.map { "\($0) ms" } ?? "-" }
        var lines = [
            "\(established) established, \(failed) failed, \(lost) lost in \(seconds) s: \(setupsPerSecond) a second",
            "set-up p50 \(show(p50))  p95 \(show(p95))  p99 \(show(p99))",
        ]
        lines += reasons.map { "failed: \($0)" }
        return lines.joined(separator: "\n")
    }
}

/// One JSON object a line.
enum LoadJSON {
    static func line(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }
}
