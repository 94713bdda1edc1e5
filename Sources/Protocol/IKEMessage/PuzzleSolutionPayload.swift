// RFC 8019 §8.2
//
//                         1                   2                   3
//     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    |                                                               |
//    ~                     Puzzle Solution Data                      ~
//    |                                                               |
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

import IPsecTypes

/// Four keys of equal length that solve a puzzle.
public struct PuzzleSolutionPayload: Hashable, Sendable {
    /// How many keys a solution has (RFC 8019 §7.1.3).
    public static let keyCount = 4
    /// Permitted lengths of one key: no PRF that we know prefers a longer one.
    public static let keyLengths = 1...64

    /// The keys, one after the other.
    public var data: [UInt8]

    /// Makes a payload.
    public init(data: [UInt8]) { self.data = data }

    /// The keys; empty when the data has no length for four of them.
    public var keys: [[UInt8]] {
        let (length, rest) = data.count.quotientAndRemainder(dividingBy: Self.keyCount)
        guard rest == 0, Self.keyLengths.contains(length) else { return [] }
        return (0..<Self.keyCount).map { Array(data.dropFirst($0 * length).prefix(length)) }
    }

    /// Octets of the payload with its generic header: at most 260, whatever the PRF.
    public var wireLength: Int { 4 + data.count }

    /// Reads what follows the generic header, to the end of the reader.
    public static func parse(
        _ bytes: Span<UInt8>,
        _ reader: inout WireReader
    ) throws(ParseError) -> PuzzleSolutionPayload {
        // RFC 8019 §8.2: four keys of the same size, so a multiple of four octets, and not empty.
        guard reader.remaining.isMultiple(of: keyCount), keyLengths.contains(reader.remaining / keyCount) else {
            throw .badLength
        }
        return PuzzleSolutionPayload(data: try reader.readRemaining(bytes))
    }

    func write(into writer: inout WireWriter) { writer.writeBytes(data) }
}
