import EAP

/// Who knows the users of an EAP server: a file, a directory, a vault. Safe to call from several threads.
public protocol EAPUserDirectory: Sendable {
    /// What is known of a user; may wait, for it runs on a pool.
    func credential(for question: EAPCredentialQuestion) -> EAPCredential
    /// The groups of a user whom a method has authenticated; nil when there is no such user, and then the user is refused,
    /// however good the proof.
    func groups(of identity: String) -> [String]?
}
