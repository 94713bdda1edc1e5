import ConfigFile
import EAP
import IPsecTypes

/// The users of users.yaml.
public struct EAPUserFile: EAPUserDirectory {
    private let list: EAPUserList

    /// Takes a file that has been read.
    public init(_ list: EAPUserList) { self.list = list }

    /// The password or its hash.
    public func credential(for question: EAPCredentialQuestion) -> EAPCredential {
        switch list.users[question.identity]?.secret {
        case .password(let password): .password(password)
        case .ntHash(let hash): .ntHash(hash)
        case nil: .refused
        }
    }

    /// The groups; nil for who is not in the file.
    public func groups(of identity: String) -> [String]? { list.users[identity]?.groups }
}
