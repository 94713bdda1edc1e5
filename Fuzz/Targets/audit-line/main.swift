import FuzzSupport

fuzz(AuditLineProperties.violation(line:))
