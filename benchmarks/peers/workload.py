"""The mixed jobs that both schedulers place on an emulated cluster, in the same order.

Half of the nodes have eight GPUs, half are CPU nodes of sixteen cores. For 10,000 jobs on 1,000
nodes the jobs ask for 82 % of the GPUs and 94 % of the cores, so that all can run at once, and only
if whole nodes are left for those that need them.
"""
import collections
import random

Job = collections.namedtuple("Job", "partition nodes cores gpus minutes")  # per node


def jobs(count, seed=1):
    """`count` jobs in random order: 25 % one GPU, 2 % two, 0.5 % a whole node of eight,
    70 % one core, 2.5 % two nodes with a core each."""
    dice = random.Random(seed)
    shapes = {("gpu", 1, 1): 250, ("gpu", 1, 2): 20, ("gpu", 1, 8): 5,
              ("cpu", 1, 0): 700, ("cpu", 2, 0): 25}
    kinds, weights = zip(*shapes.items())
    for partition, nodes, gpus in dice.choices(kinds, weights, k=count):
        yield Job(partition, nodes, max(1, gpus), gpus, dice.choice((60, 120, 240, 480, 1440)))


def split(nodes):
    """How many of `nodes` nodes have GPUs, and how many have none."""
    return nodes // 2, nodes - nodes // 2
