import CLinux
import Glibc
import IPsecTypes

/// Turns a shim's result into a value or a failure.
@discardableResult
func check(
    _ result: CInt,
    _ call: @autoclosure () -> String,
    hint: (CInt) -> String = { _ in "" }
) throws(IOFailure)
    -> CInt
{
    guard result >= 0 else { throw IOFailure(call: call(), code: -result, hint: hint(-result)) }
    return result
}

func applyBuffers(_ descriptor: CInt, _ receive: Int?, _ send: Int?) throws(IOFailure) {
    if let receive {
        try check(culvert_set_buffers(descriptor, true, CInt(clamping: receive)), "set receive buffer")
    }
    if let send { try check(culvert_set_buffers(descriptor, false, CInt(clamping: send)), "set send buffer") }
}

/// Hands frames to `submit` until all are taken or the kernel's buffer is full; refused ones are flagged and passed over.
@inline(__always)
func sendFrames(
    _ batch: PacketBatch,
    _ range: Range<Int>,
    _ submit: (inout culvert_layout, Int, Int) -> CInt
) -> SendOutcome {
    precondition(range.lowerBound >= 0 && range.upperBound <= batch.capacity, "frames outside the batch")
    var outcome = SendOutcome()
    var layout = batch.layout
    var next = range.lowerBound
    while next < range.upperBound {
        let result = submit(&layout, next, range.upperBound - next)
        if result > 0 {
            next += Int(result)
            continue
        }
        let code = -result
        if code == EAGAIN || code == EWOULDBLOCK || code == ENOBUFS || code == ENOMEM || code == 0 {
            outcome.isBlocked = true
            break
        }
        batch[next].flags.insert(.failed)
        if code == EMSGSIZE, outcome.firstTooLong < 0 { outcome.firstTooLong = next }
        outcome.refused += 1
        outcome.lastError = code
        next += 1
    }
    outcome.taken = next - range.lowerBound
    return outcome
}

extension PacketAddress {
    /// The shim's form.
    var shim: culvert_address {
        culvert_address(family: family, reserved: 0, port: port, scope: scope, high: high, low: low)
    }

    /// From the shim's form.
    init(_ shim: culvert_address) {
        self.init()
        family = shim.family
        port = shim.port
        scope = shim.scope
        high = shim.high
        low = shim.low
    }
}
