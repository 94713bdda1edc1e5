extension ErrorEntry {
    static let configuration: [ErrorEntry] = [
        ErrorEntry(
            .invalidYAML,
            "the file is not valid YAML",
            "The file cannot be read as YAML at the place that is shown. Nothing was changed; a running "
                + "daemon keeps its configuration.",
            "correct the line and run: culvert gateway check"
        ),
        ErrorEntry(
            .duplicateKey,
            "a key occurs twice in one map",
            "Two values for one key would leave it to chance which of them counts.",
            "remove one of the two"
        ),
        ErrorEntry(
            .unknownKey,
            "unknown key",
            "No key of this name exists here. Unknown keys are refused because a mistyped one would "
                + "silently leave its default in force.",
            "compare with: culvert config defaults"
        ),
        ErrorEntry(
            .wrongKind,
            "the value is of the wrong kind",
            "A list, a map or a single value stands where another kind is expected.",
            "compare with: culvert config defaults"
        ),
        ErrorEntry(
            .outOfRange,
            "the value is out of bounds",
            "Every number, duration and list is bounded; the message names the bounds.",
            "choose a value inside the bounds"
        ),
        ErrorEntry(
            .missingKey,
            "a required key is missing",
            "The map that is shown cannot be used without this key.",
            "add the key"
        ),
        ErrorEntry(
            .refusedYAML,
            "a YAML feature that is refused",
            "Anchors, aliases, tags, merge keys and several documents in a file are refused: they hide "
                + "what a file says and can blow it up.",
            "write the value out"
        ),
        ErrorEntry(
            .fileTooLarge,
            "the file is too large or nested too deeply",
            "Configuration files are at most 1 MiB long and 32 levels deep.",
            "split or shorten the file"
        ),
        ErrorEntry(
            .notText,
            "the file is not UTF-8 text",
            "The file holds a NUL byte, a control character or bytes that are not UTF-8.",
            "save the file as UTF-8 text"
        ),
        ErrorEntry(
            .unknownName,
            "unknown resource, rule or peer",
            "Something refers to a name that is not defined in the file.",
            "define it or correct the name"
        ),
        ErrorEntry(
            .invalidValue,
            "the value cannot be understood",
            "The text does not have the form that belongs here; the message says what is expected.",
            "correct the value"
        ),
        ErrorEntry(
            .weakAlgorithm,
            "a weak algorithm is refused",
            "The algorithm has known weaknesses. Nothing below 112 bits of security can be configured or "
                + "negotiated.",
            "choose one of: culvert config defaults"
        ),
        ErrorEntry(
            .unknownAlgorithm,
            "unknown or unsupported algorithm",
            "No algorithm of this name is available.",
            "choose one of: culvert config defaults"
        ),
        ErrorEntry(
            .weakPSK,
            "the pre-shared key is too weak",
            "An attacker who poses as the gateway can try pre-shared keys off line, so anything guessable "
                + "is refused: a key needs at least 128 bits of chance.",
            "make one with: head -c 32 /dev/urandom | base64"
        ),
        ErrorEntry(
            .filePermissions,
            "a secret file can be read by others",
            "Private keys and pre-shared keys must be readable by their owner alone (mode 0600) and "
                + "belong to root or to the user that runs Culvert.",
            "chmod 600 FILE"
        ),
        ErrorEntry(
            .missingFile,
            "a file does not exist",
            "A file that the configuration or the command line names is not there.",
            "correct the path, or make the files with: culvert init"
        ),
        ErrorEntry(
            .unreadableFile,
            "a file cannot be read",
            "The file is there but the system refuses to open or read it.",
            "check owner and mode of the file and of the directories above it"
        ),
        ErrorEntry(
            .fileExists,
            "a file exists already",
            "Nothing is overwritten unless asked for.",
            "use another directory, or --force"
        ),
        ErrorEntry(
            .unsupportedVersion,
            "unsupported version of a file",
            "The file was written for another version of Culvert.",
            "use the version that the message names"
        ),
        ErrorEntry(
            .poolConflict,
            "an address pool overlaps a network",
            "The pool shares addresses with a network that the machine has a route to, or with another "
                + "pool; packets would go astray.",
            "choose another pool in gateway.yaml"
        ),
        ErrorEntry(
            .emptyFile,
            "the file is empty",
            "A configuration file must hold at least its required keys.",
            "make one with: culvert init, or: culvert config defaults"
        ),
        ErrorEntry(
            .badCertificateFile,
            "a certificate or key file cannot be used",
            "The file holds no PEM certificate or key of a supported kind, or the key does not belong to "
                + "the certificate.",
            "make a pair with: culvert ca issue"
        ),
        ErrorEntry(
            .usage,
            "the command line cannot be understood",
            "An option or argument is missing, unknown or contradicts another.",
            "culvert help"
        ),
        ErrorEntry(
            .unknownClaim,
            "unknown claim",
            "No identity carries a claim of this name, so the rule could never match. Claims of a generic "
                + "issuer are declared under trust: with claims:.",
            "correct the name, or declare it under trust: claims:"
        ),
        ErrorEntry(
            .duplicateName,
            "a name is used twice",
            "Two resources, rules or peers have the same name or the same identity.",
            "rename one of them"
        ),
    ]
}
