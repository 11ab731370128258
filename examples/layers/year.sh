#!/bin/sh
# What the admin of a zone does when the nation and the province decide.
#     sh examples/layers/year.sh POLICY.yaml
set -eu
cd "$(dirname "$0")"
policy=$1

# Which values of the zone's next policy are beyond the rules? Asks no khud.
khu policy check --offline --under national.yaml --under da-nang.yaml "$policy"

# What would the policy in force be held to, and what did the zone run that waits longer then?
khu policy check --layer province da-nang.yaml
khu policy plan --last 7d da-nang.yaml || echo "(a zone that ran nothing yet has nothing to replay)"

khu policy apply --layer national national.yaml
khu policy apply --layer province da-nang.yaml
khu policy show                        # the zone's own text, and what of it is held to the rules
khu policy history --layer province

# Later, where other rules followed and their act is withdrawn, those before them again:
#     khu policy rollback --layer province --id dn-2026.3 --decision "19/2026/QĐ-UBND"
