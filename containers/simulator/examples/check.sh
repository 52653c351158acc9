#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What a test does, in any language: begin anew, plan a fault, run the program, look at what arrived.
#
#     containers/simulator/examples/check.sh node send.cjs
set -eu
simulator=http://${SMS_ENDPOINT:-127.0.0.1:8025}/_simulator

curl -sf "$simulator/reset" --json '{}' > /dev/null
curl -sf "$simulator/misbehave" --json '{"fault": "throttle", "action": "SendSms", "skip": 1}' > /dev/null
"$@"       # is accepted
"$@" || echo "the second was refused"
curl -sf "$simulator/counts"
