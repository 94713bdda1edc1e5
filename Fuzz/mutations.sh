#!/bin/sh
# Fuzz/mutations.sh [COUNT]: COUNT (ten million) messages broken with the keys of the peer that sends them, the decrypted
# content included, thrown at one engine that has an honest peer (W20). Needs the release build of the tests.
set -eu
count=${1:-10000000}
cd "$(dirname "$0")/.."
: "${SWIFT_FLAGS:=-c release -Xswiftc -enable-testing}"
# shellcheck disable=SC2086
CULVERT_MUTATIONS=$count swift test --skip-build $SWIFT_FLAGS --filter SealedMutationTests
