#!/usr/bin/env python3
"""Cuts Wycheproof files down to what the tests read: trim.py SOURCE_FOLDER

Every invalid case stays, but of ML-KEM's eight of each set of flags and file. Of the valid and acceptable ones, four stay of each set of flags (and of each group that differs
in key, IV or tag size). Fields that repeat others (PEM, JWK, ASN.1 forms of one key) and comments go.
"""
import json
import pathlib
import sys

FILES = """
aes_cbc_pkcs5 aes_gcm chacha20_poly1305 hmac_sha256 hmac_sha384 hmac_sha512 x25519
ecdh_secp256r1_ecpoint ecdh_secp384r1_ecpoint ecdh_secp521r1_ecpoint
ecdsa_secp256r1_sha256 ecdsa_secp384r1_sha384 ecdsa_secp521r1_sha512
ecdsa_secp256r1_sha256_p1363 ecdsa_secp384r1_sha384_p1363 ecdsa_secp521r1_sha512_p1363 ed25519
rsa_pss_2048_sha256_mgf1_0 rsa_pss_2048_sha256_mgf1_32 rsa_pss_2048_sha384_mgf1_48 rsa_pss_4096_sha512_mgf1_64
rsa_pss_misc rsa_signature_2048_sha256 rsa_signature_3072_sha384 rsa_signature_4096_sha512
mlkem_768 mlkem_1024 mlkem_768_encaps mlkem_1024_encaps
""".split()
GROUP = ["keySize", "ivSize", "tagSize", "sha", "mgfSha", "sLen", "curve", "publicKeyDer"]
TEST = ["tcId", "flags", "result", "key", "iv", "aad", "msg", "ct", "tag", "sig", "public", "private", "shared", "seed", "ek", "c", "K", "m"]
KEPT = 4
# Invalid ML-KEM cases are wrong lengths and coefficients, thousands of octets each.
KEPT_INVALID = {"mlkem": 8}

here = pathlib.Path(__file__).parent
for name in FILES:
    source = json.loads((pathlib.Path(sys.argv[1]) / f"{name}_test.json").read_text())
    seen = {}
    groups = []
    for group in source["testGroups"]:
        sizes = tuple(group.get(key) for key in GROUP[:6])
        tests = []
        for test in group["tests"]:
            test.setdefault("flags", [])
            limit = KEPT_INVALID.get(name.split("_")[0]) if test["result"] == "invalid" else KEPT
            if limit is not None:
                kind = (sizes, tuple(sorted(test["flags"])), test["result"])
                seen[kind] = seen.get(kind, 0) + 1
                if seen[kind] > limit:
                    continue
            tests.append({key: test[key] for key in TEST if key in test})
        if tests:
            groups.append({**{key: group[key] for key in GROUP if key in group}, "tests": tests})
    lines = json.dumps({"algorithm": source["algorithm"], "testGroups": groups}, separators=(",", ":"))
    (here / f"{name}.json").write_text(lines.replace('{"tcId"', '\n{"tcId"') + "\n")
