"""A run that is cut off goes on bit for bit: after a stop, a kill, a full disk, a broken file."""

import resource
import signal
import subprocess
import sys
import time

import torch
from pytest import fixture, mark, raises

from labkit import data, models, training
from labkit.training import (
    Checkpoint,
    Control,
    Evaluation,
    KnobChange,
    Run,
    Start,
    Step,
    checkpoints,
)


class Memory(torch.nn.Module):
    """A method with all a checkpoint must hold: a parameter, a bank, noise of its own."""

    generator = None

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor(1.0))
        self.register_buffer("bank", torch.zeros(400, 100))

    def forward(self, student, teacher, batch, knobs):
        noise = torch.rand(len(batch.labels), 100, generator=self.generator)
        loss = torch.nn.functional.cross_entropy(self.scale * student.logits, batch.labels)
        pull = (student.logits - self.bank[batch.index] - noise).square().mean()
        with torch.no_grad():
            self.bank[batch.index] = student.logits
        return {"labels": loss, "pull": knobs["weight"] * pull}


@fixture(scope="module")
def pictures():
    return data.load("motif100", train=400, val=100, test=100, difficulty=0.1)


def start(dataset, folder, seconds=1000.0, epochs=3, control=None, **more):
    method = Memory()
    model = models.build("convnet", dataset.classes)
    events = training.fit(
        model, method, dataset, epochs=epochs, precision="fp32", checkpoint=folder,
        checkpoint_seconds=seconds, control=control or Control(weight=0.1), **more,
    )  # fmt: skip
    return Run(events), model, method


def curve(run):
    return {e.step: tuple(e.terms.values()) for e in run.log if isinstance(e, Step)}


def equal(one, two):
    return all(torch.equal(a, b) for a, b in zip(one.values(), two.values(), strict=True))


@mark.parametrize("stopped", [5, 6, 17])  # 6 steps an epoch
def test_going_on_is_bit_identical(pictures, tmp_path, stopped):
    whole, model, method = start(pictures, None)
    whole.start().result()
    first, *_ = start(pictures, tmp_path, seconds=0.0)
    while len(curve(first)) < stopped:
        first.advance(steps=1)
    again, other, memory = start(pictures, tmp_path)
    again.start().result()
    assert again.log[0].at in (stopped, stopped - 1)  # killed before the last one was written
    late = {step: terms for step, terms in curve(whole).items() if step > again.log[0].at}
    assert curve(again) == late
    assert equal(model.state_dict(), other.state_dict())
    assert equal(method.state_dict(), memory.state_dict())
    assert again.result()["curve"] == whole.result()["curve"]
    assert sum(isinstance(e, Evaluation) for e in again.log) == 3  # earlier ones are told again


def test_knob_moves_before_and_after_the_cut_are_kept(pictures, tmp_path):
    log = [{"step": 2, "name": "weight", "new": 0.5}, {"step": 8, "name": "weight", "new": 0.2}]
    whole, *_ = start(pictures, None, control=Control(log, weight=0.1))
    record = whole.start().result()
    first, *_ = start(pictures, tmp_path, seconds=0.0, control=Control(log, weight=0.1))
    first.advance(steps=10)
    again, *_ = start(pictures, tmp_path, control=Control(log, weight=0.1))
    assert again.start().result()["knob_changes"] == record["knob_changes"] == log
    assert curve(again).items() < curve(whole).items()


def test_a_replayed_knob_log_gives_the_same_curve(pictures):
    control = Control(weight=0.1)
    played, *_ = start(pictures, None, control=control)
    played.advance(steps=5)
    control.request(weight=2.0)
    played.advance(steps=6)
    control.request(weight=0.01)
    record = played.start().result()
    assert len([e for e in played.log if isinstance(e, KnobChange)]) == 2
    replayed, *_ = start(pictures, None, control=Control.replay(record))
    assert replayed.start().result()["knob_changes"] == record["knob_changes"]
    assert curve(replayed) == curve(played)


def test_the_last_two_are_kept_and_named_in_events(pictures, tmp_path):
    run, *_ = start(pictures, tmp_path)
    run.start().result()
    written = [e.path for e in run.log if isinstance(e, Checkpoint)]
    assert [path.name for path in written] == [f"step-{n:09d}.pt" for n in (6, 12, 18)]
    assert sorted(tmp_path.iterdir()) == written[1:]


def test_a_broken_file_falls_back_to_the_one_before(pictures, tmp_path):
    run, *_ = start(pictures, tmp_path, epochs=2)
    run.start().result()
    newest = tmp_path / "step-000000012.pt"
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1  # one bit
    newest.write_bytes(content)
    (tmp_path / "step-000000013.part").write_bytes(b"half")
    assert checkpoints.newest(tmp_path)["step"] == 6
    newest.write_bytes(b"")
    assert checkpoints.newest(tmp_path)["step"] == 6
    assert not (tmp_path / "step-000000013.part").exists()


def test_another_runs_checkpoint_is_refused_by_what_differs(pictures, tmp_path):
    run, *_ = start(pictures, tmp_path)
    run.advance(steps=10)
    with raises(ValueError, match="epochs 3 there and 4 here"):
        start(pictures, tmp_path, epochs=4)[0].start().result()
    with raises(ValueError, match=r"knobs .*0\.1.* there and .*0\.3.* here"):
        start(pictures, tmp_path, control=Control(weight=0.3))[0].start().result()
    other = data.load("motif100", train=400, val=100, test=100, difficulty=0.1, seed=5)
    with raises(ValueError, match="pictures"):
        start(other, tmp_path)[0].start().result()
    checkpoints.clear(tmp_path)
    assert start(pictures, tmp_path, epochs=4)[0].advance(steps=1)[0].at == 0


def test_a_full_disk_is_told_and_the_training_goes_on(pictures, tmp_path):
    run, *_ = start(pictures, tmp_path)
    run.advance(steps=9)  # the last event says that one checkpoint stands
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))  # longer files cannot be written
    try:
        run.start().result()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    told = [e for e in run.log if isinstance(e, Checkpoint)]
    assert [e.path is None for e in told] == [False, True, True]
    assert "no checkpoint could be written" in told[-1].problem
    assert [path.name for path in tmp_path.iterdir()] == ["step-000000006.pt"]
    assert checkpoints.newest(tmp_path)["step"] == 6


CHILD = """
import sys, torch
from labkit import data, models, training
sys.path.insert(0, sys.argv[2])
from test_checkpoints import start
torch.set_num_threads(1)
pictures = data.load("motif100", train=400, val=100, test=100, difficulty=0.1)
run, *_ = start(pictures, sys.argv[1], seconds=0.0, epochs=40)
run.start(on_event=lambda event: print(type(event).__name__, flush=True))
"""


@mark.slow
def test_kill_at_any_moment_leaves_a_checkpoint_that_goes_on(pictures, tmp_path):
    """Killed while it writes after every step, at moments nobody chose."""
    here = str(__file__).rpartition("/")[0]
    at = 0
    for wait in (0.031, 0.0173, 0.0057):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(tmp_path), here], stdout=subprocess.PIPE
        )
        for _ in range(8):  # Start, then steps and what was written after each
            child.stdout.readline()
        time.sleep(wait)
        child.send_signal(signal.SIGKILL)
        child.wait()
        state = checkpoints.newest(tmp_path)
        assert state is not None and state["step"] > at
        at = state["step"]
    whole, *_ = start(pictures, None, epochs=40)
    again, *_ = start(pictures, tmp_path, epochs=40)
    again.advance(steps=30)
    assert isinstance(again.log[0], Start) and again.log[0].at == at
    whole.advance(steps=at + 40)
    assert curve(again).items() <= curve(whole).items() and len(curve(again)) > 10
