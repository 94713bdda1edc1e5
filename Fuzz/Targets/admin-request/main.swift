import FuzzSupport

// The JSON of a frame on a control socket, as request and as answer.
fuzz(AdminCodingProperties.violation(frame:))
