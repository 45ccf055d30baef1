"""Holds Caravan's angles and Sahara's search against the reference's.

    python tests/reference/compare_sahara.py SCORES.h5 REFERENCE.json

REFERENCE.json comes from sahara_reference.py. Compared are /sahara/angles_deg [step, layer, head], which
must be NaN where the head is a member of the group and nowhere else; /harmful/angles_deg [layer, head, r];
the group and its angles in sahara.csv beside SCORES.h5; the token ids; and the ablation. The exit status is
0 only if all agree.

A score agrees if |difference| <= 1e-3 * reference + floor. The floor is what single precision does to
the states. Moving M by E turns the span of its first r left singular vectors by about the size of E over
the gap s_r - s_(r+1) between M's singular values; E's size goes with the largest, s_1. So for clean and
ablated states together, as the sum of angles obeys the triangle inequality,

    floor_r = NOISE_OF_A_LAYER * layers * (s_1 / (s_r - s_(r+1)), clean, + the same, ablated), in radians.

The factor was measured: the reference in float32 against itself in float64 (--precision f64), the angles'
difference over that sum and over the layers, largest of all heads, steps and r = 1..8. It is 3.3e-9 for
chat-a, 3.5e-9 for chat-b (6 layers, 3 steps, 40 prompts) and 3.2e-9 for SmolLM2-135M-Instruct (30 layers,
1 step, 20 prompts). Four times the largest is allowed: twice because the reference and Caravan each have
their own rounding, and twice again for what another order of summation may do.

For r = 1 the sum is about 2.3, as the first singular value towers over the second: the floor is about 1e-5
degrees for 6 layers and 6e-5 for 30. For larger r gaps can be small, and the floor large; how many scores
stand above it is printed, and for the r that Sahara uses the members of the group must stand 100 times
above theirs. To measure it again:

    python tests/reference/compare_sahara.py --measure FLOAT32.json FLOAT64.json
"""

import csv
import json
import sys
from pathlib import Path

import h5py
import numpy as np

RELATIVE = 1e-3
NOISE_OF_A_LAYER = 1.4e-8


def board(fields, name, width):
    """[step, layer, head, width], NaN where there is no score."""
    nothing = [np.nan] * width
    return np.array([[[row or nothing for row in layer] for layer in step] for step in fields[name]], dtype=float)


def inverse_gaps(values):
    """s_1 / (s_r - s_(r+1)) for r = 1, ...; infinite where there is no gap. values [..., r]; where all
    singular values are there, the one after the last is 0."""
    with np.errstate(divide="ignore"):
        return values[..., :1] / (values[..., :-1] - values[..., 1:])


class Reference:
    def __init__(self, path):
        self.fields = json.loads(Path(path).read_text())
        self.rank, self.group = self.fields["rank"], [tuple(member) for member in self.fields["group"]]
        clean = np.array(self.fields["clean_singular_values"])
        self.ranks = min(8, len(self.fields["ids"]))
        self.angles = board(self.fields, "angles_by_rank", self.ranks)
        values = board(self.fields, "singular_values", len(clean))
        if len(clean) == self.ranks: # as many prompts as ranks: the next singular value is 0
            clean = np.append(clean, 0.0)
            values = np.concatenate([values, np.zeros_like(values[..., :1])], axis=-1)
        self.sensitivity = inverse_gaps(clean) + inverse_gaps(values)
        self.floor = np.degrees(NOISE_OF_A_LAYER * self.angles.shape[1] * self.sensitivity)


def compare(what, ours, theirs, floor, complaints):
    """Arrays of equal shape; NaN agrees with nothing."""
    allowed = floor + RELATIVE * theirs
    difference = np.abs(ours - theirs)
    fine = np.isfinite(ours) & np.isfinite(theirs) & np.isfinite(allowed) & (difference <= allowed)
    if not fine.all():
        at = tuple(int(i) for i in np.argwhere(~fine)[0])
        complaints.append(f"{what}: {(~fine).sum()} of {fine.size} differ, the first at {at}: {ours[at]:.9g}, not "
                          f"{theirs[at]:.9g} +- {allowed[at]:.2g} degrees")
    print(f"{what}: {theirs.size} scores of {theirs.min():.3g} to {theirs.max():.3g} degrees; {(theirs > floor).mean():.1%} "
          f"above their floor, which is at most {floor.max():.2g}; the worst difference is {difference.max():.2g} degrees, "
          f"{(difference / allowed).max():.3f} of what is allowed")


def compare_boards(file, reference, complaints):
    ours, theirs = file["/harmful/angles_deg"][:], reference.angles[0]
    if ours.shape[:2] != theirs.shape[:2] or ours.shape[2] < reference.ranks:
        complaints.append(f"/harmful/angles_deg is of shape {ours.shape}, not {theirs.shape}")
    else:
        for r in range(reference.ranks):
            compare(f"angles for r = {r + 1}", ours[..., r], theirs[..., r], reference.floor[0, ..., r], complaints)

    ours, theirs = file["/sahara/angles_deg"][:], reference.angles[..., reference.rank - 1]
    if ours.shape != theirs.shape:
        complaints.append(f"/sahara/angles_deg is of shape {ours.shape}, not {theirs.shape}")
        return
    for step in range(len(theirs)):
        there = np.isfinite(theirs[step])
        if not np.isnan(ours[step][~there]).all():
            complaints.append(f"step {step + 1}: members of the group have a score, and must not")
        floor = reference.floor[step, ..., reference.rank - 1]
        compare(f"step {step + 1}", ours[step][there], theirs[step][there], floor[there], complaints)


def compare_group(path, reference, complaints):
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    if [int(row["step"]) for row in rows] != list(range(1, len(rows) + 1)):
        complaints.append(f"{path}: steps are not 1, 2, ...")
    group = [(int(row["layer"]), int(row["head"])) for row in rows]
    if group != reference.group:
        complaints.append(f"the group is {group}, not {reference.group}")
        return
    for step, (row, member) in enumerate(zip(rows, group)):
        angle, expected = float(row["angle_deg"]), reference.angles[step, *member, reference.rank - 1]
        floor = reference.floor[step, *member, reference.rank - 1]
        if not abs(angle - expected) <= floor + RELATIVE * expected:
            complaints.append(f"{path}: {angle} degrees in step {step + 1}, not {expected:.9g}")
        if not expected >= 100 * floor:
            complaints.append(f"step {step + 1}: {expected:.3g} degrees are too close to the noise, {floor:.2g}")
        if not 0 < float(row["parameter_share"]) < 1:
            complaints.append(f"{path}: parameter_share {row['parameter_share']} in step {step + 1}")


def compare_choices(file, reference, complaints):
    fields, attributes = reference.fields, file.attrs
    if [row.tolist() for row in file["/harmful/tokens"][:]] != fields["ids"]:
        complaints.append("the token ids differ")
    names = ["kind", "granularity", "mean_of" if fields["kind"] == "mean_over_heads" else "epsilon"]
    for name in names:
        ours = attributes.get(f"ablation_{name}")
        ours = ours.decode() if isinstance(ours, bytes) else ours
        if ours is None or ours != fields[name]:
            complaints.append(f"the attribute ablation_{name} is {ours}, not {fields[name]}")


def margins(reference):
    """How far the best head of each step is ahead of the second, which says how sure the group is."""
    words = []
    for step, (layer, head) in enumerate(reference.group):
        angles = reference.angles[step, ..., reference.rank - 1]
        others = np.delete(angles.ravel(), layer * angles.shape[1] + head)
        words.append(f"L{layer}H{head} ({angles[layer, head]:.5g}, next {np.nanmax(others, initial=0.0):.5g} degrees)")
    return " ".join(words)


def measured(single, double):
    """What NOISE_OF_A_LAYER is for one run's rounding, for each r, and the angles' differences."""
    steps = min(len(single.angles), len(double.angles))
    difference = np.abs(single.angles[:steps] - double.angles[:steps])
    noise = np.radians(difference) / double.sensitivity[:steps] / double.angles.shape[1]
    print("a layer's noise, r = 1, ...:", " ".join(f"{value:.2g}" for value in np.nanmax(noise, axis=(0, 1, 2))))
    print("difference in degrees:     ", " ".join(f"{value:.2g}" for value in np.nanmax(difference, axis=(0, 1, 2))))


def main():
    if sys.argv[1] == "--measure":
        measured(Reference(sys.argv[2]), Reference(sys.argv[3]))
        return
    scores_path, reference = sys.argv[1], Reference(sys.argv[2])
    complaints = []
    with h5py.File(scores_path) as file:
        compare_choices(file, reference, complaints)
        compare_boards(file, reference, complaints)
    compare_group(Path(scores_path).with_name("sahara.csv"), reference, complaints)
    print("group:", margins(reference))
    for complaint in complaints:
        print("WRONG:", complaint)
    sys.exit(1 if complaints else 0)


main()
