import Glibc
import IPsecTypes
import Store

extension AtomicFile.Failure {
    /// The failure as a user sees it.
    public var culvertError: CulvertError {
        let which: ErrorCode =
            switch code {
            case ENOENT: .missingFile
            case ENOSPC, EDQUOT: .diskFull
            case EEXIST: .fileExists
            case 0: .filePermissions
            default: .unreadableFile
            }
        return CulvertError(which, description)
    }
}

extension IOFailure {
    /// The failure as a user sees it; `fallback` names what was being done where the code does not say it.
    public func culvertError(_ fallback: ErrorCode = .kernelRefused) -> CulvertError {
        let which: ErrorCode =
            switch code {
            case EADDRINUSE: .portInUse
            case EPERM, EACCES: .needsPrivilege
            case EADDRNOTAVAIL: .addressUnavailable
            case ENOSPC, EDQUOT: .diskFull
            case ENOENT, ENODEV, ENXIO: call.contains("tun") ? .noTUN : fallback
            default: fallback
            }
        return CulvertError(which, "\(call): \(text)", next: hint.isEmpty ? nil : hint)
    }
}
