import IKEMessage

/// A payload as octets under a generic header that may say anything.
struct RawPayload {
    var type: UInt8
    /// The octet with the critical bit and the reserved ones.
    var flags: UInt8 = 0
    var body: [UInt8]
    /// What the length field says; nil for the truth.
    var length: Int?

    init(_ type: UInt8, _ body: [UInt8], flags: UInt8 = 0, length: Int? = nil) {
        self.type = type
        self.body = body
        self.flags = flags
        self.length = length
    }

    /// A payload as the product would write it.
    init(_ payload: Payload) {
        self.init(payload.type.rawValue, Array(IKEMessage.serialiseChain([payload]).bytes.dropFirst(4)))
    }

    /// Splits a well-formed chain.
    static func split(first: UInt8, _ bytes: some Collection<UInt8>) -> [RawPayload] {
        var rest = Array(bytes)
        var type = first
        var found: [RawPayload] = []
        while type != 0, rest.count >= 4 {
            let length = Int(rest[2]) << 8 | Int(rest[3])
            guard length >= 4, length <= rest.count else { break }
            found.append(RawPayload(type, Array(rest[4..<length]), flags: rest[1]))
            type = rest[0]
            rest.removeFirst(length)
        }
        return found
    }

    /// Writes a chain; `last` is the type that the last header names as the next one.
    static func join(_ payloads: [RawPayload], last: UInt8 = 0) -> [UInt8] {
        var bytes: [UInt8] = []
        for (index, payload) in payloads.enumerated() {
            let next = index + 1 < payloads.count ? payloads[index + 1].type : last
            let length = payload.length ?? payload.body.count + 4
            bytes += [next, payload.flags, UInt8(truncatingIfNeeded: length >> 8), UInt8(truncatingIfNeeded: length)]
            bytes += payload.body
        }
        return bytes
    }
}
