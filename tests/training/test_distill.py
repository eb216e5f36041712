"""Distillation by names, methods of one's own, and the baselines as methods."""

from pathlib import Path

import torch
import torch.nn.functional as F
from pytest import approx, fixture, mark, raises
from torch import nn

from labkit import data, losses, models, training
from labkit.training import Control, Run, Start, Step
from labkit.training.distill import features
from labkit.training.registry import METHODS, make

README = Path(__file__).parents[2] / "README.md"
FEATURE_METHODS = ("rkd", "pkt", "fitnet", "at", "sp", "vid", "dkd", "dist", "ckd")


@fixture(scope="module")
def pictures():
    return data.load("motif100", train=128, val=64, test=64, difficulty=0.1)


def distil(dataset, method, student="resnet8", teacher="resnet20", **more):
    more = {"epochs": 1, "batch_size": 32, "precision": "fp32", "device": "cpu"} | more
    return Run(training.distill(student, teacher, method, dataset, **more))


@mark.slow
def test_the_readmes_own_method_in_twenty_lines(monkeypatch, capsys):
    """As printed, on fewer pictures and for one epoch."""
    blocks = README.read_text(encoding="utf-8").split("```python\n")[1:]
    code = next(b.partition("```")[0] for b in blocks if "class Hint" in b)
    assert sum(bool(line.strip()) for line in code.splitlines()) <= 24
    load, distill = data.load, training.distill
    monkeypatch.setattr(data, "load", lambda name: load(name, train=64, val=64, test=64))
    monkeypatch.setattr(
        training, "distill", lambda *args, **more: distill(*args, **more | {"epochs": 1})
    )
    scope = {}
    exec(compile(code, "README", "exec"), scope)
    assert capsys.readouterr().out.count("test_accuracy") == 2


@mark.parametrize("student", ["resnet8", "convnet"])
@mark.parametrize("method", FEATURE_METHODS)
def test_every_baseline_teaches_every_pair(pictures, method, student):
    """Gradients reach the student and all of the method's own parameters."""
    network = models.build(student, 100)
    guide = models.build("wrn_16_1", 100, seed=1).eval()
    setting = training.Setting(features(network), features(guide), pictures)
    made = make(method, setting)
    batch = next(data.batches(pictures, batch_size=8, order=None, augment=None))
    knobs = METHODS[method].knobs
    terms = made(network.train()(batch.images), guide(batch.images), batch, knobs)
    assert terms["labels"].item() > 0
    terms[method].backward()
    first = network.get_parameter("convs.0.weight" if student == "convnet" else "conv.weight")
    assert first.grad.abs().sum() > 0
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in made.parameters())


def test_what_a_method_trains_is_trained_and_the_sum_is_the_benchmarks(pictures):
    """FitNet's adapter moves; one step's terms are CE + beta L + alpha KD, by hand."""
    seen = []
    network, guide = models.build("resnet8", 100), models.build("resnet20", 100, seed=1).eval()
    setting = training.Setting(features(network), features(guide), pictures)
    made = make("fitnet", setting, seed=3)
    before = {name: p.detach().clone() for name, p in made.named_parameters()}

    def watched(student, teacher, batch, knobs):
        terms = made(student, teacher, batch, knobs)
        seen.append((student, teacher, batch, terms))
        return terms

    watching = nn.Module()
    watching.inner, watching.forward = made, watched
    control = Control(beta=10.0, alpha=0.5, kd_temperature=2.0)
    distil(pictures, watching, network, guide, control=control).advance(steps=2)
    student, teacher, batch, terms = seen[0]
    soft = losses.kd(student.logits, teacher.logits, temperature=2.0)
    assert terms["kd"].item() == approx(0.5 * soft.item(), rel=1e-6)
    assert terms["labels"].item() == approx(F.cross_entropy(student.logits, batch.labels).item())
    assert set(terms) == {"labels", "fitnet", "kd"}
    moved = [not torch.equal(before[name], p) for name, p in made.named_parameters()]
    assert all(moved)


def test_a_methods_own_parameters_depend_on_the_seed_alone(pictures):
    setting = training.Setting(
        features(models.build("convnet", 100)), features(models.build("wrn_16_1", 100)), pictures
    )
    torch.manual_seed(1)
    one = make("vid", setting, seed=4)
    torch.manual_seed(2)
    state = torch.get_rng_state()
    two, other = make("vid", setting, seed=4), make("vid", setting, seed=5)
    assert torch.equal(torch.get_rng_state(), state)
    same = [torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True)]
    assert all(same)
    weights = [name for name, _ in one.named_parameters() if name.endswith("weight")]
    assert not any(torch.equal(one.get_parameter(n), other.get_parameter(n)) for n in weights)


def test_all_methods_see_one_student_one_order_and_the_same_crops(pictures):
    seen = {}
    for name in ("cross-entropy", "kd", "fitnet", "vid", "kd-shuffled"):
        network, guide = models.build("convnet", 100), models.load_teacher("resnet20")
        setting = training.Setting(features(network), features(guide), pictures)
        inner = make(name, setting)

        class Watched(nn.Module):
            def __init__(self, inner, name):
                super().__init__()
                self.inner, self.name = inner, name

            def forward(self, student, teacher, batch, knobs):
                torch.rand(3)  # noise drawn elsewhere shifts nobody
                first = student.logits.sum().item() if self.name not in seen else None
                row = (batch.index.tolist(), batch.images.sum().item(), first)
                seen.setdefault(self.name, []).append(row)
                return self.inner(student, teacher, batch, knobs)

        control = Control(**METHODS[name].knobs)
        distil(pictures, Watched(inner, name), "convnet", guide, control=control).start()
    assert all(rows == seen["kd"] for rows in seen.values())
    assert len(seen["kd"]) == 4


def test_names_knobs_and_pictures_stand_in_the_record_and_make_the_script(pictures):
    control = Control(temperature=2.0)
    run = distil(pictures, "kd", "convnet", control=control)
    run.advance(steps=2)
    control.request(alpha=0.25)  # a usual knob that the control did not name
    record = run.start().result()
    config = record["config"]
    assert (config["student"], config["teacher"], config["method"]) == ("convnet", "resnet20", "kd")
    assert config["knobs"] == {"alpha": 0.9, "temperature": 2.0}
    assert config["learning_rate"] == 0.3
    text = training.script(record)
    assert "data.load('motif100', train=128, val=64, test=64, difficulty=0.1)" in text
    scope = {}
    exec(compile(text, "script", "exec"), scope)
    assert scope["record"]["curve"] == record["curve"]
    assert scope["record"]["knob_changes"] == record["knob_changes"]


@mark.parametrize(
    ("student", "given", "found"),
    [
        ("convnet", {}, (0.3, None, 5e-4)),
        ("vit_small", {}, (0.001, "adamw", 0.05)),
        ("vit_small", {"optimiser": "sgd", "learning_rate": 0.1}, (0.1, "sgd", 0.05)),
    ],
)
def test_a_student_is_trained_in_its_usual_way_unless_told(pictures, student, given, found):
    events = training.distill(student, None, "cross-entropy", pictures, epochs=1, **given)
    config = next(events).config
    events.close()
    assert (config["learning_rate"], config.get("optimiser"), config["weight_decay"]) == found


def test_what_has_no_name_is_left_to_fill_in(pictures):
    run = distil(pictures, training.cross_entropy, models.build("convnet", 100), None)
    text = training.script(run.start().result())
    assert "student = ...  # fill in" in text and "method = ...  # fill in" in text


def test_measuring_changes_nothing_and_moves_with_the_knobs(pictures):
    run, twin = (distil(pictures, "kd-shuffled", "convnet", epochs=2) for _ in range(2))
    run.advance(steps=4)
    measure = run.log[0].measure
    now = measure({"temperature": 4.0, "alpha": 0.9})
    assert measure({"temperature": 4.0, "alpha": 0.9}) == now  # its noise is the same each time
    assert measure({"temperature": 1.0, "alpha": 0.9})["teacher"] != approx(now["teacher"], rel=0.1)
    run.start(), twin.start()
    steps = [[e.terms for e in r.log if isinstance(e, Step)] for r in (run, twin)]
    assert steps[0] == steps[1]
    assert isinstance(run.log[0], Start) and run.log[0].at == 0


def test_two_views_come_one_after_the_other(pictures):
    seen = []

    def method(student, teacher, batch, knobs):
        seen.append((student.logits.shape, batch.second is not None, len(batch.labels)))
        a, b = student.pooled.chunk(2)
        return {"gap": (a - b).square().mean() + 1}

    run = distil(pictures, method, "convnet", None, views=2)
    assert run.start().result()["config"]["views"] == 2
    assert set(seen) == {(torch.Size([64, 100]), True, 32)}
    assert run.log[0].measure({})["gap"] >= 1


@mark.parametrize(
    ("change", "message"),
    [
        ({"method": "fitnets"}, "Did you mean 'fitnet'"),
        ({"student": "resnet9"}, "unknown model"),
        ({"teacher": "resnet21"}, "unknown teacher"),
        ({"teacher": None}, "learns from a teacher"),
        ({"optimiser": "adam"}, "unknown optimiser"),
        ({"schedule": "linear"}, "unknown schedule"),
    ],
)
def test_bad_names_are_told_before_anything_runs(pictures, change, message):
    given = {"method": "fitnet", "student": "resnet8", "teacher": "resnet20"} | change
    with raises(ValueError, match=message):
        distil(pictures, **given)


@mark.parametrize(
    ("broken", "told"),
    [
        (lambda x: x.sum() * torch.nan, "the term 'bad' is nan"),
        (lambda x: x.square().sum() * 1e12, "the term 'bad' is"),
        (lambda x: (x - x).square().sum().sqrt(), "the gradient of the term 'bad'"),
    ],
)
def test_the_term_that_breaks_is_named_and_the_last_good_state_kept(pictures, broken, told):
    """The third has a finite value and an infinite slope: sqrt at 0."""
    network = models.build("convnet", 100)
    count, kept = [], []

    def method(student, teacher, batch, knobs):
        count.append(1)
        terms = {"good": F.cross_entropy(student.logits, batch.labels)}
        return terms | ({"bad": broken(student.logits)} if len(count) > 6 else {})

    run = distil(pictures, method, network, None, epochs=3)
    while not kept or len(count) < 6:
        event = run.advance(steps=1)
        if isinstance(event[0], training.Evaluation):
            kept.append({k: v.clone() for k, v in network.state_dict().items()})
    run.start()
    with raises(FloatingPointError, match=rf"{told}.*step 7 .*as they were after epoch 1") as error:
        run.result()
    assert "learning rate" in str(error.value)
    assert all(torch.equal(v, network.state_dict()[k]) for k, v in kept[0].items())


def test_another_measure_takes_the_place_of_accuracy(pictures):
    def spread(model, dataset, split):
        return {"probe": float(len(dataset.split(split)))}

    run = distil(pictures, "cross-entropy", "convnet", None, evaluate=spread)
    record = run.start().result()
    assert record["result"] == {"val_probe": 64.0, "test_probe": 64.0}
    assert record["curve"][0]["probe"] == 64.0
