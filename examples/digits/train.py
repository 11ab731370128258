#!/usr/bin/python3
"""Trains a small neural network on handwritten digits, data-parallel over MPI.

Every rank holds the whole model and its own part of each batch; the gradients are added over all
ranks with MPI_Allreduce, so all models stay equal. The batches come from one seed and are cut by
rank, so the model learned depends on the seed and, but for rounding, not on the number of ranks.

    mpirun -n 4 examples/digits/train.py --epochs 20

In a zone: writes a checkpoint after each epoch where KHU_CHECKPOINT_DIR says and goes on from one
found there; stops after the current step, with a checkpoint, when the file KHU_STOP_FILE appears.
The images (1,797 of 8x8 points, UCI) are fetched by `tools/deps --data`.
"""
import argparse
import gzip
import os
import sys
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", "1"))

import numpy as np  # noqa: E402  (its threads are set above)
from mpi4py import MPI  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
POINTS, HIDDEN, DIGITS = 64, 96, 10
STOPPED = 3  # exit code when asked to stop before the end


def load_digits(path):
    """Returns train and held-out (images, labels); every fifth image is held out, everywhere."""
    with gzip.open(path, "rt") as file:
        table = np.loadtxt(file, delimiter=",", dtype=np.float32)
    images, labels = table[:, :POINTS] / 16.0, table[:, POINTS].astype(np.int64)
    held_out = np.arange(len(images)) % 5 == 0
    return (images[~held_out], labels[~held_out]), (images[held_out], labels[held_out])


class Network:
    """64 points -> 96 rectified units -> 10 digits. All weights lie in one array, so that one
    Allreduce carries all gradients."""

    def __init__(self, seed):
        rng = np.random.default_rng(seed)
        self.weights = np.zeros((POINTS + 1) * HIDDEN + (HIDDEN + 1) * DIGITS)
        first, _, second, _ = self.parts(self.weights)
        first[:] = rng.normal(0, np.sqrt(2 / POINTS), first.shape)
        second[:] = rng.normal(0, np.sqrt(2 / HIDDEN), second.shape)

    @staticmethod
    def parts(flat):
        """Views of a flat array as (first, first bias, second, second bias)."""
        sizes = np.cumsum([POINTS * HIDDEN, HIDDEN, HIDDEN * DIGITS])
        first, bias, second, bias2 = np.split(flat, sizes)
        return first.reshape(POINTS, HIDDEN), bias, second.reshape(HIDDEN, DIGITS), bias2

    def scores(self, images):
        first, bias, second, bias2 = self.parts(self.weights)
        hidden = np.maximum(images @ first + bias, 0)
        return hidden, hidden @ second + bias2

    def gradient(self, images, labels):
        """Sum over the images of the gradient of the cross-entropy, and of the loss itself."""
        hidden, scores = self.scores(images)
        scores -= scores.max(axis=1, keepdims=True)
        chances = np.exp(scores)
        chances /= chances.sum(axis=1, keepdims=True)
        loss = -np.log(chances[np.arange(len(labels)), labels] + 1e-12).sum()
        chances[np.arange(len(labels)), labels] -= 1

        flat = np.zeros_like(self.weights)
        first, bias, second, bias2 = self.parts(flat)
        second[:], bias2[:] = hidden.T @ chances, chances.sum(axis=0)
        back = (chances @ self.parts(self.weights)[2].T) * (hidden > 0)
        first[:], bias[:] = images.T @ back, back.sum(axis=0)
        return flat, loss

    def accuracy(self, images, labels):
        return float((self.scores(images)[1].argmax(axis=1) == labels).mean())


class Trainer:
    """Momentum descent with the gradients of all ranks."""

    def __init__(self, world, options):
        self.world, self.options = world, options
        self.network = Network(options.seed)
        self.speed = np.zeros_like(self.network.weights)
        self.train, self.held_out = load_digits(options.data)
        self.epoch = 0
        self.stopped = False

    def run_epoch(self):
        """One pass over the training images; returns the mean loss. May set `stopped`."""
        images, labels = self.train
        order = np.random.default_rng((self.options.seed, self.epoch)).permutation(len(images))
        total = 0.0
        for start in range(0, len(order), self.options.batch):
            batch = order[start:start + self.options.batch]
            mine = batch[self.world.rank::self.world.size]
            total += self.step(images[mine], labels[mine], len(batch))
            if self.stopped:
                return total / len(order)
        self.epoch += 1
        return total / len(order)

    def step(self, images, labels, batch_size):
        """One step over a batch of which this rank holds a part; returns the batch's loss."""
        gradient, loss = self.network.gradient(images, labels)
        sent = np.concatenate([gradient, [loss, float(self.asked_to_stop())]])
        received = np.empty_like(sent)
        self.world.Allreduce(sent, received, op=MPI.SUM)
        rate = self.options.rate * 0.5 * (1 + np.cos(np.pi * self.epoch / self.options.epochs))
        self.speed = 0.9 * self.speed - rate * received[:-2] / batch_size
        self.network.weights += self.speed
        self.stopped = received[-1] > 0
        return received[-2]

    def asked_to_stop(self):
        stop_file = os.environ.get("KHU_STOP_FILE")
        return self.world.rank == 0 and bool(stop_file) and os.path.exists(stop_file)

    def save(self):
        """Rank 0 writes the checkpoint beside the old one and then puts it in its place."""
        folder = os.environ.get("KHU_CHECKPOINT_DIR")
        if not folder or self.world.rank != 0:
            return
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, "digits.npz")
        with open(path + ".new", "wb") as file:
            np.savez(file, weights=self.network.weights, speed=self.speed, epoch=self.epoch)
            file.flush()
            os.fsync(file.fileno())
        os.replace(path + ".new", path)

    def restore(self):
        """Rank 0 looks for a checkpoint; all go on from what it found."""
        state = None
        folder = os.environ.get("KHU_CHECKPOINT_DIR")
        if self.world.rank == 0 and folder and os.path.exists(os.path.join(folder, "digits.npz")):
            with np.load(os.path.join(folder, "digits.npz")) as saved:
                state = (saved["weights"], saved["speed"], int(saved["epoch"]))
        state = self.world.bcast(state)
        if state is not None:
            self.network.weights, self.speed, self.epoch = state
        return state is not None


def read_options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", default=os.path.join(HERE, "../../build/data/digits.csv.gz"))
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch", type=int, default=64, help="images per step, over all ranks")
    parser.add_argument("--rate", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--require", type=float, default=90.0, help="percent; fails below it")
    return parser.parse_args()


def main():
    options = read_options()
    world = MPI.COMM_WORLD
    hosts = world.gather(MPI.Get_processor_name())
    say = print if world.rank == 0 else (lambda *text, **how: None)
    say(f"world size {world.size}")
    if world.rank == 0:
        for rank, host in enumerate(hosts):
            print(f"rank {rank} on {host}")

    trainer = Trainer(world, options)
    if trainer.restore():
        say(f"going on from the checkpoint of epoch {trainer.epoch}")
    began = time.monotonic()
    while trainer.epoch < options.epochs:
        loss = trainer.run_epoch()
        trainer.save()
        if trainer.stopped:
            say(f"asked to stop in epoch {trainer.epoch + 1}; checkpoint written")
            return STOPPED
        accuracy = 100 * trainer.network.accuracy(*trainer.held_out)
        say(f"epoch {trainer.epoch:3d}  loss {loss:.4f}  accuracy {accuracy:.2f} %", flush=True)

    accuracy = 100 * trainer.network.accuracy(*trainer.held_out)
    say(f"final accuracy {accuracy:.2f} % on {len(trainer.held_out[1])} held-out images, "
        f"{world.size} ranks on {len(set(hosts or []))} hosts, {time.monotonic() - began:.1f} s")
    return 0 if accuracy >= options.require else 1


if __name__ == "__main__":
    sys.exit(main())
