# %% [markdown]
# # Lab 02 - Mutual information and the price of negatives
#
# {{colab_badge}}
#
# **Papers.** A. van den Oord, Y. Li, O. Vinyals, *Representation Learning with Contrastive
# Predictive Coding* (2018: InfoNCE). B. Poole, S. Ozair, A. van den Oord, A. Alemi, G. Tucker, *On
# Variational Bounds of Mutual Information* (2019: NWJ, TUBA, $I_\alpha$). J. Song, S. Ermon,
# *Understanding the Limitations of Variational Mutual Information Estimators* (2020: SMILE).
#
# **Claim.** Contrastive losses, which compare pairs that belong together with pairs that do not, measure
# information, and each pays in its own coin: InfoNCE can never report more than the logarithm of its batch,
# the bounds that are right on average drown in noise, and what looks accurate may be two errors that cancel.
#
# | budget | time on {{record:times.cores}} CPU cores | what you get |
# |---|---|---|
# | `smoke` | {{record:times.lab02.smoke|.0f}} s | everything runs; the trained critics are not there yet |
# | `lecture` | {{record:times.lab02.lecture|.0f}} s | critics that climb the whole stair |
# | `paper` | not timed yet | the published recipe, 20,000 steps a critic |
#
# **Afterwards you can** compute six bounds on mutual information from one matrix, say for each how
# it fails, choose a number of negatives for a reason, and spot four errors that published code
# has made.

# %% [markdown]
# ## 1. Set-up
#
# These numbers steer the lab: change one and *Run All*. Most are sliders later on.

# %% tags=["bootstrap"]

# %% tags=["parameters"]
BUDGET = "smoke"  # "smoke", "lecture" or "paper"
INFORMATION = 8.0  # nats, 0..12: how much x and y truly share
NEGATIVES = 63  # K negatives per positive: a batch of 64 pairs gives 63
TEMPERATURE = 1.0  # what the critic's scores are divided by; 1 leaves the perfect critic perfect
CLIP = 5.0  # SMILE's clip
SEED = 0
DRIVER = "auto"  # how the training panel runs: "auto", "thread", "tick" or "blocking"

# %%
import functools
import math

import ipywidgets
import torch
import torch.nn.functional as F

from labkit import data, evaluation, exercises, figures, training, widgets
from labkit.errors import between, positive, whole
from labkit.figures.curve import Curve
from labkit.losses import mutual_information as mi

training.budget(BUDGET)  # a mistake in any of them shows here
training.pick_driver(DRIVER)
positive("TEMPERATURE", TEMPERATURE), positive("CLIP", between("CLIP", CLIP, 0, 80))
between("INFORMATION", INFORMATION, 0, 12), whole("NEGATIVES", NEGATIVES), whole("SEED", SEED, 0)
DIM = 20  # coordinates of x and of y
STEPS = {"smoke": 40, "lecture": 1000, "paper": 4000}[BUDGET]  # of a critic, at every stage

# %% [markdown]
# ## 2. A puzzle
#
# **Mutual information** says how much knowing $x$ tells about $y$: the mean, over pairs that
# belong together, of how much likelier the pair is than chance would make it,
#
# $$I(x; y) = E_{p(x, y)}\left[\log \frac{p(x, y)}{p(x)\,p(y)}\right]\ \text{nats.}$$
#
# It is 0 when $x$ and $y$ have nothing to do with each other. Of photographs and captions nobody
# knows its value. Of correlated Gaussians we do: with correlation $\rho$ in each of $D$
# coordinates, $I = -\frac{D}{2}\log(1 - \rho^2)$. Here the truth is set to 10 nats, <!-- theory -->
# and nothing has to be learnt: a *critic* that knows the true ratio $p(x, y)/(p(x)\,p(y))$ scores every
# pair perfectly. Six published ways turn its scores into a number. Most are called *bounds*: the number should
# not, on average, exceed the truth, whatever the critic.


# %%
@functools.lru_cache(maxsize=64)
def perfect(information, count, negatives, temperature=1.0, clip=5.0):
    """Pairs x, y [count, B, D] and what every bound says of them, [count] each."""
    generator = torch.Generator().manual_seed(SEED)  # the same noise for every setting
    b, rho = negatives + 1, data.gaussians.rho_of(information, DIM)
    drawn = data.gaussians.correlated(count * b, DIM, information, generator=generator)
    x, y = (z.view(count, b, DIM) for z in drawn)
    u, v = evaluation.optimal_factors(x, y, rho)  # u . v = log p(x, y) / (p(x) p(y))
    return x, y, evaluation.bounds(u, v, temperature=temperature, clip=clip)


estimates = perfect(10.0, 64, 63)[2]
widgets.show(figures.mutual_information.verdicts(estimates, 10.0, 63), name="puzzle")

# %% [markdown]
# One critic, the same pairs, and no two agree. Two bars are far too low and will not
# move, whatever you train; two are above the truth although they go by the name of *lower bounds*; one
# is near zero, and the one in the right place scatters most. **Which of them would you trust, and why does the first stop where it does?** Note
# down your guess before you go on.

# %% [markdown]
# ## 3. The idea you can drag
#
# ### One matrix of scores
#
# Take a batch of $B$ pairs and let the critic $f$ score every $x_i$ with every $y_j$:
# $S_{ij} = f(x_i, y_j)$, [B, B]. The **diagonal** holds the pairs that belong together, samples
# of $p(x, y)$: the *positives*. Everything **off the diagonal** is an $x$ with somebody else's $y$, as good as a sample
# of $p(x)\,p(y)$: the *negatives*. Every bound of this lab compares the two. InfoNCE asks of each row:
# *which of the B is the right one?*
#
# $$I_\text{NCE} = \frac{1}{B} \sum_i \left[S_{ii} - \log \frac{1}{B} \sum_j e^{S_{ij}}\right] \le \log B$$
#
# The mean under the logarithm contains the positive itself, so it is at least $e^{S_{ii}}/B$, and no row
# exceeds $\log B$. A test with $B$ possible answers cannot prove more than that you got it right.
#
# **How to count negatives.** A matrix of $B$ gives every row $B - 1$ negatives beside its positive:
# ceiling $\log B$. Other papers draw $K$ negatives for each positive on purpose: ceiling
# $\log(K + 1)$. It is the same ceiling, counted differently. In this course `negatives` is always
# $K$, so here $K = B - 1$.
#
# **Predict:** at 8 nats, how many negatives does InfoNCE need to come near the truth? What do the <!-- theory -->
# other bars do meanwhile? **Then drag.**

# %%
widgets.predict(
    "InfoNCE",
    "The truth is 8 nats, the critic perfect: what does InfoNCE read with 4,095 negatives?",
    lambda: training.reference("lab02-surface")["cells"]["8"]["4095"]["InfoNCE"]["mean"],
    low=0,
    high=10,
    unit="nats",
)


# %%
def drawn(information, negatives, temperature):
    count = max(1, min(16, 2**19 // (negatives + 1) ** 2))
    x, y, estimates = perfect(information, count, negatives, temperature)
    return figures.mutual_information.bounds(
        x.flatten(0, 1), y.flatten(0, 1), estimates,
        information=information, negatives=negatives, temperature=temperature,
    )  # fmt: skip


PAIRED = [2**n - 1 for n in range(1, 13)]  # K of batches of 2, 4, ... 4096 pairs
widgets.explore(
    drawn,
    name="bounds",
    information=widgets.slider("true information", INFORMATION, 0, 12, 0.1),
    negatives=widgets.negatives(NEGATIVES, PAIRED),
    temperature=widgets.temperature(TEMPERATURE, low=0.25, high=4.0),
)

# %% [markdown]
# **Explain.** Raise the information with $K = 63$: at 2 nats InfoNCE reads {{record:lab02-surface.cells.2.63.InfoNCE.mean|.2f}}, then it leans against $\log 64 = 4.16$. <!-- theory -->
# The critic is perfect all the while; what is missing is questions. Each doubling of the batch
# lifts the ceiling by $\log 2 = 0.69$ nats, so *nats cost batches exponentially*: of 8 nats, 4,095 negatives <!-- theory -->
# read {{record:lab02-surface.cells.8.4095.InfoNCE.mean|.1f}}.
#
# The others escape the ceiling by comparing a positive with the negatives of the *whole batch*:
#
# - **DV** (Donsker-Varadhan; MINE reports it): $E[S] - \log P[e^S]$, where $E$ is the mean over positives and $P$
#   over negatives. In a batch the mean $P[e^S]$ misses the rare huge scores it consists of, its
#   logarithm comes out too small, and DV too *large*. A bound for infinite batches, none for yours.
# - **NWJ** (Nguyen, Wainwright, Jordan): $E[S] - P[e^{S-1}]$. No logarithm, hence no bias. Its best critic is $1 + \log p/q$,
#   where $p = p(x, y)$ and $q = p(x)\,p(y)$ from here on (so the figures add 1 to the scores before NWJ reads them).
# - **TUBA** divides by any positive number $a$, the *baseline*: $1 + E[S - \log a] - P[e^S / a]$. NWJ is $a = e$.
#   **$I_\alpha$** takes as baseline of each row $\alpha$ times the mean of that row's other $e^S$ plus $1 - \alpha$ times a constant: a dial from
#   NWJ's noise to InfoNCE's bias (half and half in the figure).
# - **SMILE**: DV with $e^S$ clipped to $e^{-\tau} \ldots e^{\tau}$.
# - **JSD** (Jensen-Shannon): $E[-\mathrm{sp}(-S)] - P[\mathrm{sp}(S)]$ with the softplus $\mathrm{sp}(z) = \log(1 + e^z)$. Never above 0: not an
#   estimate at all, but it trains the critic that the others read.
#
# **Now drag T** at 4 nats. Dividing the scores makes the critic too timid ($T > 1$) or too bold ($T < 1$). NWJ <!-- theory -->
# suffers both ways; InfoNCE forgives a wrong scale most readily, one reason why so many train with it. And
# SMILE *rises* for $T < 1$, far above the truth: shouting the scores is enough to "find" information. <!-- theory -->

# %% [markdown]
# ### Bias and spread, batch after batch
#
# A bar hides how it came about. Here every dot is one batch. Press play, and while they arrive
# move the information from 2 up to 10 nats. <!-- theory -->
# **Predict** which cloud bursts first. Then set 8 nats <!-- theory -->
# and move the clip: what does SMILE buy, and what does it pay with?


# %%
def flow(batches, information, clip):
    count = max(20, min(300, 2**21 // (NEGATIVES + 1) ** 2))
    estimates = dict(perfect(information, count, NEGATIVES, clip=clip)[2])
    estimates.pop("JSD")  # no estimate of nats
    return figures.mutual_information.stream(
        estimates, information, negatives=NEGATIVES, clip=clip, seen=min(batches, count)
    )


widgets.explore(
    flow,
    name="stream",
    batches=ipywidgets.Play(value=120, min=2, max=300, step=2, interval=125, description="batches"),
    information=widgets.slider("true information", INFORMATION, 0, 12, 0.1),
    clip=widgets.slider("SMILE's clip", CLIP, 0.1, 20, 0.1),
)

# %% [markdown]
# **Explain.** The sentence below the figure adds bias and spread together; *bursting* is spread alone. InfoNCE is wrong by the same amount every time: *bias*. NWJ is right on average, and one batch
# in a hundred ruins the average: *variance*, which grows like $e^I$. At 8 nats and 64 pairs the recorded
# spread is {{record:lab02-surface.cells.8.63.NWJ.std|.1f}} nats against InfoNCE's {{record:lab02-surface.cells.8.63.InfoNCE.std|.2f}} ({{record:lab02-surface.cells.8.63.NWJ.n|,}} batches).
# This is not bad luck with an estimator: no method whatsoever can *guarantee* more than about $\log n$
# nats from $n$ samples (McAllester and Stratos). <!-- published -->
#
# SMILE's clip throws the rare huge scores away. The cloud becomes tight, and it settles *above* the
# truth: at clip 5 a perfect critic reads {{record:lab02-surface.cells.8.63.SMILE.mean|.2f}} of 8 nats. A large clip is DV again. <!-- theory -->
# With a clip near 0 the negatives no longer count at all: SMILE is then $E[S]$, and that is the truth only because
# *this* critic is perfect. One that shouts twice as loud would be read as twice the information.

# %% [markdown]
# ## 4. The equation, executed
#
# Six bounds in plain torch, from one small matrix of scores. The off-diagonal entries are picked by a
# mask. $I_\alpha$ (half and half, the constant 1) needs a baseline that leaves out the entry it is used for.

# %% tags=["nbval-check-output", "name:by-hand"]
B = NEGATIVES + 1
generator = torch.Generator().manual_seed(0)
S = torch.randn(B, B, generator=generator, dtype=torch.float64) + 3 * torch.eye(B)  # [B, B]
S = S / TEMPERATURE
off = ~torch.eye(B, dtype=torch.bool)
pairs, strangers = S.diagonal(), S[off]  # [B], [B (B - 1)]
e = S.exp()
a = 0.5 * (e.sum(dim=1, keepdim=True) - e) / (B - 1) + 0.5  # [B, B] of row i without entry j

by_hand = {
    "info_nce": math.log(B) + (pairs - S.logsumexp(dim=1)).mean(),
    "dv": pairs.mean() - strangers.exp().mean().log(),
    "nwj": pairs.mean() - (strangers - 1).exp().mean(),
    "interpolated": 1
    + pairs.mean()
    - a[off].log().mean()
    - (e / a.diagonal()[:, None])[off].mean(),
    "jsd": -F.softplus(-pairs).mean() - F.softplus(strangers).mean(),
    "smile": pairs.mean() - strangers.clamp(-CLIP, CLIP).exp().mean().log(),
}
print(f"B = {B}, K = {NEGATIVES}, T = {TEMPERATURE:g}")
for name, value in by_hand.items():
    print(f"{name:12} {value:.4f}")

# %% [markdown]
# `labkit.losses.mutual_information` computes them with care for overflow and half precision. They must agree:

# %% tags=["nbval-check-output", "name:agrees"]
for name, value in by_hand.items():
    more = {"smile": {"clip": CLIP}, "interpolated": {"alpha": 0.5, "log_baseline": 0.0}}
    settings = more.get(name, {})
    torch.testing.assert_close(getattr(mi, name)(S, **settings), value)
print("labkit agrees on", ", ".join(by_hand))

explicit = mi.info_nce_explicit(pairs, strangers.view(B, B - 1))  # [B], [B, K]
torch.testing.assert_close(explicit, mi.info_nce(S))
print(f"K = {NEGATIVES} explicit negatives give the same: ceiling log(K + 1) = {math.log(B):.4f}")

# %% [markdown]
# A critic that knows nothing gives the same score to everyone. You should know the values by heart, they
# tell a silent bug from a hard problem:

# %% tags=["nbval-check-output", "name:chance"]
nothing = torch.zeros(B, B)
for name, value in {
    "info_nce": mi.info_nce(nothing), "dv": mi.dv(nothing), "smile": mi.smile(nothing, clip=CLIP),
    "nwj = -1/e": mi.nwj(nothing), "jsd = -2 log 2": mi.jsd(nothing),
}.items():  # fmt: skip
    print(f"{name:15} {round(value.item(), 4) + 0.0:.4f}")  # + 0.0 turns -0 into 0

# %% [markdown]
# And one that may surprise. SMILE is *trained* with the gradient of JSD, whatever its clip: the clip changes
# what is reported, not what is learnt.

# %% tags=["nbval-check-output", "name:gradient"]
for clip in (1.0, 5.0, math.inf):
    scores = S.clone().requires_grad_()
    (slope,) = torch.autograd.grad(mi.smile(scores, clip=clip), scores)
    scores = S.clone().requires_grad_()
    (plain,) = torch.autograd.grad(mi.jsd(scores), scores)
    print(f"clip {clip:3g}: same gradient as jsd: {torch.allclose(slope, plain)}")

# %% [markdown]
# ## 5. Train it
#
# Now the critic has to be learnt: two networks $g$ and $h$, $f(x, y) = g(x) \cdot h(y)$. The truth climbs a
# stair of 2, 4, 6, 8 and 10 nats. One critic is trained to raise <!-- published -->
# InfoNCE; another with JSD, whose best critic is $\log p/q$ itself, so that *every* bound can be read from it.


# %%
def climb(control, objective=mi.jsd, steps=STEPS):
    def sample(nats, generator):  # the number of negatives may change while it trains
        batch = int(control.knobs["negatives"]) + 1
        return data.gaussians.correlated(batch, DIM, nats, generator=generator)

    readouts = {"InfoNCE": mi.info_nce}
    if objective is mi.jsd:
        readouts |= {
            "NWJ": mi.jsd_readout_nwj,
            "DV": mi.jsd_readout_dv,
            "SMILE": lambda scores: mi.smile(scores, clip=control.knobs["clip"]),
        }
    return training.estimate(
        objective, readouts, sample=sample, steps=steps, seed=SEED, control=control
    )


# %%
yours = {}
for name, objective in (("trained with InfoNCE", mi.info_nce), ("trained with JSD", mi.jsd)):
    control = training.Control(negatives=NEGATIVES, clip=CLIP)
    curve = Curve(name)
    yours[name] = training.run(climb(control, objective), name=name, on_event=curve.add)
    print(f"{name}: {curve.steps} steps in {yours[name]['seconds']:.0f} s")
widgets.show(figures.staircase.staircase([curve]), name="yours")

# %% [markdown]
# ### Live
#
# The same call, in your hands, at the `lecture` budget or more. Start it, *Stop* on the fourth stage, move the
# negatives from 63 up to 255 and resume: whose line jumps at once, and whose only climb on as before? Then the clip: whose? <!-- theory -->
# Dotted: the recorded critic, trained four times as long.

# %%
recorded = training.reference("lab02")["rows"]
curves = {**recorded["info_nce"]["curve"], **recorded["jsd"]["curve"]}
names = {"InfoNCE": "info_nce", "SMILE": "smile-5"}
widgets.TrainingPanel(
    "stair",
    lambda control: climb(control, steps=max(STEPS, 1000)),
    knobs={
        "negatives": widgets.negatives(NEGATIVES, PAIRED[:8]),
        "clip": widgets.slider("SMILE's clip", CLIP, 0.1, 20, 0.1),
    },
    driver=DRIVER,
    draw=functools.partial(
        figures.staircase.staircase,
        reference={name: curves[key] for name, key in names.items()},
    ),
)

# %% [markdown]
# Two things to see. The critic is learnt from JSD alone, which looks as if it had converged (its
# value creeps towards 0) while the bounds still climb: from 8 to 10 nats the perfect critic's JSD moves <!-- theory -->
# from {{record:lab02-surface.cells.8.63.JSD.mean|.3f}} to {{record:lab02-surface.cells.10.63.JSD.mean|.3f}}. And SMILE, which overshoots with a *perfect*
# critic, is nearly right with a *learnt* one.

# %% [markdown]
# ## 6. One negative is enough
#
# If the ceiling is the price of InfoNCE, why not ask a smaller question? *Is this pair real or not?*
# needs one negative. With $\sigma(f)$ as the probability of "real", the logistic loss is
#
# $$L = E\left[\mathrm{sp}(-f(x, y))\right] + E\left[\tfrac{1}{K} \sum_k \mathrm{sp}(f(x, y_k))\right]$$
#
# which is JSD with its sign turned, and its best critic is $\log p/q$, for *every* $K$. Many programs sum over the negatives instead of
# averaging. That is a different question: now one pair in $K + 1$ is real.
# **Predict** what happens to the critic, then drag.
#
# Four coordinates that share 2 nats; the critic is linear in squares and products, so it can be perfect. <!-- theory -->

# %%
widgets.predict(
    "summed",
    "64 negatives, summed instead of averaged: by how much do the best critic's scores move?",
    lambda: -math.log(64),
    low=-10,
    high=10,
    unit="nats",
)


# %%
def squares(x, y):  # [N, 4] each -> [N, 13]
    return torch.cat([x * x, x * y, y * y, torch.ones(len(x), 1)], dim=1)


def fit(negatives, summed, n=400):
    generator = torch.Generator().manual_seed(SEED)
    x, y = data.gaussians.correlated(n, 4, 2.0, generator=generator)
    strangers = torch.randn(negatives * n, 4, generator=generator)
    real, false = squares(x, y), squares(x.repeat(negatives, 1), strangers)
    weights = torch.zeros(real.shape[1], requires_grad=True)
    optimiser = torch.optim.LBFGS([weights], max_iter=100, line_search_fn="strong_wolfe")

    def loss():
        optimiser.zero_grad()
        each = F.softplus(false @ weights).view(negatives, n)  # [K, N]
        total = (
            F.softplus(-real @ weights).mean() + (each.sum(0) if summed else each.mean(0)).mean()
        )
        total.backward()
        return total

    with torch.enable_grad():
        optimiser.step(loss)
    return weights.detach()


# %%
generator = torch.Generator().manual_seed(SEED + 1)
x, y = data.gaussians.correlated(600, 4, 2.0, generator=generator)
y[300:] = y[300:].flip(0)  # half of the test set are strangers
rho = data.gaussians.rho_of(2.0, 4)
truth = data.gaussians.optimal_scores(x, y, rho).diagonal()  # [600] log p/q
fits = {(k, s): fit(k, s) for k in (1, 4, 16, 64) for s in (False, True)}


def enough(negatives, over, bias):
    summed = over == "summed"
    estimate = squares(x, y) @ fits[negatives, summed] + (math.log(negatives) if bias else 0.0)
    return figures.mutual_information.ratio(
        truth, estimate, negatives=negatives, summed=summed, bias=bias
    )


widgets.explore(
    enough,
    name="enough",
    negatives=widgets.negatives(64, [1, 4, 16, 64]),
    over=widgets.choice("negatives are", "summed", ["averaged", "summed"]),
    bias=widgets.switch("add log K"),
)

# %% [markdown]
# **Explain.** Averaged, every $K$ finds the same line, the truth: one negative is enough. More of them hardly
# make the cloud thinner, for the 400 real pairs it was learnt from set the limit. Summed, strangers are $K$ times as common,
# the best critic becomes $\log p/(K q)$, and the whole cloud slides down by $\log K$. Nothing about the pairs
# has changed. Adding a **bias** $b = \log K$ puts it back:

# %% tags=["nbval-check-output", "name:shift"]
for k in (1, 4, 16, 64):
    shift = (squares(x, y) @ (fits[k, True] - fits[k, False])).median()
    print(f"K = {k:2}: summed - averaged = {shift:5.1f}, -log K = {-math.log(k):5.1f}")

# %% [markdown]
# SigLIP, which sums over a batch of thousands, therefore starts its bias at -10 instead of 0, so that the network need <!-- published -->
# not learn to say "no" first. You will meet that bias again in lab 09.
#
# So why negatives at all? Section 8 measures it: not for the ceiling, for the *noise*.

# %% [markdown]
# ## 7. What the paper reports, what we measured, what you got
#
# Poole et al. and Song & Ermon report this experiment as figures; tables of numbers were not available to us.
# "Measured" are our runs of their recipe: 20 coordinates, batches of 64, Adam at 0.0005, 4,000 steps a stage (2,000 <!-- published -->
# for $I_\alpha$), mean over a stage's last quarter ± standard deviation from batch to batch, {{record:lab02.rows.jsd.readouts.smile-5.10.seeds}} seeds. Yours are at your budget.


# %%
def line(label, source, cells):
    print(f"{label:30}{source:>13}" + "".join(f"{cell:>16}" for cell in cells))


def number(value, spread=None):
    digits = 2 if abs(value) < 100 else 0
    return f"{value:.{digits}f}" + ("" if spread is None else f" ± {spread:.{digits}f}")


line("", "true nats:", ["2", "4", "6", "8", "10"])
for label, row, readout, run, bound in (
    ("InfoNCE", "info_nce", "info_nce", "trained with InfoNCE", "InfoNCE"),
    ("JSD, read by NWJ", "jsd", "jsd-nwj", "trained with JSD", "NWJ"),
    ("JSD, read by DV", "jsd", "smile-inf", "trained with JSD", "DV"),
    ("JSD, read by SMILE (clip 5)", "jsd", "smile-5", "trained with JSD", "SMILE"),
    ("I_alpha, alpha = 0.5", "interpolated-0.5", "interpolated", None, None),
):
    cells = recorded[row]["readouts"][readout].values()
    line(label, "measured:", [number(cell["mean"], cell["std"]) for cell in cells])
    if run:
        line("", f"you, {BUDGET}:", map(number, yours[run]["result"][bound]["mean"]))

# %% [markdown]
# NWJ's row is no slip of the pen. Right on average is little comfort where one batch may be off by thousands: at 8 nats this mean and
# this spread are those of a few batches among very many.
#
# Read SMILE's row against section 3. With a perfect critic at 10 nats it says {{record:lab02-surface.cells.10.63.SMILE.mean|.1f}}; <!-- theory -->
# with the learnt one {{record:lab02.rows.jsd.readouts.smile-5.10.mean|.1f}}, so close to the truth that one is tempted to call it accurate. **It is two errors that cancel**: the
# clip pushes up, the imperfect critic pulls down. Nothing says they will cancel on your data.

# %% [markdown]
# ## 8. Turn the knobs
#
# ### How far off, at which price
#
# Every cell was measured with the perfect critic; the frame is the one nearest to your parameters. Where is
# InfoNCE safe to read as a number? Where is NWJ? Try the spread too.


# %%
def price(bound, shown):
    cells = training.reference("lab02-surface")["cells"]
    return figures.negatives.surface(
        cells, bound, shown, information=INFORMATION, negatives=NEGATIVES
    )


widgets.explore(
    price,
    name="price",
    bound=widgets.choice("bound", "InfoNCE", ["InfoNCE", "I_alpha", "NWJ", "DV", "SMILE"]),
    shown=widgets.choice("shown", "bias", ["bias", "spread"]),
)

# %% [markdown]
# InfoNCE's bias begins long before the ceiling: with 64 pairs at 4 nats it already reads <!-- theory -->
# {{record:lab02-surface.cells.4.63.InfoNCE.mean|.2f}}. To read 8 nats as {{record:lab02-surface.cells.8.4095.InfoNCE.mean|.1f}} takes 4,096 pairs. <!-- theory -->
# NWJ and DV have the opposite surface: next to no bias with many pairs, and a spread that runs away
# with the information. (Where it is large its own value jumps from cell to cell: a spread made of rare batches is
# itself badly known.) There is no cell in which everything is good and the batch is small.
#
# ### What negatives really buy
#
# You train with these losses more often than you read them. For a gradient, the ceiling is not the matter:
# what counts is how much of it is signal, and how much the luck of *which* negatives came. We stored a **bank** of
# 1,024 embedded pairs (two views of Motif-100 pictures, seen by lab 01's teacher), drew $K$ negatives again and again, and compared <!-- theory -->
#
# $$g = \frac{1}{T}\left(\sum_j p_j\, y_j - y_+\right), \qquad \text{signal over noise} = \frac{\lVert E[g] \rVert}{\sqrt{E\lVert g - E[g] \rVert^2}}$$
#
# with $p$ the softmax of the $K + 1$ scores at temperature $T$: the gradient of InfoNCE's loss with respect to one $x$, the **anchor**, whose partner
# is asked for. Also to be shown: the *cosine* between one draw's $g$ and the mean's, 1 if they point the same way. **Predict:** four times the negatives, how much
# more signal? Does the temperature matter?


# %%
def four_times():
    cells = training.reference("lab02-signal")["cells"]["0.1"]
    return cells["64"]["snr"]["mean"] / cells["16"]["snr"]["mean"]


widgets.predict(
    "four times",
    "From 16 to 64 negatives at T = 0.1: by which factor does signal over noise grow?",
    four_times,
    low=1,
    high=4,
    step=0.05,
    unit="times",
)


# %%
def bought(temperature, negatives, shown):
    cells = training.reference("lab02-signal")["cells"]
    kind = "snr" if shown == "signal over noise" else "agreement"
    return figures.negatives.signal(cells, temperature=temperature, negatives=negatives, shown=kind)


widgets.explore(
    bought,
    name="bought",
    temperature=widgets.temperature(0.1, low=0.02, high=1.0),
    negatives=widgets.negatives(64, [1, 4, 16, 64, 256, 1024]),
    shown=widgets.choice("shown", "signal over noise", ["signal over noise", "cosine"]),
)

# %% [markdown]
# **Explain.** At $T = 1$ all negatives count alike and averaging does what averaging does: $\sqrt K$. At the temperatures
# people train with, the softmax listens to the few negatives nearest to the anchor; a random draw mostly misses them, and quadrupling $K$ buys less
# than twice the signal: from {{record:lab02-signal.cells.0.1.16.snr.mean|.2f}} ± {{record:lab02-signal.cells.0.1.16.snr.std|.2f}} at $K = 16$ to
# {{record:lab02-signal.cells.0.1.64.snr.mean|.2f}} ± {{record:lab02-signal.cells.0.1.64.snr.std|.2f}} at $K = 64$, with $T = 0.1$ ({{record:lab02-signal.cells.0.1.64.snr.n}} seeds). Low temperature makes negatives dear.
# Now look at the cosine: how well does the gradient from one negative point along the whole bank's? At $T = 1$ {{record:lab02-signal.cells.1.0.1.agreement.mean|.2f}},
# at $T = 0.1$ only {{record:lab02-signal.cells.0.1.1.agreement.mean|.2f}}. "One negative is enough" is true of the *answer*; how long the way there is, is another matter.

# %% [markdown]
# ## 9. Where it breaks
#
# Four errors, all of them from published code or papers.
#
# **1. Alpha the wrong way round.** The reference notebook of $I_\alpha$ says that $\alpha \to 0$ is InfoNCE. Its own
# formula says the opposite: at 0 the constant is left, TUBA's, and at 1 the row's mean, all but InfoNCE's (whose mean keeps the positive). <!-- theory -->
# **2. The missing + 1.** JSD's best critic is $\log p/q$; NWJ wants $1 + \log p/q$. Two well-known
# code bases read one as if it were the other and lose $1/e$ nats, every time.

# %% tags=["nbval-check-output", "name:breaks"]
s = torch.randn(16, 16, generator=torch.Generator().manual_seed(0)) + 3 * torch.eye(16)
print(f"alpha = 0: {mi.interpolated(s, 0.0, 0.0):.4f}, TUBA with a = 1: {mi.tuba(s, 0.0):.4f}")
print(f"alpha = 1: {mi.interpolated(s, 1.0, 0.0):.4f}, InfoNCE: {mi.info_nce(s):.4f}")

rho, generator = data.gaussians.rho_of(2.0, DIM), torch.Generator().manual_seed(0)
read = []
for _ in range(400):
    x2, y2 = data.gaussians.correlated(64, DIM, 2.0, generator=generator)
    s = data.gaussians.optimal_scores(x2, y2, rho)
    read.append((mi.nwj(s), mi.jsd_readout_nwj(s)))
forgot, right = torch.tensor(read).mean(0)
print(f"the truth is 2.0 nats: NWJ(f) reads {forgot:.1f}, NWJ(f + 1) reads {right:.1f}")
print(f"the difference is {right - forgot:.2f}, and 1/e = {math.exp(-1):.2f}")

# %% [markdown]
# **3. A shortcut in float32.** $I_\alpha$ needs, for every score, the log-mean of the row *without* it. The published shortcut
# subtracts it from the sum again. When one score leads the sum of all others in its row far enough, float32 runs out of digits:


# %%
def shortcut(s):  # [B, B] -> [B], the positive taken out of its row's sum, as published
    total, top = s.logsumexp(1), s.diagonal()
    d = total - top
    d = torch.where(d != 0, d, 1.0)  # "safe"
    return top + d + torch.log(-torch.expm1(-d)) - math.log(len(s) - 1)


def taken_out(s):  # the same without the subtraction
    others = s.masked_fill(torch.eye(len(s), dtype=torch.bool), -math.inf)
    return others.logsumexp(1) - math.log(len(s) - 1)


gaps = torch.arange(0.0, 41.0)
rows = torch.randn(64, 64, generator=torch.Generator().manual_seed(0)).fill_diagonal_(0)
ways = {"masked, float32": taken_out, "shortcut, float64": lambda s: shortcut(s.double())}
ways["shortcut, float32"] = shortcut
out = {
    name: torch.stack([way(rows + gap * torch.eye(64))[0].float() for gap in gaps])
    for name, way in ways.items()
}
leads = gaps - (taken_out(rows)[0] + math.log(63))  # over the log-sum of the others
widgets.show(figures.negatives.left_out(leads, out), name="shortcut")

# %% [markdown]
# It does not crash and it does not warn: it answers something else. Do such gaps occur? With the perfect critic:

# %% tags=["nbval-check-output", "name:gaps"]
for nats in (4.0, 6.0, 8.0, 10.0):
    rho, generator = data.gaussians.rho_of(nats, DIM), torch.Generator().manual_seed(0)
    led = []
    for _ in range(20):
        x2, y2 = data.gaussians.correlated(64, DIM, nats, generator=generator)
        s = data.gaussians.optimal_scores(x2, y2, rho)
        led.append(s.diagonal() - taken_out(s) - math.log(63))  # [B] over the log-sum of the others
    share = (torch.cat(led) > 14).float().mean()
    print(f"{nats:2.0f} nats: in {share:.0%} of the rows the positive leads by more than 14 nats")

# %% [markdown]
# **4. The best of many checkpoints.** Some benchmarks report the *largest* test value of a run. On a noisy bound that is
# a report about the noise. Here nothing is learnt at all: one perfect critic, evaluated again and again.


# %%
def best_of(seen, bound):
    values = perfect(INFORMATION, 300, 63)[2][bound]
    return figures.negatives.maximum(values, INFORMATION, bound=bound, seen=seen)


widgets.explore(
    best_of,
    name="maximum",
    seen=widgets.slider("checkpoints", 40, 1, 300, 1),
    bound=widgets.choice("bound", "NWJ", ["InfoNCE", "I_alpha", "NWJ", "DV", "SMILE"]),
)

# %% [markdown]
# ## 10. Your turn
#
# Replace the `raise` line, run the cell, then run its check. The checks compute the usual wrong
# answers too, so they can often name what went wrong.
#
# ### Exercise 1 - InfoNCE and its ceiling
#
# Given `scores` [B, B], pairs on the diagonal, a row one $x$ with all $y$, return the InfoNCE bound in nats.


# %% tags=["exercise"]
def my_info_nce(scores):
    # BEGIN SOLUTION
    loss = scores.logsumexp(dim=1) - scores.diagonal()  # [B]
    return math.log(len(scores)) - loss.mean()
    # END SOLUTION


# %% tags=["check", "nbval-check-output", "name:info-nce"]
exercises.lab02.info_nce.check(my_info_nce)

# %% [markdown]
# <details><summary>Hint</summary>
#
# `F.cross_entropy(scores, torch.arange(B))` is the mean of $\log \sum_j e^{S_{ij}} - S_{ii}$. What is left of the
# formula in section 3 when you take the $1/B$ out of the logarithm?
#
# </details>

# %% [markdown]
# ### Exercise 2 - JSD from softplus
#
# Return the Jensen-Shannon bound of `scores` [B, B]: $E[-\mathrm{sp}(-S)] - P[\mathrm{sp}(S)]$.


# %% tags=["exercise"]
def my_jsd(scores):
    # BEGIN SOLUTION
    off = ~torch.eye(len(scores), dtype=torch.bool)
    return -F.softplus(-scores.diagonal()).mean() - F.softplus(scores[off]).mean()
    # END SOLUTION


# %% tags=["check", "nbval-check-output", "name:jsd"]
exercises.lab02.jsd.check(my_jsd)

# %% [markdown]
# <details><summary>Hint</summary>
#
# `scores[~torch.eye(B, dtype=torch.bool)]` picks the B (B - 1) negatives. Test yourself with a matrix of zeros:
# $-2 \log 2$.
#
# </details>

# %% [markdown]
# ### Exercise 3 - the price of 6 nats
#
# Return the smallest batch size $B$ whose InfoNCE ceiling is at least `nats`.


# %% tags=["exercise"]
def my_batch(nats):
    # BEGIN SOLUTION
    return math.ceil(math.exp(nats))
    # END SOLUTION


# %% tags=["check", "nbval-check-output", "name:batch"]
exercises.lab02.batch.check(my_batch)

# %% [markdown]
# <details><summary>Hint</summary>
#
# Solve $\log B \ge I$ for a whole number. Then look at section 8: what does InfoNCE really read there?
#
# </details>

# %% [markdown]
# ### Exercise 4 - why SMILE is no bound
#
# Return a matrix of scores [`size`, `size`] in which *every entry is the same*, so that it knows nothing of
# its pairs, and for which SMILE with that `clip` reports `nats`. (DV reports 0 for it.)


# %% tags=["exercise"]
def my_liar(size, clip, nats):
    # BEGIN SOLUTION
    return torch.full((size, size), clip + nats)
    # END SOLUTION


# %% tags=["check", "nbval-check-output", "name:liar"]
exercises.lab02.liar.check(my_liar)

# %% [markdown]
# <details><summary>Hint</summary>
#
# Put a constant $c$ into $E[S] - \log P[e^{\mathrm{clip}(S)}]$. Which of the two terms does the clip touch?
#
# </details>

# %% [markdown]
# ### Exercise 5 - the + 1
#
# `scores` [B, B] come from a critic trained with JSD, so $S \approx \log p/q$. Return the NWJ estimate of the
# information, in nats.


# %% tags=["exercise"]
def my_readout(scores):
    # BEGIN SOLUTION
    off = ~torch.eye(len(scores), dtype=torch.bool)
    best = scores + 1  # NWJ's best critic
    return best.diagonal().mean() - (best[off] - 1).exp().mean()
    # END SOLUTION


# %% tags=["check", "nbval-check-output", "name:readout"]
exercises.lab02.readout.check(my_readout)

# %% [markdown]
# <details><summary>Hint</summary>
#
# NWJ is $E[f] - P[e^{f - 1}]$ and is best at $f = 1 + \log p/q$. Turn the scores into *that* critic first.
#
# </details>

# %% [markdown]
# ## 11. Recap
#
# - A contrastive loss compares a diagonal with what is off it. InfoNCE, with $K$ negatives, never reads more than
#   $\log(K + 1)$; unbiased bounds pay with a variance that grows like $e^I$.
# - JSD needs one negative and finds $\log p/q$; summing instead of averaging shifts it by $\log K$, which a bias undoes.
# - An estimate near the truth is no proof of a good estimator: SMILE's two errors cancel.
# - Negatives buy signal in the gradient, $\sqrt K$ at high temperature and less at low.
#
# **Words.** *Critic*: a network that scores how well $x$ and $y$ go together. *Positive, negative*: a pair
# that belongs together, and one that does not. *Nat*: the unit of information with the natural logarithm; $\log 2$ of it is a bit.
# *Ceiling*: the most a bound can report. *Bias, variance*: how far off an estimate is on average, and how much it scatters.
#
# **Next.** Lab 03 trains networks on pictures with these losses and asks what the temperature does to them.
#
# **References.** The three papers above. X. Nguyen, M. Wainwright, M. Jordan (2010), *Estimating Divergence
# Functionals and the Likelihood Ratio by Convex Risk Minimization*. M. Belghazi et al. (2018), *MINE: Mutual Information
# Neural Estimation*. R. D. Hjelm et al. (2019), *Learning Deep Representations by Mutual Information
# Estimation and Maximization*. D. McAllester, K. Stratos (2020), *Formal Limitations on the Measurement of Mutual
# Information*. X. Zhai et al. (2023), *Sigmoid Loss for Language Image Pre-Training* (SigLIP).
