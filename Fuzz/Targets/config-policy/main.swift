import FuzzSupport

fuzz(PolicyFileProperties.violation(policy:))
