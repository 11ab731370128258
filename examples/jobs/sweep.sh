#!/bin/sh
# khu submit sweep.sh: a hundred runs, eight at a time, each with one GPU.
#KHU --name sweep
#KHU --programme san-choi
#KHU --partition gpu-l4
#KHU --gpus-per-node 1
#KHU --time 30m
#KHU --array 1-100%8
#KHU --output sweep-%A-%a.out
exec python3 train.py --seed "$KHU_ARRAY_INDEX"
