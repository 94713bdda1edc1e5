import Crypto
import IPsecTypes

/// SHA-1 where IKEv2 leaves no choice. Neither use rests on collision resistance; a test fails on any other.
public enum FixedLegacyDigests {
    /// The data of NAT_DETECTION_SOURCE_IP and NAT_DETECTION_DESTINATION_IP (RFC 7296 §2.23): SHA-1 of the SPIs in the
    /// order of the header, the address in 4 or 16 bytes, the port in 2.
    public static func natDetection(
        initiatorSPI: IKESPI,
        responderSPI: IKESPI,
        endpoint: Endpoint
    ) -> [UInt8] {
        var writer = WireWriter(capacity: 34)
        writer.writeUInt64(initiatorSPI.rawValue)
        writer.writeUInt64(responderSPI.rawValue)
        writer.writeBytes(endpoint.address.bytes)
        writer.writeUInt16(endpoint.port)
        return Array(Insecure.SHA1.hash(data: writer.bytes))
    }

    /// One element of a CERTREQ payload (RFC 7296 §3.7): SHA-1 of the Subject Public Key Info of a trusted CA.
    public static func authorityHash(spkiDER: [UInt8]) -> [UInt8] {
        Array(Insecure.SHA1.hash(data: spkiDER))
    }
}
