import ESP
import Foundation
import IPsecTypes

/// Packet memory with room around it, owned by one test.
final class Frame {
    static let headroom = 128
    let memory: UnsafeMutableRawBufferPointer

    init(_ content: [UInt8], room: Int = 256) {
        memory = .allocate(byteCount: Self.headroom + content.count + room, alignment: 16)
        memory.initializeMemory(as: UInt8.self, repeating: 0xEE)
        UnsafeMutableRawBufferPointer(rebasing: memory[Self.headroom..<(Self.headroom + content.count)])
            .copyBytes(from: content)
    }

    deinit { memory.deallocate() }

    var bytes: PacketBytes { PacketBytes(memory) }

    func window(_ offset: Int, _ count: Int) -> PacketBytes {
        PacketBytes(UnsafeMutableRawBufferPointer(rebasing: memory[offset..<(offset + count)]))
    }

    func read(_ offset: Int, _ count: Int) -> [UInt8] { Array(memory[offset..<(offset + count)]) }
}

func withPacket<Result>(_ content: [UInt8], _ body: (PacketBytes) throws -> Result) rethrows -> Result {
    let frame = Frame(content)
    return try body(frame.window(Frame.headroom, content.count))
}

func hex(_ text: String) -> [UInt8] {
    var result: [UInt8] = []
    var high: UInt8?
    for character in text {
        guard let digit = character.hexDigitValue else { continue }
        if let first = high {
            result.append(first << 4 | UInt8(digit))
            high = nil
        } else {
            high = UInt8(digit)
        }
    }
    return result
}

func vectorFile(_ name: String) throws -> Data {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    return try Data(contentsOf: folder.appendingPathComponent("Vectors/esp/\(name)"))
}

/// SplitMix64: the same numbers for the same seed on every run.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

func address(_ text: String) -> IPAddress {
    IPAddress(text) ?? .v4(0)
}

/// An IP packet of any protocol, with a right IPv4 header checksum.
func ipPacket(
    _ source: IPAddress,
    _ destination: IPAddress,
    ipProtocol: UInt8,
    payload: [UInt8],
    trafficClass: UInt8 = 0,
    fragmentField: UInt16 = 0
) -> [UInt8] {
    var writer = WireWriter()
    if source.family == .v4 {
        writer.writeUInt16(0x4500 | UInt16(trafficClass))
        writer.writeUInt16(UInt16(20 + payload.count))
        writer.writeUInt16(0x1234)
        writer.writeUInt16(fragmentField)
        writer.writeUInt16(0x4000 | UInt16(ipProtocol))
        writer.writeUInt16(0)
        writer.writeBytes(source.bytes + destination.bytes)
        writer.patchUInt16(reference(writer.bytes), at: 10)
    } else {
        writer.writeUInt32(0x6000_0000 | UInt32(trafficClass) << 20)
        writer.writeUInt16(UInt16(payload.count))
        writer.writeUInt16(UInt16(ipProtocol) << 8 | 64)
        writer.writeBytes(source.bytes + destination.bytes)
    }
    writer.writeBytes(payload)
    return writer.bytes
}

/// The Internet checksum, written apart from the code under test.
func reference(_ bytes: [UInt8]) -> UInt16 {
    var sum = 0
    for (place, byte) in bytes.enumerated() { sum += place % 2 == 0 ? Int(byte) * 256 : Int(byte) }
    while sum > 65535 { sum = sum / 65536 + sum % 65536 }
    return UInt16(65535 - sum)
}

func udp(_ source: UInt16, _ destination: UInt16, _ data: [UInt8] = []) -> [UInt8] {
    var writer = WireWriter()
    for value in [source, destination, UInt16(8 + data.count), 0] { writer.writeUInt16(value) }
    writer.writeBytes(data)
    return writer.bytes
}

let allSuites: [ESPSuite] = {
    var result: [ESPSuite] = []
    for extended in [false, true] {
        for bits in [128, 192, 256] {
            result.append(ESPSuite(encryption: .aesGCM16, keyBits: bits, extendedSequenceNumbers: extended))
            for integrity in [IntegrityAlgorithm.hmacSHA256_128, .hmacSHA384_192, .hmacSHA512_256] {
                result.append(
                    ESPSuite(
                        encryption: .aesCBC,
                        keyBits: bits,
                        integrity: integrity,
                        extendedSequenceNumbers: extended
                    )
                )
            }
        }
        result.append(
            ESPSuite(encryption: .chaCha20Poly1305, keyBits: 256, extendedSequenceNumbers: extended)
        )
    }
    return result
}()

func keys(for suite: ESPSuite, seed: UInt8) -> ESPKeys {
    let fill = { (count: Int, start: UInt8) in SecretBytes((0..<count).map { start &+ UInt8($0) }) }
    return ESPKeys(
        encryption: fill(suite.keyBits / 8, seed),
        salt: fill(suite.encryption.saltLength, seed &+ 77),
        integrity: fill(suite.integrity.keyLength ?? 0, seed &+ 99)
    )
}
