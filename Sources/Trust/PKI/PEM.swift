/// The textual form of certificates and keys (RFC 7468).
public enum PEM {
    /// Largest file that is read: hundreds of certificates.
    public static let maximumBytes = 1 << 20
    /// Most blocks in a file.
    public static let maximumBlocks = 256

    /// One block between BEGIN and END.
    public struct Block: Hashable, Sendable {
        /// What stands after BEGIN, such as `CERTIFICATE`.
        public let label: String
        /// The decoded bytes.
        public let der: [UInt8]
        /// The line of BEGIN, counted from 1.
        public let line: Int
    }

    /// Why a file is refused, and where.
    public struct Failure: Error, Hashable, Sendable, CustomStringConvertible {
        /// The line, counted from 1.
        public let line: Int
        /// What is wrong there.
        public let reason: String

        /// Line and reason.
        public var description: String { "line \(line): \(reason)" }
    }

    /// Reads every block of a file; text between blocks is passed over.
    public static func blocks(in file: [UInt8]) throws(Failure) -> [Block] {
        guard file.count <= maximumBytes else {
            throw Failure(line: 1, reason: "the file is over \(maximumBytes) bytes")
        }
        var blocks: [Block] = []
        var open: (label: String, line: Int, body: [UInt8])?
        for (index, line) in file.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            let number = index + 1
            let text = line.trimmed()
            if let label = boundary(text, "BEGIN") {
                guard open == nil else { throw Failure(line: number, reason: "BEGIN inside another block") }
                guard blocks.count < maximumBlocks else {
                    throw Failure(line: number, reason: "more than \(maximumBlocks) blocks")
                }
                open = (label, number, [])
            } else if let label = boundary(text, "END") {
                guard let current = open, current.label == label else {
                    throw Failure(line: number, reason: "END \(printable(label)) without its BEGIN")
                }
                guard let der = Base64.decode(current.body), !der.isEmpty else {
                    throw Failure(line: current.line, reason: "the block is not base64 (encrypted keys are not read)")
                }
                blocks.append(Block(label: label, der: der, line: current.line))
                open = nil
            } else {
                open?.body.append(contentsOf: text)
            }
        }
        if let open { throw Failure(line: open.line, reason: "BEGIN \(printable(open.label)) without its END") }
        return blocks
    }

    /// The DER of every certificate in a file, in order; at least one is required.
    public static func certificates(in file: [UInt8]) throws(Failure) -> [[UInt8]] {
        let found = try blocks(in: file).filter { $0.label == "CERTIFICATE" || $0.label == "X509 CERTIFICATE" }
        guard !found.isEmpty else { throw Failure(line: 1, reason: "there is no certificate in the file") }
        return found.map(\.der)
    }

    /// The text of one block, with 64 characters a line.
    public static func encode(label: String, _ der: some Collection<UInt8>) -> [UInt8] {
        var text = Array("-----BEGIN \(label)-----\n".utf8)
        var column = 0
        for character in Base64.encode(der) {
            if column == 64 {
                text.append(UInt8(ascii: "\n"))
                column = 0
            }
            text.append(character)
            column += 1
        }
        text.append(contentsOf: "\n-----END \(label)-----\n".utf8)
        return text
    }

    /// The label when the line is a boundary of that kind.
    private static func boundary(_ line: ArraySlice<UInt8>, _ kind: String) -> String? {
        let lead = "-----\(kind) "
        let tail = "-----"
        guard line.starts(with: lead.utf8), line.count >= lead.utf8.count + tail.utf8.count,
            line.suffix(tail.utf8.count).elementsEqual(tail.utf8)
        else { return nil }
        let label = line.dropFirst(lead.utf8.count).dropLast(tail.utf8.count)
        guard label.count <= 64, label.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) else { return nil }
        return String(decoding: label, as: UTF8.self)
    }
}

extension ArraySlice<UInt8> {
    fileprivate func trimmed() -> ArraySlice<UInt8> {
        let isBlank = { (byte: UInt8) in byte == 0x20 || byte == 0x09 || byte == 0x0D }
        var rest = drop(while: isBlank)
        while let last = rest.last, isBlank(last) { rest.removeLast() }
        return rest
    }
}
