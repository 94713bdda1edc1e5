/// The program's version.
public enum CulvertVersion {
    /// As `culvert --version` prints it.
    public static let text = "0.1.0"
}

extension String {
    /// The directory of a path: "/" for a file in the root, "." for a bare name.
    public var parentDirectory: String {
        guard let slash = lastIndex(of: "/") else { return "." }
        return slash == startIndex ? "/" : String(self[..<slash])
    }
}
