import SwiftASN1
import X509

/// Distinguished names for people.
public enum DistinguishedNameText {
    /// The name in the usual text form with everything odd escaped; empty for an empty name.
    public static func text(of der: [UInt8]) -> String {
        guard let name = try? DistinguishedName(derEncoded: DER.parse(der)) else { return "(unreadable name)" }
        return printable(String(describing: name))
    }
}
