#!/bin/bash
# khu submit licences.sh: two licences and a bench, for as long as the job runs.
#KHU --resource eda-licence=2,bench-rf --cores-per-task 8 --time 4h
#KHU --output route-%j.out
./place_and_route --threads "$OMP_NUM_THREADS"
