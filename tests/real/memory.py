"""Memory of ranks that share a node: python memory.py CARAVAN JOB.json

Runs the job on one rank and on two, and reads the ranks' proportional set sizes (a page that n
processes map counts 1/n for each) many times a second. The largest sum over two ranks may be at most
1.2 times the largest of one: the weights are in memory once.
"""

import re
import subprocess
import sys
import time
from pathlib import Path

MOST = 1.2


def children(pid):
    """The processes below pid, by the kernel's lists."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(child) for child in task.read_text().split()]
        except OSError:
            pass  # the task has ended
    return found + [below for child in found for below in children(child)]


def proportional_set(pid):
    """Bytes; 0 for a process that has ended or is not a rank."""
    try:
        if Path(f"/proc/{pid}/comm").read_text().strip() != "caravan":
            return 0
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return 1024 * int(re.search(r"^Pss:\s+(\d+) kB", text, re.M).group(1))


def largest_sum(ranks, caravan, job):
    command = ["mpirun", "-n", str(ranks), "--bind-to", "none", "--oversubscribe", caravan, "run", job,
               "--output", f"{job}.{ranks}-ranks"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    largest = 0
    while process.poll() is None:
        largest = max(largest, sum(proportional_set(pid) for pid in children(process.pid)))
        time.sleep(0.02)
    if process.returncode != 0:
        sys.exit(f"caravan failed: {process.stderr.read().decode()}")
    return largest


def main():
    caravan, job = sys.argv[1:3]
    one, two = (largest_sum(ranks, caravan, job) for ranks in (1, 2))
    print(f"one rank {one / 2**20:.0f} MiB, two ranks together {two / 2**20:.0f} MiB: {two / one:.3f} times as much")
    sys.exit(0 if 0 < two <= MOST * one else 1)


main()
