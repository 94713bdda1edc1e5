import SwiftASN1

/// Reads the next field as a SEQUENCE of its own. Fields that `read` leaves over are refused.
func nestedSequence<Value>(
    _ fields: inout ASN1NodeCollection.Iterator,
    _ read: (inout ASN1NodeCollection.Iterator) throws -> Value
) throws -> Value {
    guard let node = fields.next() else { throw KeyRefusal.unreadable }
    return try DER.sequence(node, identifier: .sequence, read)
}
