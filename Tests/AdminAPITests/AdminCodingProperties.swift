import AdminAPI
import IPsecTypes

/// What must hold for any octets whatever that arrive on a control socket. The tests and the fuzz target share this file.
enum AdminCodingProperties {
    /// A request is refused with a code, or it is written and read back the same; an answer likewise.
    static func violation(frame bytes: [UInt8]) -> String? {
        do throws(CulvertError) {
            let request = try AdminCoding.request(bytes)
            let written = AdminCoding.encode(request)
            guard let again = try? AdminCoding.request(written) else { return "what was written is refused" }
            guard again == request else { return "the request changed" }
            guard AdminCoding.encode(again) == written else { return "writing is not stable" }
        } catch {
            guard [.controlRefused, .controlVersion].contains(error.code) else {
                return "an odd refusal: \(error.code)"
            }
            guard printable(error.rendered) else { return "a refusal could steer a terminal" }
        }
        guard let response = try? AdminCoding.response(bytes) else { return nil }
        let written = AdminCoding.encode(response)
        guard let again = try? AdminCoding.response(written) else { return "a written answer is refused" }
        guard AdminCoding.encode(again) == written else { return "writing an answer is not stable" }
        if case .failed(let error) = response, !printable(error.rendered) { return "an error could steer a terminal" }
        return nil
    }

    private static func printable(_ text: String) -> Bool {
        text.unicodeScalars.allSatisfy { $0 == "\n" || ($0.value >= 0x20 && $0.value != 0x7f) }
    }
}
