import Glibc

extension [UInt8] {
    /// Overwrites the bytes of a secret that was read into an array (K04). Only this array: copies made before stay.
    public mutating func wipe() {
        withUnsafeMutableBytes { buffer in
            if let base = buffer.baseAddress { explicit_bzero(base, buffer.count) }
        }
    }
}
