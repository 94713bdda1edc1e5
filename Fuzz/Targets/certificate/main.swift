import FuzzSupport

// A file: DER or PEM of a certificate, of claims or of a request.
fuzz(CertificateProperties.violation(file:))
