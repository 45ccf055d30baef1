#!/usr/bin/env python3
"""A fault campaign: small jobs with all stages are hurt in the middle, taken up by another number of ranks,
and must end with the bytes of a run that nobody disturbed.

    tests/faults/campaign.py --caravan build/release/bin/caravan --seed 1 --runs 220 --output TABLE.md

The seed decides the faults, their places and their times as a share of an undisturbed run's time, or of its
journal; how far exactly a run has come by then is the machine's affair. Each run checks, with a reader of the
journal of its own, that

  - what was intact in the journal stays in it, byte by byte, and is taken from it, not computed again;
  - what was damaged is cut off and reported with the right numbers, and what is no journal is refused;
  - the tables are those of the undisturbed run, and nothing else is left behind;
  - the whole journal has each unit once, with the undisturbed run's bytes.

Exit code 0 if all runs passed. The folders of those that did not are kept. Only processes that this program
has started are killed.
"""

import argparse
import concurrent.futures
import dataclasses
import hashlib
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

SOURCE = pathlib.Path(__file__).resolve().parents[2]
MOST_SECONDS = 300  # for one start of the program
MOST_RANKS = 4
STAGES = ["sweep", "sahara 2", "answers", "utility"]

# ---- the journal, read by its description in docs/results.md ----

MAGIC = b"Caravan\n"
CHECKSUM = 16


@dataclasses.dataclass
class Journal:
    data: bytes
    state: str  # "absent", "foreign", "damaged" (its header is) or "good"
    records: list  # (begin, end, stage, description, payload) of the intact ones
    intact: int  # bytes up to the first damage


def read_journal(path):
    if not path.exists():
        return Journal(b"", "absent", [], 0)
    data = path.read_bytes()

    def number(at):
        return int.from_bytes(data[at : at + 8], sys.byteorder)

    def checked(before, begin, end):
        found = hashlib.sha256(before + data[begin:end]).digest()[:CHECKSUM]
        return found if end + CHECKSUM <= len(data) and data[end : end + CHECKSUM] == found else None

    if data[:8] != MAGIC[: len(data)]:
        return Journal(data, "foreign", [], 0)
    end = 24 + number(16) if len(data) >= 24 else len(data)
    last = checked(b"", 0, end)
    if last is None:
        return Journal(data, "damaged", [], 0)
    journal = Journal(data, "good", [], end + CHECKSUM)
    while journal.intact + 8 + CHECKSUM <= len(data):
        begin = journal.intact
        end = begin + 8 + number(begin)
        last = checked(last, begin, end)
        if last is None:
            break
        name = begin + 16 + number(begin + 8)
        stage = data[begin + 16 : name].decode()
        journal.records.append((begin, end + CHECKSUM, stage, number(name + 8), data[name + 16 : end]))
        journal.intact = end + CHECKSUM
    return journal


# ---- processes ----


def stat_of(pid):
    """State and parent, or None when it is gone."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return fields[0], int(fields[1])
    except (OSError, IndexError):
        return None


def is_alive(pid):
    stat = stat_of(pid)
    return stat is not None and stat[0] not in "ZX"


def descendants(root):
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            stat = stat_of(entry)
            if stat:
                parents[int(entry)] = stat[1]
    known = {root}
    while True:
        grown = {pid for pid, parent in parents.items() if parent in known} - known
        if not grown:
            return known - {root}
        known |= grown


def kill(pid, number=signal.SIGKILL):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def ranks_of(launcher, program):
    """The ranks' processes, by their number, as far as they have been started."""
    found = {}
    for pid in descendants(launcher):
        try:
            if os.path.realpath(f"/proc/{pid}/exe") != program:
                continue
            for variable in pathlib.Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                name, _, value = variable.partition(b"=")
                if name in (b"OMPI_COMM_WORLD_RANK", b"PMI_RANK"):
                    found[int(value)] = pid
        except OSError:
            continue
    return found


# ---- the job ----


def write_job(folder):
    """All stages, two models; so little memory that there are many units."""
    demo = SOURCE / "jobs" / "demo"
    prompts = {
        "harmful": {"file": str(demo / "prompts" / "harmful.csv"), "limit": 14},
        "harmless": {"file": str(demo / "prompts" / "harmless.csv"), "limit": 6},
    }
    job = {
        "name": "faults",
        "models": [{"name": name, "path": str(demo / "models" / name)} for name in ("chat-a", "chat-b")],
        "output": "results",
        "format": {"kind": "chat"},
        "prompts": prompts,
        "ablations": [{"kind": "uniform_attention"}],
        "subspace": {"rank": 1},
        "sahara": {"steps": 2},
        "evaluate": {
            "groups": ["none", "top:1", "sahara:2"],
            "decode": [{"kind": "greedy"}, {"kind": "top_k", "k": 5}],
            "max_new_tokens": 4,
            "judges": ["paper", "released", "prefix"],
            "utility": [{"name": "things", "file": str(demo / "utility.jsonl"), "limit": 16}],
        },
        "engine": {"memory_gib": 0.006},
    }
    path = folder / "job.json"
    path.write_text(json.dumps(job))
    return path


def tables(results):
    """The files that the same job always fills with the same bytes."""
    return {
        str(path.relative_to(results)): path.read_bytes()
        for path in sorted(results.rglob("*"))
        if path.suffix in (".csv", ".h5")
    }


def names(results):
    return {str(path.relative_to(results)) for path in results.rglob("*")} - {".journal-damaged"}


@dataclasses.dataclass
class Undisturbed:
    results: pathlib.Path
    seconds: float
    files: dict  # the tables
    payloads: dict  # (stage, description) to a unit's bytes
    names: set


class Campaign:
    def __init__(self, options, scratch):
        self.program = os.path.realpath(options.caravan)
        self.mpiexec = options.mpiexec
        self.scratch = scratch
        self.job = write_job(scratch)
        self.tmpfs = options.disk == "tmpfs"
        self.environment = dict(os.environ)
        temporary = scratch / "tmp"  # what MPI leaves of killed processes
        temporary.mkdir()
        for name, value in {
            "OMP_NUM_THREADS": "1",
            "OMP_WAIT_POLICY": "passive",
            "TMPDIR": str(temporary),
            "OMPI_ALLOW_RUN_AS_ROOT": "1",
            "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
            "OMPI_MCA_rmaps_base_oversubscribe": "1",
            "OMPI_MCA_mpi_yield_when_idle": "1",
            "OMPI_MCA_hwloc_base_binding_policy": "none",
            "OMPI_MCA_btl_vader_backing_directory": str(temporary),
            "OMPI_MCA_btl_sm_backing_directory": str(temporary),
        }.items():
            self.environment[name] = value

    def start(self, folder, ranks, results, most_kib=None):
        """mpirun in a session of its own; its messages are in folder/err. most_kib limits files' sizes."""
        command = [self.program, "run", str(self.job), "--output", str(results)]
        if most_kib is not None:
            limit = 'trap "" XFSZ; ulimit -f "$1"; shift; exec "$@"'
            command = ["bash", "-c", limit, "limited", str(most_kib)] + command
        with open(folder / "out", "wb") as out, open(folder / "err", "wb") as err:
            return subprocess.Popen(
                [self.mpiexec, "-n", str(ranks)] + command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd=folder,
                env=self.environment,
                start_new_session=True,
            )

    def wait(self, process):
        """Its exit code. One that hangs is a finding, and ended with its ranks."""
        try:
            return process.wait(MOST_SECONDS)
        except subprocess.TimeoutExpired:
            kill_all(process)
            raise Problem(f"has not ended after {MOST_SECONDS} s")

    def measure(self, ranks):
        """The undisturbed run of so many ranks."""
        folder = self.scratch / f"undisturbed-{ranks}"
        folder.mkdir()
        results = folder / "results"
        begin = time.monotonic()
        process = self.start(folder, ranks, results)
        if self.wait(process) != 0:
            sys.exit(f"the undisturbed run fails: {(folder / 'err').read_text()}")
        seconds = time.monotonic() - begin
        journal = read_journal(results / "journal")
        payloads = {(stage, description): payload for _, _, stage, description, payload in journal.records}
        if len(payloads) != len(journal.records) or journal.intact != len(journal.data):
            sys.exit("the undisturbed run's journal is not whole, or has a unit twice")
        if {stage for stage, _ in payloads} != set(STAGES):
            sys.exit(f"the journal has other stages than {STAGES}")
        return Undisturbed(results, seconds, tables(results), payloads, names(results))


class Problem(Exception):
    """What a run of the campaign finds wrong."""


def kill_all(process):
    """Kills a launcher with all ranks; stopped first, so that it starts no more of them meanwhile."""
    kill(process.pid, signal.SIGSTOP)
    ranks = descendants(process.pid)
    for pid in ranks | {process.pid}:
        kill(pid)
    process.wait()
    return ranks


def await_end(pids, seconds=30):
    until = time.monotonic() + seconds
    while any(is_alive(pid) for pid in pids):
        if time.monotonic() > until:
            for pid in pids:
                kill(pid)
            raise Problem("a rank lives on though another was killed")
        time.sleep(0.01)


# ---- one run ----

KILLS = ["rank 0", "another rank", "the whole job"]
DAMAGES = ["cut", "change"]
FAULTS = [
    ("rank 0 killed", ["rank 0"]),
    ("another rank killed", ["another rank"]),
    ("whole job killed", ["the whole job"]),
    ("killed, then the journal's end cut off", ["any kill", "cut"]),
    ("killed, then bytes of the journal changed", ["any kill", "change"]),
    ("ended, then the journal's end cut off", ["none", "cut"]),
    ("ended, then bytes of the journal changed", ["none", "change"]),
    ("ended, then the journal's header damaged", ["none", "header"]),
    ("disk full", ["disk"]),
    ("two of these in a row", ["any", "any"]),
]


class Run:
    def __init__(self, campaign, undisturbed, seed, number, kind):
        self.campaign = campaign
        self.undisturbed = undisturbed  # by ranks
        self.whole = next(iter(undisturbed.values()))
        self.seed = f"{seed} {number}"
        self.random = random.Random(self.seed)
        journal = read_journal(self.whole.results / "journal")
        self.whole_ends = [journal.records[0][0]] + [end for _, end, *_ in journal.records]
        self.random_ranks = random.Random(f"{self.seed} ranks")
        self.kind, faults = FAULTS[kind]
        self.faults = [self.choose(fault) for fault in faults]
        if all(fault in DAMAGES for fault in self.faults):
            self.faults.insert(0, "none")  # there must be a journal to damage
        self.name = f"run {number}: {', '.join(self.faults)}"
        self.folder = campaign.scratch / f"run-{number}"
        self.disk = self.folder / "disk"
        self.results = self.disk / "results"
        self.ranks = None
        self.mounted = False
        self.struck = []  # the stage that the journal had come to at each fault
        self.journaled = self.kept = self.damaged = 0
        self.resumed = self.identical = False
        self.problem = None

    def choose(self, fault):
        if fault == "any":
            fault = self.random.choice(["any kill"] * 3 + DAMAGES + ["disk"])
        return self.random.choice(KILLS) if fault == "any kill" else fault

    def next_ranks(self, least=1):
        """Another number than before."""
        self.ranks = self.random_ranks.choice([n for n in range(least, MOST_RANKS + 1) if n != self.ranks])
        return self.ranks

    def journal(self):
        return read_journal(self.results / "journal")

    def messages(self):
        return (self.folder / "err").read_text(errors="replace")

    # -- faults --

    def note(self, journal):
        done = len(journal.records)
        stage = journal.records[-1][2] if done else "nothing"
        self.struck.append("all units" if done == len(self.whole.payloads) else stage)

    def reach(self, process, share, by_journal, ranks, have):
        """Waits for a share of the units that the journal lacks, or of an undisturbed run's time, or the end."""
        times = self.undisturbed.get(ranks, self.whole)
        size = self.whole_ends[have + int(share * (len(self.whole_ends) - have))]
        begin = time.monotonic()
        path = self.results / "journal"
        while process.poll() is None and time.monotonic() - begin < MOST_SECONDS:
            if by_journal and path.exists() and path.stat().st_size >= size:
                time.sleep(share * 0.02)
                break
            if not by_journal and time.monotonic() - begin >= share * times.seconds:
                break
            time.sleep(0.002)
        return process.poll() is None

    def strike(self, victim, ranks, share, by_journal, have):
        """One start that is to be killed; False if it was over before."""
        process = self.campaign.start(self.folder, ranks, self.results)
        if not self.reach(process, share, by_journal, ranks, have):
            self.campaign.wait(process)
            return False
        if victim == "the whole job":
            await_end(kill_all(process))
            return True
        number = 0 if victim == "rank 0" else self.random.randrange(1, ranks)
        while process.poll() is None:
            found = ranks_of(process.pid, self.campaign.program)
            if number in found:
                family = descendants(process.pid)
                kill(found[number])
                code = self.campaign.wait(process)
                await_end(family)
                return code != 0
            time.sleep(0.005)
        return False

    def kill(self, victim):
        before = self.journal()
        ranks = self.next_ranks(2 if victim == "another rank" else 1)
        share = self.random.random()
        by_journal = self.random.random() < 0.7
        saved = self.folder / "saved"
        self.copy(self.results, saved)
        for _ in range(12):
            if self.strike(victim, ranks, share, by_journal, len(before.records)):
                break
            self.copy(saved, self.results)
            share *= 0.65  # a run that is nearly done, on a machine that has become quicker, is short
        else:
            raise Problem("the run ended each time before it was killed")
        after = self.journal()
        self.check_kept(before, after)
        self.note(after)

    @staticmethod
    def copy(source, target):
        shutil.rmtree(target, ignore_errors=True)
        if source.exists():
            shutil.copytree(source, target)

    def end(self):
        """A run that ended well; its tables are gone, so that they must be written again."""
        self.ranks = self.random.choice(list(self.undisturbed))
        self.copy(self.undisturbed[self.ranks].results, self.results)
        for path in self.results.rglob("*"):
            if path.suffix in (".csv", ".h5") or path.name == "manifest.json":
                path.unlink()

    def damage(self, fault):
        journal = self.journal()
        if fault != "header":
            self.note(journal)
        if not journal.data:
            return
        data = bytearray(journal.data)
        header = journal.records[0][0] if journal.records else len(data)
        if fault == "header" and self.random.random() < 0.3:
            del data[self.random.randrange(header) :]
        elif fault == "header":
            data[self.random.randrange(header)] ^= 1 << self.random.randrange(8)
        elif fault == "cut":
            del data[self.place(journal) :]
        else:
            self.change(data, journal)
        (self.results / "journal").write_bytes(data)
        self.damaged += 1

    def place(self, journal):
        """A byte of a unit in the journal, of its last one as often as of any other."""
        if not journal.records:
            return self.random.randrange(len(journal.data))
        last = self.random.random() < 0.5
        begin, end, *_ = journal.records[-1] if last else self.random.choice(journal.records)
        return self.random.randrange(begin, end)

    def change(self, data, journal):
        draw = self.random
        how = draw.choice(["bit", "bit", "bytes", "length", "zeros", "more"])
        at = self.place(journal)
        if how == "length" and journal.records:
            at = draw.choice(journal.records)[0] + draw.randrange(8)
        if how in ("bit", "length"):
            data[at] ^= 1 << draw.randrange(8)
        elif how == "bytes":
            data[at : at + 64] = draw.randbytes(len(data[at : at + 64]))
        elif how == "zeros":  # as file systems leave them when the power fails
            data[at:] = bytes(len(data) - at)
        else:
            data += draw.randbytes(draw.randrange(1, 400))

    def fill_disk(self):
        """A run that finds no more room, at a random place of all that it has to write."""
        before = self.journal()
        need = sum(path.stat().st_size for path in self.whole.results.rglob("*") if path.is_file())
        have = sum(path.stat().st_size for path in self.results.rglob("*") if path.is_file())
        tmpfs = self.campaign.tmpfs
        most = need if tmpfs else self.whole_ends[-1]
        room = self.random.uniform(have, most * 0.95) if have < most * 0.95 else have
        ranks = self.next_ranks() if tmpfs else 1
        self.ranks = ranks
        saved = self.folder / "saved"
        self.copy(self.results, saved)
        for _ in range(12):
            kib = max(int(room) // 1024, 4 if tmpfs else 1)
            if tmpfs:
                self.resize(kib)
            code = self.campaign.wait(self.campaign.start(self.folder, ranks, self.results, None if tmpfs else kib))
            if tmpfs:
                self.resize(64 * 1024)
            if code != 0:
                break
            self.copy(saved, self.results)
            room *= 0.8
        else:
            raise Problem("the disk was never full")
        if not re.search(r"No space left on device|File too large", self.messages()):
            raise Problem(f"a full disk is not reported: {self.messages()[:400]}")
        if "exited on signal" in self.messages():
            raise Problem("crashes on a full disk")
        after = self.journal()
        self.check_kept(before, after)
        self.note(after)

    def resize(self, kib):
        """Not below what is in it, which the system refuses."""
        now = os.statvfs(self.disk)
        kib = max(kib, (now.f_blocks - now.f_bfree) * now.f_frsize // 1024)
        subprocess.run(["mount", "-o", f"remount,size={kib}k", str(self.disk)], check=True)

    # -- checks --

    def check_kept(self, before, after):
        """What was intact before a start of the program is in the journal after it."""
        if not before.records:
            return
        if after.data[: before.intact] != before.data[: before.intact]:
            raise Problem("the journal has lost units that were in it")

    def check_reported(self, before):
        said = self.messages()
        cut_off = r"the last (\d+) bytes, from byte (\d+) on, are torn or damaged and are cut off; (\d+) "
        found = re.search(cut_off, said)
        torn = len(before.data) - before.intact if before.state == "good" else 0
        wanted = (torn, before.intact, len(before.records)) if torn else None
        if (tuple(map(int, found.groups())) if found else None) != wanted:
            raise Problem(f"the cut-off end: wanted {wanted}, found {found and found.groups()}")
        if ("is damaged from its beginning on" in said) != (before.state == "damaged"):
            raise Problem(f"the header is {before.state}, which is not what is said")
        aside = self.results / ".journal-damaged"
        if before.state == "damaged" and aside.read_bytes() != before.data:
            raise Problem("the damaged journal was not kept")

    def refuse(self):
        """A file that does not begin as a journal is not touched; it is moved away, as the message says."""
        before = self.journal()
        code = self.campaign.wait(self.campaign.start(self.folder, self.next_ranks(), self.results))
        if code != 2 or "is not a journal of Caravan; move it away" not in self.messages():
            raise Problem(f"a foreign file in the journal's place: exit code {code}")
        if self.journal().data != before.data:
            raise Problem("a foreign file in the journal's place was changed")
        (self.results / "journal").unlink()

    def finish(self):
        if self.journal().state == "foreign":
            self.refuse()
        before = self.journal()
        self.journaled = len({record[2:4] for record in before.records})
        code = self.campaign.wait(self.campaign.start(self.folder, self.next_ranks(), self.results))
        if code != 0:
            raise Problem(f"exit code {code} when resumed: {self.messages()[:600]}")
        self.resumed = True
        self.check_reported(before)
        figures = json.loads((self.results / "manifest.json").read_text())["performance"]
        self.kept = figures["units_from_journal"]
        if self.kept != self.journaled or figures["units"] != len(self.whole.payloads):
            raise Problem(f"{self.kept} units of {figures['units']} were taken over, {self.journaled} were there")
        said = re.findall(r"journal: has (?:all )?(\d+) (?:of \d+ )?units of", self.messages())
        if sum(map(int, said)) != self.journaled:
            raise Problem(f"the messages say {said} units, {self.journaled} were there")
        after = self.journal()
        self.check_kept(before, after)
        self.check_whole(after)

    def check_whole(self, journal):
        if journal.state != "good" or journal.intact != len(journal.data):
            raise Problem("the journal of the finished run is damaged")
        units = {(stage, description): payload for _, _, stage, description, payload in journal.records}
        if len(units) != len(journal.records) or units != self.whole.payloads:
            raise Problem("the journal of the finished run has other units than the undisturbed one's")
        found = tables(self.results)
        differ = [name for name in self.whole.files | found if found.get(name) != self.whole.files.get(name)]
        if differ:
            raise Problem(f"differ from the undisturbed run: {', '.join(differ)}")
        self.identical = True
        if names(self.results) != self.whole.names:
            raise Problem(f"files are left over, or missing: {sorted(names(self.results) ^ self.whole.names)}")

    # -- the whole --

    def go(self):
        self.disk.mkdir(parents=True)
        try:
            if "disk" in self.faults and self.campaign.tmpfs:
                subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "caravan", str(self.disk)], check=True)
                self.mounted = True
            for step, fault in enumerate(self.faults):
                self.random.seed(f"{self.seed} {step}")  # whatever the one before has drawn
                if self.journal().state == "foreign":
                    self.refuse()
                if fault in KILLS:
                    self.kill(fault)
                elif fault == "none":
                    self.end()
                elif fault == "disk":
                    self.fill_disk()
                else:
                    self.damage(fault)
            self.finish()
        except (Problem, OSError, ValueError, KeyError, subprocess.CalledProcessError) as problem:
            self.problem = str(problem) or repr(problem)
            if self.mounted:
                self.copy(self.results, self.folder / "results")
        finally:
            if self.mounted:
                subprocess.run(["umount", str(self.disk)], check=True)
        if not self.problem:
            shutil.rmtree(self.folder)
        return self


# ---- the table ----


def write_table(path, options, runs, units):
    disk = "a tmpfs too small" if options.disk == "tmpfs" else "a limit of the files' size, on one rank"
    lines = [
        f"Seed {options.seed}, {len(runs)} runs of {units} units in {len(STAGES)} stages; the full disk is {disk}.",
        "",
        "| fault | runs | resumed to the end | results identical | units in the journal | taken from it | lost |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]

    def row(name, chosen):
        journaled = sum(run.journaled for run in chosen)
        kept = sum(run.kept for run in chosen)
        counts = [len(chosen), sum(run.resumed for run in chosen), sum(run.identical for run in chosen)]
        lines.append(f"| {name} | " + " | ".join(map(str, counts + [journaled, kept, journaled - kept])) + " |")

    for name, _ in FAULTS:
        chosen = [run for run in runs if run.kind == name]
        if chosen:
            row(name, chosen)
    row("all", runs)
    places = ["nothing"] + STAGES + ["all units"]
    struck = [place for run in runs for place in run.struck]
    lines += [
        "",
        "How far the journal had come when a fault struck (the stage of its last unit):",
        "",
        "| " + " | ".join(places) + " |",
        "|" + "---:|" * len(places),
        "| " + " | ".join(str(struck.count(place)) for place in places) + " |",
    ]
    path.write_text("\n".join(lines) + "\n")


def read_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--caravan", required=True, help="the built program")
    parser.add_argument("--mpiexec", default=os.environ.get("MPIEXEC", "mpirun"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=220)
    parser.add_argument("--output", type=pathlib.Path, help="where to write the table; else it is printed")
    parser.add_argument("--at-once", type=int, default=1, help="runs at the same time")
    parser.add_argument(
        "--disk",
        choices=["auto", "tmpfs", "limit"],
        default="auto",
        help="how a disk is made full: by a small tmpfs, for which one must be root, or by a limit of the files' size",
    )
    options = parser.parse_args()
    if options.runs < 1 or options.at_once < 1:
        parser.error("--runs and --at-once begin with 1")
    return options


def choose_disk(options):
    """Mounts are made in a namespace of this program's own, so that none stays behind."""
    inside = "CARAVAN_FAULTS_NAMESPACE"
    if options.disk == "auto" and inside not in os.environ:
        probe = "mount -t tmpfs -o size=64k caravan /mnt && mount -o remount,size=128k /mnt"
        able = os.geteuid() == 0 and shutil.which("unshare")
        able = able and subprocess.run(["unshare", "--mount", "sh", "-c", probe], capture_output=True).returncode == 0
        options.disk = "tmpfs" if able else "limit"
    if options.disk in ("auto", "tmpfs"):
        options.disk = "tmpfs"
        if inside not in os.environ:
            os.environ[inside] = "1"
            os.execvp("unshare", ["unshare", "--mount", sys.executable, *sys.argv])
    os.environ.pop(inside, None)


def main():
    options = read_options()
    choose_disk(options)
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="caravan-faults-"))
    campaign = Campaign(options, scratch)
    counts = range(1, MOST_RANKS + 1) if options.runs >= 50 else (1, MOST_RANKS)
    with concurrent.futures.ThreadPoolExecutor(options.at_once) as pool:
        undisturbed = dict(zip(counts, pool.map(campaign.measure, counts)))
    first = undisturbed[1]
    for ranks, other in undisturbed.items():
        if (other.files, other.payloads, other.names) != (first.files, first.payloads, first.names):
            sys.exit(f"undisturbed runs of 1 and {ranks} ranks differ: {scratch}")
    kinds = [i % len(FAULTS) for i in range(options.runs)]
    random.Random(options.seed).shuffle(kinds)
    runs = []
    with concurrent.futures.ThreadPoolExecutor(options.at_once) as pool:
        todo = [Run(campaign, undisturbed, options.seed, i + 1, kind) for i, kind in enumerate(kinds)]
        for run in pool.map(Run.go, todo):
            print(f"{run.name}: {run.problem or f'{run.kept} units kept'}", flush=True)
            runs.append(run)
    table = options.output or scratch / "table.md"
    write_table(table, options, runs, len(first.payloads))
    if not options.output:
        print(table.read_text(), end="")
    failed = [run for run in runs if run.problem]
    print(f"{len(runs)} runs, {len(failed)} failed" + (f", see {scratch}" if failed else ""))
    if not failed:
        shutil.rmtree(scratch)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
