"""MIMKD as a method: its terms by name, who is taught, knobs, and runs that go on bit for bit."""

import torch
from pytest import approx, fixture, mark, raises

from labkit import data, losses, models, training
from labkit.training import METHODS, Control, Run, Step
from labkit.training.distill import features
from labkit.training.mimkd_method import Information
from labkit.training.registry import make

TERMS = ("global", "local", "feature")
OFF = dict.fromkeys(("weight_global", "weight_local", "weight_feature"), 0.0)


@fixture(scope="module")
def pictures():
    return data.load("motif100", train=64, val=8, test=8, difficulty=0.1, progress=False)


@fixture(scope="module")
def guide():
    return models.build("convnet", 100, seed=1).eval()


def made(pictures, guide, student="convnet", **more):
    network = models.build(student, 100)
    setting = training.Setting(features(network), features(guide), pictures)
    torch.manual_seed(3)
    return network, Information(setting, **more) if more else make("mimkd", setting, seed=3)


def knobs(**more):
    return {**METHODS["mimkd"].knobs, "negatives": 5, **more}


def start(pictures, guide, folder=None, control=None, **more):
    network, method = made(pictures, guide)
    events = training.fit(
        network, method, pictures, teacher=guide, epochs=2, batch_size=16, precision="fp32",
        checkpoint=folder, control=control or Control(**knobs(**more)),
    )  # fmt: skip
    return Run(events), network, method


def answers(pictures, network, guide, batch_size=8):
    batch = next(data.batches(pictures, batch_size=batch_size, order=None, augment=None))
    with torch.no_grad():
        taught = guide.eval()(batch.images)
    return network.train()(batch.images), taught, batch


def curve(run):
    return {e.step: e.terms for e in run.log if isinstance(e, Step)}


@mark.parametrize("direction", losses.mimkd.DIRECTIONS)
def test_gradients_reach_the_student_and_all_critics(pictures, guide, direction):
    network, method = made(pictures, guide, "resnet8", direction=direction)
    terms = method(*answers(pictures, network, guide), knobs())
    assert set(terms) == {"labels", *TERMS}
    sum(terms[name] for name in TERMS).backward()
    assert network.get_parameter("conv.weight").grad.abs().sum() > 0
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in method.parameters())


@mark.parametrize("only", TERMS)
def test_a_term_of_weight_0_costs_nothing_and_changes_no_other(pictures, guide, only):
    network, method = made(pictures, guide)
    given = answers(pictures, network, guide)
    all_three = method(*given, knobs(negatives=7))  # all there are: no draw that differs
    asked = []
    for critic in method.loss.mimkd.critics:
        critic.register_forward_hook(lambda *_: asked.append(1))
    alone = method(*given, knobs(negatives=7) | OFF | {f"weight_{only}": 1.0})
    assert len(asked) == (3 if only == "feature" else 1)
    for name in TERMS:
        assert alone[name].item() == (all_three[name].item() if name == only else 0)


@mark.parametrize(
    ("student", "teacher"),
    [
        ("shufflenet_v2", "resnet50"),
        ("mobilenet_v2", "wrn_16_1"),
        ("vit_small", "resnet8x4"),
        ("resnet8", "vit_small"),
        ("convnet", "vgg8"),
    ],
)
def test_any_two_networks(pictures, student, teacher):
    other = models.build(teacher, 100, seed=1).eval()
    network, method = made(pictures, other, student)
    terms = method(*answers(pictures, network, other, 4), knobs())
    sum(terms.values()).backward()
    assert all(p.grad is not None for p in (*network.parameters(), *method.parameters()))


def test_the_terms_are_the_losses_weighted_with_kd_where_asked(pictures, guide):
    network, method = made(pictures, guide)
    given = answers(pictures, network, guide)
    method.eval()

    def terms(**more):
        method.generator = torch.Generator().manual_seed(0)
        return method(*given, knobs(**more))

    usual, loss = terms(), method.loss.mimkd
    assert (loss.temperature, loss.negatives) == (0.2, 5)
    loss.generator = torch.Generator().manual_seed(0)
    plain = loss(*given[:2])
    found = terms(weight_global=0.5, weight_local=3.0, weight_feature=0.0, alpha=0.5)
    for name, value, weight in zip(TERMS, plain, (0.5, 3.0, 0.0), strict=True):
        assert usual[name].item() == approx(value.item())
        assert found[name].item() == approx(weight * value.item())
    kd = losses.kd(given[0].logits, given[1].logits, temperature=4.0)
    assert found["kd"].item() == approx(0.5 * kd.item())
    assert "kd" not in usual
    hot, other = terms(temperature=10.0), terms(negatives=1)
    assert all(abs(hot[n].item()) < 0.1 * abs(usual[n].item()) for n in TERMS)
    assert all(other[n].item() != usual[n].item() for n in TERMS)


def test_negatives_are_cut_to_the_batch(pictures, guide):
    network, method = made(pictures, guide)
    given = answers(pictures, network, guide)
    method.eval()
    found = [method(*given, knobs(negatives=n)) for n in (7, 63, 10_000)]
    assert all(torch.equal(f[n], found[0][n]) for f in found for n in TERMS)


def test_a_weight_moved_away_from_zero_starts_to_teach(pictures, guide):
    """At 0 a critic is not asked; the optimiser takes it up at any step."""
    control = Control(**knobs(**OFF))
    run, _, method = start(pictures, guide, control=control)
    before = {name: p.detach().clone() for name, p in method.named_parameters()}
    run.advance(steps=2)
    assert not any(p.grad.any() for p in method.parameters())
    torch.testing.assert_close(dict(method.named_parameters()), before, rtol=0.01, atol=1e-4)
    control.request(weight_local=1.0)
    run.start().result()
    terms = curve(run)[8]
    assert terms["global"] == terms["feature"] == 0 and terms["local"] != 0
    local = method.loss.mimkd.critics[1]
    assert all(p.grad.any() for p in local.parameters())


def test_a_run_lowers_all_terms(pictures, guide):
    """From critics that talk at random to below chance, in 60 steps on 64 pictures."""
    network, method = made(pictures, guide)
    events = training.fit(
        network, method, pictures, teacher=guide, epochs=15, batch_size=16, precision="fp32",
        control=Control(**knobs(negatives=15)),
    )  # fmt: skip
    run = Run(events)
    run.start().result()
    steps = curve(run)
    for name in TERMS:
        late = sum(steps[k][name] for k in range(57, 61)) / 4
        assert late < steps[1][name] - 0.2 and late < 0


@mark.slow
def test_a_run_cut_off_goes_on_bit_for_bit(pictures, guide, tmp_path):
    """Critics, running means and the draw are what they were; 4 steps an epoch, cut after 7."""
    whole, network, method = start(pictures, guide)
    whole.start().result()
    first, *_ = start(pictures, guide, tmp_path)
    while not any(isinstance(e, training.Checkpoint) for e in first.log):
        first.advance(steps=1)  # after the first epoch
    first.advance(steps=3)
    second, network2, method2 = start(pictures, guide, tmp_path)
    second.start().result()
    assert second.log[0].at == 4
    assert {k: v for k, v in curve(whole).items() if k > 4} == curve(second)
    for one, two in ((network, network2), (method, method2)):
        ours, theirs = one.state_dict(), two.state_dict()
        assert all(torch.equal(ours[key], theirs[key]) for key in ours)
    assert any(key.endswith("running_mean") for key in ours)


@mark.slow
def test_measuring_changes_nothing_and_moves_with_the_knobs(pictures, guide):
    run, _, method = start(pictures, guide)
    twin = start(pictures, guide)[0]
    run.advance(steps=3)
    before = {key: value.clone() for key, value in method.state_dict().items()}
    measure, now = run.log[0].measure, knobs()
    first = measure(now)
    assert measure(now) == first  # its negatives are the same each time
    for moved in ({"negatives": 2}, {"temperature": 0.3}, {"weight_local": 0.5}):
        assert measure({**now, **moved}) != first
    assert all(torch.equal(value, before[key]) for key, value in method.state_dict().items())
    run.start(), twin.start()
    assert curve(run) == curve(twin)


def test_a_method_needs_a_teacher(pictures):
    setting = training.Setting(features(models.build("convnet", 100)), None, pictures)
    with raises(ValueError, match="learns from a teacher"):
        make("mimkd", setting)
