import IKEv2
import IPsecTypes
import Logging

extension MobilityReport {
    /// The report as a log line. What only goes on along the way is for who looks closely; what failed is for operators.
    public func log(to logger: Logger, _ metadata: Logger.Metadata) {
        func line(_ level: Logger.Level, _ text: Logger.Message, _ more: Logger.Metadata) {
            logger.log(level: level, text, metadata: metadata.merging(more) { $1 })
        }
        switch self {
        case .checkStarted(let path): line(.info, "return routability check started", ["path": "\(path)"])
        case .checkPassed(let path): line(.info, "return routability check passed", ["path": "\(path)"])
        case .checkFailed(let path): line(.warning, "return routability check failed", ["path": "\(path)"])
        case .probing(let count): line(.info, "no answer; other ways are tried", ["ways": "\(count)"])
        case .refused(let notify, let path):
            line(.warning, "the peer refuses our new address", ["notify": "\(notify)", "path": "\(path)"])
        case .refusedPeer(let notify, let path):
            line(.warning, "the peer's new address is refused", ["notify": "\(notify)", "path": "\(path)"])
        case .mappingChanged(let path): line(.info, "NAT mapping changed", ["path": "\(path)"])
        case .peerAddresses(let list):
            let text = list.map { "\($0)" }.joined(separator: " ")
            line(.info, "the peer's additional addresses", ["addresses": "\(text)"])
        }
    }
}
