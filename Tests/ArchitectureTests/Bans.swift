/// The banned spellings and their replacements.
enum Bans {
    static let all = clocks + randomness + outside + memory + cryptography + concurrency

    private static let clockFiles: Set<String> = ["PacketIO/SystemClock.swift", "PacketIO/SystemdNotify.swift"]
    private static let randomFiles: Set<String> = ["PacketIO/SystemRandom.swift"]

    private static let clocks: [Ban] = {
        let pure = "take now: Instant or wallClock: WallTime as an argument"
        let shell = "read it through PacketIO's SystemClock"
        var result = ["ContinuousClock", "SuspendingClock", "DispatchTime", "CFAbsoluteTimeGetCurrent"].map {
            Ban($0, floors: 1...4, instead: pure)
        }
        for pattern in ["Date ( )", "Date . now", "clock_gettime", "gettimeofday", "DispatchWallTime", "timespec_get"] {
            result.append(Ban(pattern, floors: 1...4, instead: pure))
            result.append(Ban(pattern, floors: 5...9, instead: shell, except: clockFiles))
        }
        result.append(Ban(". now ( )", floors: 1...4, instead: pure))
        result.append(Ban("time ( nil )", instead: shell, except: clockFiles))
        return result
    }()

    private static let randomness: [Ban] = {
        let pure = "take a generator as an argument"
        let shell = "draw it through PacketIO's SystemRandom"
        return ["SystemRandomNumberGenerator", "arc4random*", "getrandom", "getentropy", "UUID ( )"].flatMap {
            [
                Ban($0, floors: 1...4, instead: pure, except: ["IKECrypto/KeyGeneration.swift"]),
                Ban($0, floors: 5...9, instead: shell, except: randomFiles),
            ]
        }
    }()

    /// Floors 1 to 4 touch neither files nor sockets nor the process.
    private static let outside: [Ban] = {
        let names = [
            "FileManager", "FileHandle", "ProcessInfo", "getenv", "setenv", "socket (", "fopen", "URLSession",
            "UserDefaults", "print (", "NSLog", "exit (", "fork (", "sendto", "recvfrom",
        ]
        return names.map { Ban($0, floors: 1...4, instead: "the core does no I/O: take input, return an action") }
            + [Ban("fatalError", floors: 1...4, instead: "throw; a trap on a peer's input is a remote crash")]
    }()

    private static let memory: [Ban] = {
        let data = "use [UInt8], Span<UInt8> or SecretBytes below floor 5"
        // JSON at the border of the audit log, the control socket and the policy's tests; certificates and keys where
        // the library's own signatures ask for Data and Date.
        let borders: Set<String> = ["AuditLog", "AdminAPI", "Policy", "PKI", "CertificateAuthority", "IKECrypto"]
        let pointers: Set<String> = ["SecretBytes.swift", "WireWriter.swift"]
        let rooms: Set<String> = [
            "IKECrypto", "ESP", "PacketIO", "Netlink", "Dataplane", "Runtime", "Gateway", "Agent", "culvert",
            "culvert-load", "Simulation", "Web",
        ]
        let reader = "borrow a Span, or copy to [UInt8]; raw memory belongs to the shims' wrappers"
        return [
            Ban("Data (", floors: 1...4, instead: data, except: borders),
            Ban("import Foundation", floors: 1...4, instead: data, except: borders),
            Ban("import FoundationEssentials", floors: 1...4, instead: data, except: borders),
            Ban("Unsafe*", instead: reader, except: rooms.union(pointers.map { "IPsecTypes/\($0)" })),
            Ban("unsafeBitCast", instead: "convert field by field"),
        ]
    }()

    private static let cryptography: [Ban] = {
        let legacy: Set<String> = ["LegacyDigests/FixedLegacyDigests.swift"]
        let modern = "only FixedLegacyDigests.swift may use SHA-1, MD5, MD4 or DES, for what a protocol fixes on them"
        return [
            "Insecure . SHA1", "Insecure . MD5", "EVP_sha1", "EVP_md5", "EVP_des*", "EVP_rc4", "culvert_md4",
            "culvert_des_block",
        ].map {
            Ban($0, instead: modern, except: legacy)
        }
    }()

    private static let concurrency: [Ban] = {
        let pure = "the core has no concurrency of its own: return an action, take an event"
        // swift-certificates verifies, and a StateStore answers, asynchronously; these own no task.
        return [
            Ban("Task {", floors: 1...4, instead: pure), Ban("Task . detached", floors: 1...6, instead: pure),
            Ban("Task . sleep", floors: 1...6, instead: "deadlines come from the shard's heap"),
            Ban("actor ^", floors: 1...4, instead: pure), Ban("DispatchQueue", floors: 1...6, instead: pure),
            Ban("pthread_create", floors: 1...4, instead: pure),
            Ban("Thread . sleep", floors: 1...6, instead: "wait on a descriptor"),
            Ban(
                "await",
                floors: 1...4,
                instead: pure,
                except: ["PKI", "CertificateAuthority", "IPsecTypes/StateStore.swift"]
            ),
            Ban("await", floors: 6...6, instead: "packets meet no suspension point"),
        ]
    }()
}
