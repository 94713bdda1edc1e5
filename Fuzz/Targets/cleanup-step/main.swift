import FuzzSupport

// A line of the journal of what the next start takes back.
fuzz(CleanupStepProperties.violation(line:))
