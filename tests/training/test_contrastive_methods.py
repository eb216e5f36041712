"""CRD and WCoRD as methods: they teach, follow their knobs, measure, and resume bit for bit."""

import torch
from pytest import approx, fixture, mark, raises

from labkit import data, losses, models, training
from labkit.training import METHODS, Control, Run, Step
from labkit.training.contrastive_methods import Contrast
from labkit.training.distill import features
from labkit.training.registry import make
from labkit.training.replay import Replay

CRD = ("crd", "crd-filled", "crd-unlabelled", "crd-ema", "crd-exact")
NAMES = (*CRD, "wcord", "wcord-identity", "wcord-collapsing")


@fixture(scope="module")
def pictures():
    return data.load("motif100", train=64, val=8, test=8, difficulty=0.1, progress=False)


@fixture(scope="module")
def guide():
    return models.build("convnet", 100, seed=1).eval()


def made(name, pictures, guide, student="convnet"):
    network = models.build(student, 100)
    setting = training.Setting(features(network), features(guide), pictures)
    return network, make(name, setting, seed=3)


def knobs(name, **more):
    return {**METHODS[name].knobs, "negatives": 16, **more}


def start(name, pictures, guide, folder=None, **more):
    network, method = made(name, pictures, guide)
    settings = {"epochs": 2, "batch_size": 16, "precision": "fp32", "checkpoint": folder}
    control = Control(**knobs(name, **more))
    events = training.fit(network, method, pictures, teacher=guide, control=control, **settings)
    return Run(events), network, method


def same(a, b):
    """Equal in every bit; a Z that no batch has set yet is NaN in both."""
    return torch.allclose(a, b, rtol=0, atol=0, equal_nan=True)


def curve(run):
    return {e.step: e.terms for e in run.log if isinstance(e, Step)}


@mark.parametrize("name", NAMES)
def test_gradients_reach_the_student_and_all_that_the_method_trains(pictures, guide, name):
    network, method = made(name, pictures, guide, "resnet8")
    batch = next(data.batches(pictures, batch_size=8, order=None, augment=None))
    terms = method(network.train()(batch.images), guide(batch.images), batch, knobs(name))
    sum(term for key, term in terms.items() if key != "labels").backward()
    assert network.get_parameter("conv.weight").grad.abs().sum() > 0
    trained = [p for p in method.parameters() if p.requires_grad]
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in trained)
    still = {n for n, p in method.named_parameters() if not p.requires_grad}
    fixed = "wcord" in name and name != "wcord-collapsing"
    assert still == (
        {f"loss.wcord.teacher_head.{x}" for x in ("weight", "bias")} if fixed else set()
    )
    expected = {"labels", "global", "local"} if "wcord" in name else {"labels", "crd"}
    assert set(terms) == expected


def test_the_terms_are_the_losses_weighted_with_kd_where_asked(pictures, guide):
    network, method = made("crd", pictures, guide)
    batch = next(data.batches(pictures, batch_size=8, order=None, augment=None))
    answers = network(batch.images), guide(batch.images)
    method.eval()
    values = []
    for more in ({}, {"alpha": 0.5, "kd_temperature": 2.0}, {"beta": 0.4}, {"temperature": 0.5}):
        method.generator = torch.Generator().manual_seed(0)
        values.append(method(*answers, batch, knobs("crd", **more)))
    assert values[0]["crd"].item() == approx(2 * values[2]["crd"].item())
    assert values[3]["crd"].item() != approx(values[0]["crd"].item(), rel=0.05)
    kd = losses.kd(answers[0].logits, answers[1].logits, temperature=2.0)
    assert values[1]["kd"].item() == approx(0.5 * kd.item())
    assert "kd" not in values[0]
    _, wcord = made("wcord", pictures, guide)
    wcord.eval()
    found = []
    for weight in (1.0, 0.25):
        wcord.generator = torch.Generator().manual_seed(0)
        weights = {"lambda_global": weight, "lambda_local": weight}
        found.append(wcord(*answers, batch, knobs("wcord", **weights)))
    for name in ("global", "local"):
        assert found[0][name].item() == approx(4 * found[1][name].item())


def test_with_labels_no_negative_is_of_the_anchors_class(guide):
    pictures = data.load("motif100", train=300, val=1, test=1, difficulty=0.1, progress=False)
    index = torch.arange(16)
    for labels in (True, False):
        network = models.build("convnet", 100)
        setting = training.Setting(features(network), features(guide), pictures)
        memory = Contrast(setting, labels=labels).crd.memory
        drawn = memory.draw(index, memory.pool)
        same = pictures.train.labels[drawn] == pictures.train.labels[index][:, None]
        assert same.any() == (not labels)


@mark.parametrize("replayed", [False, True])
def test_filled_banks_hold_what_both_networks_say_before_the_first_step(pictures, guide, replayed):
    teacher = Replay(guide).rewind("a") if replayed else guide
    network, method = made("crd-filled", pictures, guide)
    whole = next(data.batches(pictures, batch_size=64, order=None, augment=None)).images
    with torch.no_grad():
        said = network.eval()(whole).pooled, guide(whole).pooled
        student, taught = method.loss.crd.embed(*said, 64)
    events = training.fit(
        network, method, pictures, teacher=teacher, epochs=1, batch_size=16, precision="fp32",
        control=Control(**knobs("crd-filled")),
    )  # fmt: skip
    next(events)  # Start
    memory = method.loss.crd.memory
    torch.testing.assert_close(memory.student, student)
    torch.testing.assert_close(memory.teacher, taught)
    assert not replayed or len(teacher.answers) == 1  # of the pictures `measure` looks at


@mark.slow
@mark.parametrize("name", NAMES)
def test_a_run_cut_off_goes_on_bit_for_bit(pictures, guide, tmp_path, name):
    """Banks, Z and the draw are what they were; 4 steps an epoch, cut after 6."""
    whole, network, method = start(name, pictures, guide)
    whole.start().result()
    first, *_ = start(name, pictures, guide, tmp_path)
    while not any(isinstance(e, training.Checkpoint) for e in first.log):
        first.advance(steps=1)  # after the first epoch
    first.advance(steps=3)
    second, network2, method2 = start(name, pictures, guide, tmp_path)
    second.start().result()
    assert second.log[0].at == 4
    assert {k: v for k, v in curve(whole).items() if k > 4} == curve(second)
    for one, two in ((network, network2), (method, method2)):
        ours, theirs = one.state_dict(), two.state_dict()
        assert all(same(ours[key], theirs[key]) for key in ours)
    assert "wcord" in name or any(key.endswith("memory.student") for key in ours)
    assert "wcord" in name or name == "crd-exact" or ours["loss.crd.log_z"].isfinite().all()


@mark.slow
@mark.parametrize("name", NAMES)
def test_measuring_changes_nothing_and_moves_with_the_knobs(pictures, guide, name):
    run, _, method = start(name, pictures, guide)
    twin = start(name, pictures, guide)[0]
    run.advance(steps=3)
    before = {key: value.clone() for key, value in method.state_dict().items()}
    measure, now = run.log[0].measure, knobs(name)
    first = measure(now)
    assert measure(now) == first  # its negatives are the same each time
    assert measure({**now, "negatives": 3}) != first
    assert all(same(value, before[key]) for key, value in method.state_dict().items())
    run.start(), twin.start()
    assert curve(run) == curve(twin)


def test_a_knob_moved_is_obeyed_from_the_next_step_on(pictures, guide):
    run, _, method = start("crd", pictures, guide)
    run.advance(steps=2)
    assert method.loss.crd.negatives == 16 and not method.loss.crd.replacement
    assert run.log[-1].terms["crd"] / 0.8 > losses.crd_chance(16)
    run_control = {"negatives": 500, "temperature": 0.2}
    network, method = made("crd", pictures, guide)
    control = Control(**knobs("crd"))
    events = training.fit(
        network, method, pictures, teacher=guide, control=control, epochs=1, batch_size=16,
        precision="fp32",
    )  # fmt: skip
    run = Run(events)
    run.advance(steps=2)
    control.request(**run_control)
    run.start().result()
    assert (method.loss.crd.negatives, method.loss.crd.temperature) == (500, 0.2)
    assert method.loss.crd.replacement  # 63 others at most


def test_a_method_needs_a_teacher(pictures):
    network = models.build("convnet", 100)
    setting = training.Setting(features(network), None, pictures)
    for name in NAMES:
        with raises(ValueError, match="learns from a teacher"):
            make(name, setting)
