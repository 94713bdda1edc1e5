import FuzzSupport

fuzz(ConfigFileProperties.violation(file:))
