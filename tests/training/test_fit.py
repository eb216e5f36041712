"""The loop: pairing over methods, knobs, stopping, bad input, and that it learns."""

import torch
import torch.nn.functional as F
from pytest import approx, fixture, mark, raises

from labkit import data, models, training
from labkit.training import Control, Evaluation, KnobChange, Run, Start, Step
from labkit.training.registry import make


@fixture(scope="module")
def pictures():
    return data.load("motif100", train=400, val=100, test=100, difficulty=0.1)


def events(dataset, method=training.cross_entropy, seed=0, epochs=1, **more):
    model = models.build("convnet", dataset.classes, seed=seed)
    fit = {"epochs": epochs, "precision": "fp32", "seed": seed} | more
    return training.fit(model, method, dataset, **fit)


def curve(run):
    return [tuple(e.terms.values()) for e in run.log if isinstance(e, Step)]


def test_events_come_in_order_and_the_record_is_complete(pictures):
    training_run = Run(events(pictures, epochs=2)).start()
    record = training_run.result()
    assert isinstance(training_run.log[0], Start)
    assert training_run.log[0].steps == len(curve(training_run)) == 2 * (400 // 64)
    assert sum(isinstance(e, Evaluation) for e in training_run.log) == 2
    assert record["config"]["seed"] == 0
    assert record["versions"]["torch"] == torch.__version__
    assert set(record["result"]) == {"val_accuracy", "test_accuracy", "test_loss"}
    assert [point["epoch"] for point in record["curve"]] == [1, 2]


def test_it_learns(pictures):
    losses = [terms[0] for terms in curve(Run(events(pictures, epochs=12)).start())]
    assert sum(losses[:6]) / 6 > sum(losses[-6:]) / 6 + 0.3


def test_same_seed_same_curve_other_seed_other_curve(pictures):
    one, two, other = (Run(events(pictures, seed=s)).start() for s in (0, 0, 1))
    assert curve(one) == curve(two)
    assert curve(one) != curve(other)


def test_a_part_of_the_method_that_wakes_up_later_is_trained(pictures):
    """A knob moved up from 0 brings parameters that had no gradient before."""

    class Late(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.early, self.late = (torch.nn.Parameter(torch.ones(3)) for _ in range(2))
            self.never = torch.nn.Parameter(torch.ones(3), requires_grad=False)

        def forward(self, student, teacher, batch, knobs):
            terms = training.cross_entropy(student, teacher, batch, knobs)
            terms["early"] = (self.early**2).sum()
            if knobs["late"]:
                terms["late"] = knobs["late"] * (self.late**2).sum()
            return terms

    method, control = Late(), Control(late=0.0)
    training_run = Run(events(pictures, method, epochs=2, control=control))
    training_run.advance(steps=4)
    assert method.late.mean() > 0.99 > method.early.mean()
    control.request(late=1.0)
    training_run.start().result()
    assert method.late.mean() < 0.95 and method.never.mean() == 1


def test_all_methods_see_the_same_batches_and_crops(pictures):
    seen = {}

    def watching(name):
        method = make(name, None)

        def watched(student, teacher, batch, knobs):
            torch.rand(3)  # a method that draws from the global generator shifts nobody
            seen.setdefault(name, []).append((batch.index.sum().item(), batch.images.sum().item()))
            return method(student, teacher, batch, knobs)

        return watched

    teacher = models.build("convnet", 100, seed=9)
    for name in ("cross-entropy", "kd", "kd-shuffled", "label-smoothing"):
        control = Control(temperature=4.0, alpha=0.5)
        Run(events(pictures, watching(name), teacher=teacher, control=control)).start()
    assert seen["cross-entropy"] == seen["kd"] == seen["kd-shuffled"] == seen["label-smoothing"]


def test_the_first_step_is_the_loss_by_hand(pictures):
    """Alpha mixes as the equation says: both terms recomputed from the same first batch."""
    teacher = models.build("convnet", 100, seed=9).eval()
    control = Control(temperature=3.0, alpha=0.25)
    batches = []

    def method(student, teacher, batch, knobs):
        batches.append((student.logits.detach(), teacher.logits, batch.labels))
        return training.distillation(student, teacher, batch, knobs)

    run = Run(events(pictures, method, teacher=teacher, control=control))
    run.advance(steps=2)
    z, v, labels = batches[0]
    p, q = (v / 3).softmax(1), (z / 3).softmax(1)
    assert run.log[1].terms["labels"] == approx(0.75 * F.cross_entropy(z, labels).item(), rel=1e-5)
    soft = 9 * (p * (p / q).log()).sum(1).mean().item()
    assert run.log[1].terms["teacher"] == approx(0.25 * soft, rel=1e-4)


def test_a_knob_moves_between_two_steps_and_is_logged(pictures):
    control = Control(temperature=4.0, alpha=0.5)
    teacher = models.build("convnet", 100, seed=9)
    used = []

    def method(student, teacher, batch, knobs):
        used.append(knobs["temperature"])
        return training.distillation(student, teacher, batch, knobs)

    run = Run(events(pictures, method, teacher=teacher, control=control))
    run.advance(steps=3)  # Start and two steps
    control.request(temperature=2.0)
    run.advance()
    assert used == [4.0, 4.0] + [2.0] * (len(used) - 2)
    assert [e for e in run.log if isinstance(e, KnobChange)] == [
        KnobChange(2, "temperature", 4.0, 2.0)
    ]
    assert run.result()["knob_changes"] == [{"step": 2, "name": "temperature", "new": 2.0}]


def test_a_module_as_method_is_trained(pictures):
    class Scaled(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = torch.nn.Parameter(torch.tensor(1.0))

        def forward(self, student, teacher, batch, knobs):
            return {"loss": F.cross_entropy(self.scale * student.logits, batch.labels)}

    method = Scaled()
    Run(events(pictures, method)).start().result()
    assert method.scale.item() != 1.0


def test_nan_names_the_term_and_stops(pictures):
    def broken(student, teacher, batch, knobs):
        return {"good": student.logits.mean(), "bad": student.logits.sum() * torch.nan}

    run = Run(events(pictures, broken)).start()
    with raises(FloatingPointError, match="'bad' is nan"):
        run.result()


@mark.parametrize(
    ("setting", "value"),
    [
        ("epochs", 0), ("epochs", 1.5), ("epochs", True), ("batch_size", 0),
        ("learning_rate", 0), ("learning_rate", float("nan")), ("precision", "fp8"),
    ],
)  # fmt: skip
def test_bad_settings_are_named_before_anything_runs(pictures, setting, value):
    with raises(ValueError, match=setting):
        events(pictures, **{setting: value})


def test_distilling_without_a_teacher_says_so(pictures):
    run = Run(events(pictures, training.distillation, control=Control(temperature=1.0, alpha=1.0)))
    with raises(ValueError, match="teacher"):
        run.start().result()


def test_control_refuses_unknown_and_infinite():
    control = Control(temperature=4.0)
    with raises(ValueError, match="Did you mean 'temperature'"):
        control.request(temprature=2.0)
    with raises(ValueError, match="finite"):
        control.request(temperature=float("inf"))
    assert control.knobs == {"temperature": 4.0}


def test_devices_and_budgets_by_name():
    assert training.pick_device("cpu").type == "cpu"
    assert training.pick_device("auto").type in ("cpu", "cuda", "mps")
    with raises(ValueError, match="unknown device"):
        training.pick_device("gpu")
    if not torch.cuda.is_available():
        with raises(ValueError, match="'cuda' was asked for"):
            training.pick_device("cuda")
    with raises(ValueError, match="Did you mean 'lecture'"):
        training.budget("lectures")
