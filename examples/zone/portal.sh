#!/bin/sh
# A night between a province's own system and the zone. The system is the master of decisions: it
# writes vouchers.csv, all that it ever decided or only what is new. The zone carries them out and
# gives back what became of them. Any step may be run again: nothing is done twice.
#
#     KHU_ENDPOINT=https://khud.zone.example:8443 sh portal.sh vouchers.csv /srv/exchange 2026-03
set -eu
vouchers=$1 folder=$2 month=$3

# In: all rows or none. What was redeemed before is passed over; L223 or L200 with its line says that
# the system and the zone no longer agree, and that is for people to look at.
khu grant import "$vouchers"

# Out: the grants as they stand, and the month's statements. The files and their manifests appear
# whole; the system checks length, SHA-256 and control totals before it reads.
khu grant export -o "$folder/grants.csv"
khu report statement --all --period "$month" -o "$folder/statements-$month.jsonl"
khu report zone --period "$month" -o "$folder/zone-$month.csv"

# An auditor may do this at any later time: the files against the books.
khu report verify "$folder/statements-$month.jsonl"
