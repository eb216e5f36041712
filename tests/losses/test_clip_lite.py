"""CLIP-Lite: the official module's numbers, loops, SigLIP at B = 2, rolls, heads, the prior."""

import itertools
import math

import pytest
import torch
from pytest import approx

from labkit import losses
from labkit.losses import mutual_information as mi

CHANCE = 2 * math.log(2)


def arr(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def features(dtype=torch.float64):
    """What the official code was run on."""
    torch.manual_seed(1)
    image, text = torch.rand(8, 32), torch.tanh(torch.randn(8, 24))
    return image.to(dtype).requires_grad_(), text.to(dtype).requires_grad_()


def official(critic, **more):
    """Its widths; drawn in its order, so that a seed gives its weights."""
    torch.manual_seed(0)
    units = 2048 if critic == "dot" else None
    return losses.ClipLite(32, 24, critic=critic, units=units, **more)


@pytest.mark.parametrize(
    ("critic", "value", "by_image", "by_text"),
    [
        ("dot", 1.3344705728, 0.2417891452, 0.1129027750),
        ("concat", 1.3841945377, 0.0128390856, 0.0087796693),
    ],
)
def test_official_values_and_gradients(critic, value, by_image, by_text):
    image, text = features()
    found = official(critic).double()(image, text)
    found.total.backward()
    assert found.total.item() == found.jsd.item() == approx(value, abs=1e-9)
    assert found.prior.item() == 0
    assert image.grad.norm().item() == approx(by_image, abs=1e-9)
    assert text.grad.norm().item() == approx(by_text, abs=1e-9)


def test_official_value_with_both_priors_in_float32():
    made, (image, text) = official("dot", prior="official"), features(torch.float32)
    assert sum(p.numel() for p in made.parameters()) > 4e6
    torch.manual_seed(123)
    found = made(image, text)
    found.total.backward()
    assert found.total.item() == approx(1.47989774, abs=1e-6)
    assert image.grad.norm().item() == approx(0.21767050, abs=1e-6)
    assert text.grad.norm().item() == approx(0.10169361, abs=1e-6)
    assert found.total.item() == approx(0.9 * found.jsd.item() + 0.1 * found.prior.item())


def looped(image, text, scale, negatives):
    softplus = lambda x: math.log1p(math.exp(x))  # noqa: E731
    own, others, rows = 0.0, 0.0, len(image)
    for i, a in enumerate(image.tolist()):
        for k in range(negatives + 1):
            t = text[(i + k) % rows].tolist()
            dot = sum(x * y for x, y in zip(a, t, strict=True))
            score = scale * dot / (math.hypot(*a) * math.hypot(*t))
            own += softplus(-score) if k == 0 else 0
            others += softplus(score) if k else 0
    return own / rows + others / (rows * negatives)


@pytest.mark.parametrize("negatives", [1, 2, 3, 12, 39])
def test_against_loops_by_few_rolls_and_by_many(negatives):
    """Two in forty are scored row by row, three out of all pairs."""
    image, text = arr(1, 40, 4), arr(2, 40, 4)
    found = losses.clip_lite(image, text, scale=3, negatives=negatives)
    assert found.item() == approx(looped(image, text, 3, negatives), rel=1e-12)


@pytest.mark.parametrize("scale", [0.3, 10.0])
def test_it_is_siglip_of_two_pairs_without_bias_factor_one(scale):
    found = []
    for loss, more in ((losses.clip_lite, {}), (losses.siglip, {"bias": 0})):
        image, text = arr(1, 2, 5).requires_grad_(), arr(2, 2, 5).requires_grad_()
        value = loss(image, text, scale=scale, **more)
        value.backward()
        found.append((value.detach(), image.grad, text.grad))
    for one, two in zip(*found, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-10, atol=1e-14)
    biased = losses.siglip(image, text, scale=scale, bias=-1)
    assert biased.item() != approx(value.item(), rel=1e-3)


@pytest.mark.parametrize("batch", [3, 7, 20])
def test_with_all_negatives_it_averages_where_siglip_sums(batch):
    image, text = arr(1, batch, 4), arr(2, batch, 4)
    scores = losses.clip_scores(image, text, scale=4)
    right = torch.nn.functional.softplus(-scores.diagonal()).mean().item()
    every = losses.clip_lite(image, text, scale=4, negatives=batch - 1).item()
    summed = losses.siglip(image, text, scale=4, bias=0).item()
    assert summed == approx(right + (batch - 1) * (every - right), rel=1e-12)
    assert every == approx(-mi.jsd(scores).item(), rel=1e-12)
    mean = (
        sum(right + losses.clip_lite_jsd(_shift(scores, k)).item() for k in range(1, batch))
        / (batch - 1)
        - right
    )  # the average of the single rolls
    assert every == approx(mean, rel=1e-12)


def _shift(scores, k):
    rows = torch.arange(len(scores))
    return torch.stack([scores.diagonal(), scores[rows, (rows + k) % len(scores)]])


def test_scores_are_the_pairs_and_then_each_roll():
    image, text = arr(1, 32, 4), arr(2, 32, 4)
    every = losses.clip_scores(image, text, scale=2)
    for negatives in (1, 2, 3, 31):
        found = losses.clip_lite_scores(image, text, scale=2, negatives=negatives)
        expected = torch.stack([_shift(every, k)[1] for k in range(negatives + 1)])
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("negatives", [1, 3])
def test_zero_scores_give_two_log_two(negatives):
    image, text = torch.eye(8, dtype=torch.float64).split(4)
    found = losses.clip_lite(image, text, scale=50, negatives=negatives)
    assert found.item() == approx(CHANCE, rel=1e-12)
    assert losses.clip_lite_jsd(torch.zeros(1 + negatives, 4)).item() == approx(CHANCE)


def test_collapsed_embeddings_are_never_better_than_chance():
    equal = torch.ones(6, 3, dtype=torch.float64)
    for scale in (0.01, 1.0, 20.0):
        assert losses.clip_lite(equal, equal, scale=scale).item() > CHANCE


def test_lengths_and_turning_the_batch_do_not_matter_but_who_follows_whom_does():
    image, text = arr(1, 6, 4), arr(2, 6, 4)
    loss = lambda a, t, k=1: losses.clip_lite(a, t, scale=5, negatives=k).item()  # noqa: E731
    assert loss(7 * image, 0.1 * text) == approx(loss(image, text), rel=1e-12)
    assert loss(image.roll(2, 0), text.roll(2, 0)) == approx(loss(image, text), rel=1e-12)
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    assert loss(image[order], text[order]) != approx(loss(image, text), rel=1e-3)
    assert loss(image[order], text[order], 5) == approx(loss(image, text, 5), rel=1e-12)


@pytest.mark.parametrize("negatives", [1, 2, 10])
def test_gradients(negatives):
    image, text = arr(1, 16, 2).requires_grad_(), arr(2, 16, 2).requires_grad_()
    scale = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    loss = lambda a, t, s: losses.clip_lite(a, t, scale=s, negatives=negatives)  # noqa: E731
    assert torch.autograd.gradcheck(loss, (image, text, scale))


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_wide(kind):
    image, text = arr(1, 16, 8).to(kind), arr(2, 16, 8).to(kind)
    for negatives in (1, 15):
        half = losses.clip_lite(image, text, scale=20, negatives=negatives)
        full = losses.clip_lite(image.double(), text.double(), scale=20, negatives=negatives)
        assert half.dtype == torch.float32 and half.item() == approx(full.item(), rel=1e-5)


@pytest.mark.parametrize(("dim", "units"), [(32, 48), (48, 32), (20, 20), (3, 1), (1, 9)])
def test_the_head_starts_as_a_noisy_copy_of_what_fits(dim, units):
    torch.manual_seed(0)
    head = losses.ResidualHead(dim, units)
    fits = min(dim, units)
    weight = head.shortcut.weight
    assert weight.shape == (units, dim) and (weight.diagonal() == 1).all()
    off = weight.detach().clone().fill_diagonal_(0)
    assert off.abs().max() <= 0.01 and off.count_nonzero() >= 0.9 * (units * dim - fits)
    assert head(torch.randn(5, dim)).shape == (5, units)


@torch.no_grad()
def test_the_head_by_its_formula():
    torch.manual_seed(0)
    head, x = losses.ResidualHead(6, 4).double(), arr(1, 5, 6)
    deep = x @ head.deep[0].weight.T
    deep = (deep - deep.mean(0)) / (deep.var(0, unbiased=False) + 1e-5).sqrt()
    deep = deep.relu() @ head.deep[3].weight.T + head.deep[3].bias
    code = deep + x @ head.shortcut.weight.T + head.shortcut.bias
    code = code - code.mean(1, keepdim=True)
    expected = code / (code.var(1, unbiased=False, keepdim=True) + 1e-5).sqrt()
    torch.testing.assert_close(head(x), expected)
    head.eval()
    torch.testing.assert_close(head(x[:1])[0], head(x)[0])  # one row does once it is trained


def test_the_dot_critic_by_its_parts_and_its_scale_learns():
    torch.manual_seed(0)
    critic = losses.ClipLiteDot(6, 4).double()
    image, text = arr(1, 5, 6), arr(2, 5, 4)
    found = critic(image, text, negatives=3)
    codes = critic.image(image), critic.text(text)
    assert codes[0].shape == (5, 6) and found.shape == (4, 5)
    expected = losses.clip_lite_scores(*codes, scale=1 / 0.07, negatives=3)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)  # log 1 / 0.07 was float32
    losses.clip_lite_jsd(found).backward()
    assert all(p.grad.abs().sum() > 0 for p in critic.parameters())


@torch.no_grad()
def test_the_concat_critic_is_asked_pair_by_pair():
    torch.manual_seed(0)
    critic = losses.ClipLiteConcat(6, 4, units=7).double()
    image, text = arr(1, 5, 6), arr(2, 5, 4)
    found = critic(image, text, negatives=2)
    for k, i in itertools.product(range(3), range(5)):
        alone = critic.net(torch.cat([image[i], text[(i + k) % 5]]))
        assert found[k, i].item() == approx(alone.item(), rel=1e-10)


def test_running_means_move_once_a_step():
    torch.manual_seed(0)
    made = losses.ClipLite(6, 4)
    made(arr(1, 5, 6), arr(2, 5, 4))
    assert made.critic.image.deep[1].num_batches_tracked.item() == 1


@pytest.mark.parametrize("critic", ["dot", "concat"])
def test_a_step_along_the_gradient_lowers_the_loss(critic):
    torch.manual_seed(0)
    made = losses.ClipLite(6, 4, critic=critic, negatives=2).double()
    optimiser = torch.optim.SGD(made.parameters(), lr=0.05)
    image, text = arr(1, 16, 6), arr(2, 16, 4)
    before = made(image, text).total
    before.backward()
    optimiser.step()
    assert made(image, text).total.item() < before.item() - 1e-4


def trained_prior():
    """A discriminator that has begun to tell these features from noise."""
    torch.manual_seed(0)
    prior, x = losses.UniformPrior(5).double(), torch.sigmoid(2 * arr(1, 64, 5))
    optimiser = torch.optim.Adam(prior.parameters(), lr=1e-3)
    for _ in range(5):
        optimiser.zero_grad()
        prior(x).backward()
        optimiser.step()
    return prior.requires_grad_(False), x.requires_grad_()


@pytest.mark.parametrize("adversarial", [False, True])
def test_one_step_of_the_encoder_helps_the_officials_discriminator_and_hinders_dims(adversarial):
    """The same discriminator before and after; a prior is met only where telling gets harder."""
    prior, x = trained_prior()

    def told(features):
        return prior(features, generator=torch.Generator().manual_seed(7)).item()

    loss = prior(x, adversarial=adversarial, generator=torch.Generator().manual_seed(7))
    assert loss.item() == told(x)  # one value for both
    loss.backward()
    step = (x - 0.5 * x.grad).detach()
    assert told(step) > told(x) + 1e-6 if adversarial else told(step) < told(x) - 1e-6


def test_only_the_features_gradient_turns_round():
    grads = []
    for adversarial in (False, True):
        torch.manual_seed(0)
        prior, x = losses.UniformPrior(5).double(), torch.sigmoid(arr(1, 8, 5)).requires_grad_()
        prior(x, adversarial=adversarial).backward()
        grads.append((x.grad, [p.grad for p in prior.parameters()]))
    torch.testing.assert_close(grads[0][0], -grads[1][0])
    torch.testing.assert_close(grads[0][1], grads[1][1])
    assert grads[0][0].abs().max() > 0


def test_the_prior_s_value_by_sigmoids_and_finite_where_they_end():
    torch.manual_seed(0)
    prior, x = losses.UniformPrior(5).double(), arr(1, 8, 5)
    torch.manual_seed(3)
    noise = torch.rand(8, 5, dtype=torch.float64)
    d = lambda v: torch.sigmoid(prior.net(v))  # noqa: E731
    expected = -(d(noise).log().mean() + (1 - d(x)).log().mean())
    torch.manual_seed(3)
    assert prior(x).item() == approx(expected.item(), rel=1e-10)
    far = (1e6 * arr(1, 8, 5)).requires_grad_()
    loss = prior(far)
    loss.backward()
    assert math.isfinite(loss.item()) and far.grad.isfinite().all()
    for p in prior.parameters():
        p.data.zero_()
    assert prior(x).item() == approx(CHANCE)


def test_the_generator_draws_the_noise():
    made, (image, text) = official("concat", prior="adversarial"), features(torch.float32)
    found = []
    for seed in (4, 4, 5):
        made.generator = torch.Generator().manual_seed(seed)
        found.append(made(image, text).prior.item())
    assert found[0] == found[1] != found[2]


def test_prior_none_has_no_discriminators():
    plain = losses.ClipLite(6, 4)
    assert plain.prior == "none" and not len(plain.priors) and plain.prior_weight == 0
    assert len(losses.ClipLite(6, 4, prior="official").priors) == 2


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"scale": 0}, "scale"),
        ({"negatives": 0}, "negatives must be a whole number"),
        ({"negatives": 4}, "negatives must be at most 3, B - 1, got 4"),
        ({"negatives": 1.5}, "negatives"),
    ],
)
def test_bad_input_is_named(more, message):
    with pytest.raises(ValueError, match=message):
        losses.clip_lite(arr(1, 4, 3), arr(2, 4, 3), **{"scale": 1} | more)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"critic": "dott"}, "critic 'dott': choose from dot, concat. Did you mean 'dot'"),
        ({"prior": "adversary"}, "Did you mean 'adversarial'"),
        ({"prior": "official", "prior_weight": 1.1}, "prior_weight"),
        ({"negatives": 0}, "negatives"),
        ({"units": 0}, "units"),
        ({"critic": "concat", "units": 0}, "units"),
    ],
)
def test_bad_settings_are_named(more, message):
    with pytest.raises(ValueError, match=message):
        losses.ClipLite(6, 4, **more)


def test_bad_shapes_are_named():
    made = losses.ClipLite(6, 4, critic="concat")
    head, prior = losses.ResidualHead(6, 8), losses.UniformPrior(6)
    for call, message in (
        (lambda: losses.clip_lite(arr(1, 1, 3), arr(2, 1, 3), scale=1), "no negatives"),
        (lambda: losses.clip_lite(arr(1, 4, 3), arr(2, 4, 2), scale=1), "one shape"),
        (lambda: losses.clip_lite_jsd(torch.zeros(1, 4)), r"\[1 \+ K, B\]"),
        (lambda: losses.clip_lite_jsd(torch.zeros(2, 4, dtype=torch.long)), "floating"),
        (lambda: made(arr(1, 4, 5), arr(2, 4, 4)), r"image must be floating \[B, 6\]"),
        (lambda: made(arr(1, 4, 6), arr(2, 3, 4)), "pairs, got 4 and 3"),
        (lambda: made(arr(1, 1, 6), arr(2, 1, 4)), "negatives must be at most 0"),
        (lambda: head(arr(1, 4, 5)), r"features must be floating \[B, 6\]"),
        (lambda: prior(torch.zeros(4, 6, dtype=torch.long)), "floating"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
