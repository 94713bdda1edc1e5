import Glibc

/// The program: one verb a file, under Verbs.
@main
enum Main {
    static func main() {
        exit(Invocation.run(Array(CommandLine.arguments.dropFirst())))
    }
}
