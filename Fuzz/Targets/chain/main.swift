import FuzzSupport

// The certificates of a peer, and whom it trusts.
fuzzAsync { await ChainProperties.violation(input: $0) }
