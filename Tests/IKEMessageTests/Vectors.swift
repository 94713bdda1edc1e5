import Foundation
import Testing

/// Test data from Tests/Vectors.
enum Vectors {
    private static let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    private static let ike = tests.appendingPathComponent("Vectors/ike")
    private static let fuzz = tests.deletingLastPathComponent().appendingPathComponent("Fuzz")

    /// A line of one of the .jsonl files.
    struct Case: Decodable, CustomTestStringConvertible {
        var name: String
        var cls: String?
        var first_payload: UInt8?
        var b64: String?
        var message: String?
        var first: UInt8?
        var inner: String?

        var bytes: [UInt8] { Array(Data(base64Encoded: b64 ?? "") ?? Data()) }
        var testDescription: String { name }
    }

    static func cases(_ file: String) throws -> [Case] {
        let text = try String(contentsOf: ike.appendingPathComponent(file), encoding: .utf8)
        return try text.split(separator: "\n").map { try JSONDecoder().decode(Case.self, from: Data($0.utf8)) }
    }

    static func files(ike folder: String) throws -> [(name: String, bytes: [UInt8])] {
        try files(ike.appendingPathComponent(folder))
    }

    static func files(fuzz folder: String) throws -> [(name: String, bytes: [UInt8])] {
        try files(fuzz.appendingPathComponent(folder))
    }

    /// All files of a folder, sorted by name; none when the folder is missing.
    private static func files(_ folder: URL) throws -> [(name: String, bytes: [UInt8])] {
        guard FileManager.default.fileExists(atPath: folder.path) else { return [] }
        return try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted().map {
            ($0, Array(try Data(contentsOf: folder.appendingPathComponent($0))))
        }
    }

    static func bytes(hex: String) -> [UInt8] {
        let digits = hex.compactMap(\.hexDigitValue)
        return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }
}
