# %% [markdown]
# # Lab 07 - MIMKD: three kinds of mutual information
#
# {{colab_badge}}
#
# **Paper.** Shrivastava, Qi, Ordonez, *Estimating and Maximizing Mutual Information for Knowledge Distillation*
# (arXiv 2110.15946; CVPR Workshops 2023). <!-- published -->
#
# **Claim.** A student should share as much *mutual information* with its teacher as possible (lab 02: by how much one network's view of a picture narrows down the other's), and not only
# between two vectors: also between a vector and the *places* of a picture, and between places of both networks' maps. No bank, and the two networks may be built in quite different ways.
#
# **What is whose.** No official code is public, and the paper's text was not available to us. From its abstract we know: lower bounds on the mutual information of local and global representations are maximised, for arbitrary
# architectures. The estimator is that of Deep InfoMax (DIM, Hjelm et al.), whose code is public and whose numbers ours gives. *All else is our reading*: which three terms, who meets whom in them, their weights (1 each) and the temperature (0.2), which were the best on validation pictures of nine settings (section 8),
# the size of the critics. Where it matters we say so again. <!-- published -->
#
# | budget | time on {{record:times.cores}} CPU cores | what you get |
# |---|---|---|
# | `smoke` | {{record:times.lab07.smoke|.0f}} s | everything runs; its accuracies mean nothing yet |
# | `lecture` | {{record:times.lab07.lecture|.0f}} s | the effect itself, one seed |
# | `paper` | a GPU; not timed yet | ShuffleNetV2 from ResNet-50, many more epochs |
#
# **Afterwards you can** write the JSD loss and its floor, read nats out of a critic that was not trained in nats, tell what a heat map of a critic proves and what it does not,
# and say why one published gain cannot stand beside another.

# %% [markdown]
# ## 1. Set-up
#
# These numbers steer the lab: change one and *Run All*. Most of them are also sliders later on.

# %% tags=["bootstrap"]

# %% tags=["parameters"]
DATASET = "motif100"  # or "cifar10", "cifar100", or "folder:PATH" with one sub-folder per class
BUDGET = "smoke"  # "smoke", "lecture" or "paper"
TEMPERATURE = 0.2  # tau > 0: what the critics' cosines are divided by; ours
NEGATIVES = 63  # K, 1..63: other pictures of the batch for each picture
WEIGHT_GLOBAL = 1.0  # >= 0: weight of the global term; ours, as the next two
WEIGHT_LOCAL = 1.0  # >= 0
WEIGHT_FEATURE = 1.0  # >= 0
DIRECTION = "teacher-student"  # whose vector meets whose places: or "student-teacher", "both"
SEED = 0
DEVICE = "auto"  # "auto", "cpu", "cuda" or "mps"
DRIVER = "auto"  # how the training panel runs: "auto", "thread", "tick" or "blocking"

# %%
import functools
import math

import numpy as np
import torch
import torch.nn.functional as F

from labkit import data, evaluation, exercises, figures, losses, models, training, widgets
from labkit.errors import between, positive, unknown, whole
from labkit.losses.mimkd import DIRECTIONS
from labkit.models.convnet import ConvNet
from labkit.training.recipes import rate

positive("TEMPERATURE", TEMPERATURE), whole("SEED", SEED, 0)
between("NEGATIVES", whole("NEGATIVES", NEGATIVES), 1, 63)
for name in ("WEIGHT_GLOBAL", "WEIGHT_LOCAL", "WEIGHT_FEATURE"):
    between(name, globals()[name], 0, 100)
if DIRECTION not in DIRECTIONS:
    raise unknown("DIRECTION", DIRECTION, DIRECTIONS)
training.pick_driver(DRIVER)  # a mistake in any of them shows here
budget = training.budget(BUDGET)
device = training.pick_device(DEVICE)
dataset = data.load(DATASET, train=budget.train, val=budget.val, test=budget.test)

# %% [markdown]
# At `smoke` and `lecture` the student is a small convnet; at `paper` it is the pair that the paper's abstract names, ShuffleNetV2 from ResNet-50, by the common recipe of the CIFAR benchmarks (240 epochs; the
# paper's own recipe was not available to us). <!-- published -->
# A teacher for Motif-100 ships with the lab; for your own images, and for `paper`, one is trained now.

# %%
BIG = BUDGET == "paper"
STUDENT = "shufflenet_v2" if BIG else "convnet"
SHIPPED = dataset.name == "motif100" and not BIG
TEACHER = "wrn_16_2" if SHIPPED else "resnet50" if BIG else "resnet20"
PLAN = {"epochs": budget.epochs, "batch_size": budget.batch_size, "learning_rate": rate(STUDENT)}
if BIG:
    PLAN = training.recipe("repdistiller").settings(STUDENT)
if SHIPPED:
    teacher = models.load_teacher(TEACHER)
else:
    passes = PLAN["epochs"] if BIG else 2 * budget.epochs
    teacher = training.teach(TEACHER, dataset, epochs=passes, device=device)
teacher.to(device)
untrained = models.build(STUDENT, dataset.classes, seed=SEED).to(device)

# %% [markdown]
# A network answers a picture in stages. After each stage there is a **map**, [C, H, W]: $C$ numbers for each of $H \times W$ *places*, and each place sees one part of the picture. At the end the last map is averaged over its places: the **pooled vector**, which the
# classifier reads. *Local* means a place of a map; *global* means the pooled vector.
#
# We look at some validation pictures all through the lab. For Motif-100 we even know where the object (the *motif*) is: each picture has a **mask**, True on the motif's pixels.

# %%
LOOKED = min(200, len(dataset.val))
shown = dataset.val.images[:LOOKED].cpu()  # uint8 [N, 3, 32, 32]
masks = None if dataset.val.masks is None else dataset.val.masks[:LOOKED].cpu()  # bool [N, 32, 32]
several = data.batches(dataset, "val", batch_size=100, order=None, augment=None)
fixed = torch.cat([batch.images for batch in several])[:LOOKED].to(device)


@torch.no_grad()
def answer(network, pictures=fixed):
    """Maps, pooled vectors and logits in eval mode: `Features`."""
    given = [network.eval()(part) for part in pictures.split(100)]
    stages = zip(*(f.maps for f in given), strict=True)
    maps = [torch.cat(stage).float() for stage in stages]
    pooled, logits = (torch.cat([f[k] for f in given]).float() for k in (1, 2))
    return models.Features(tuple(maps), pooled, logits)


taught, answered = answer(teacher), answer(untrained)
for name, seen in (("teacher", taught), ("student", answered)):
    grids = ", ".join(" x ".join(map(str, m.shape[1:])) for m in seen.maps)
    print(f"{name}: maps {grids}; pooled vector of {seen.pooled.shape[1]}")

# %% [markdown]
# ## 2. A puzzle
#
# Three students that we made up; what they share with the teacher is known exactly. The bars are the *JSD loss* of the best possible critic, which MIMKD minimises. At 0 nothing is shared; the dotted line is the least there is.

# %%
widgets.show(figures.mimkd_nats.puzzle({"A": 2, "B": 8, "C": 10}), name="puzzle")

# %% [markdown]
# B is far ahead of A, and C hardly ahead of B. **How much more of the teacher does C know than B, and B than A?** Note down your guess before you go on.

# %% [markdown]
# ## 3. The idea you can drag
#
# ### Three kinds of information
#
# A **critic** is a small network that gets something of the teacher and something of the student and gives one number, the *score* $T$: high means "these two are of the same picture". To answer well it must find what both have in common.
# The three terms differ only in what it is shown:
#
# - **global**: the teacher's pooled vector and the student's;
# - **local**: the teacher's pooled vector and *one place* of the student's last map (our reading; `DIRECTION` has the other way);
# - **feature**: the same place of two maps of a stage, one of each network; for the last three stages (our reading).
#
# Maps of different sizes are averaged to the smaller one, at most 8 x 8. **Predict:** for which term can the critic tell *where* the student has what the teacher knows? Then choose the term and move the place.


# %%
def compare(picture, term, row, column):
    at = int(picture) - 1
    maps = taught.maps[-1][at].cpu(), answered.maps[-1][at].cpu()
    return figures.mimkd.three(shown[at], *maps, term, row, column)


GRID = figures.mimkd.grid(taught.maps[-1], answered.maps[-1])
widgets.explore(
    compare,
    name="three",
    picture=widgets.slider("picture", 1, 1, min(20, LOOKED), 1),
    term=widgets.choice("term", "local", figures.mimkd.TERMS),
    row=widgets.slider("row", min(2, GRID[0]), 1, GRID[0], 1),
    column=widgets.slider("column", min(2, GRID[1]), 1, GRID[1], 1),
)

# %% [markdown]
# **Explain.** All that lies in the frames goes into one score. *Global* has one score for two pictures. *Local* has one for each place, so they can be drawn as a heat map; the teacher's side is the same for all of them. *Feature* has one for each place too, but there both sides move.
# (The colours say how large a map is at a place, on average over its channels. The student is still untrained.)

# %% [markdown]
# ### What the loss says, and what it hides
#
# A critic is trained by many small questions: *do these two belong together?* Its answer is the probability $1 / (1 + e^{-T})$. Half of the weight is on pairs of one picture, half on pairs of different pictures. What it pays for wrong answers, less what guessing costs, is the **JSD loss**:
# it is 0 for guessing and $-2 \log 2 = -1.386$ for a critic that is never wrong. <!-- theory -->
# (With the best possible critic it is minus twice the *Jensen-Shannon divergence* between *joint* pairs, of one picture, and *product* pairs, of different ones; hence the name.) <!-- theory -->
#
# It is *not* in nats. But the best possible $T$ of this game is known: $\log \frac{p(x, y)}{p(x)\, p(y)}$, and the mean of that over pairs *is* the mutual information. So the same scores can be put into another formula, a **readout**: InfoNCE, NWJ or DV, all of lab 02.
#
# Here are pairs of known information (Gaussians in 20 dimensions) and a perfect critic. **Predict:** the loss at 8 and at 10 nats. Then drag the truth; then choose another readout; last, multiply the critic's scores by a factor.


# %%
def hide(nats, readout, factor, batch):
    return figures.mimkd_nats.hidden(nats, readout, factor, batch)


widgets.explore(
    hide,
    name="hidden",
    nats=widgets.slider("true nats", 8, 0, 10, 1),
    readout=widgets.choice("readout", "InfoNCE", list(figures.mimkd_nats.READOUTS)),
    factor=widgets.temperature(1.0, low=0.25, high=4.0, label="scores times"),
    batch=widgets.negatives(64, [16, 64, 128], label="pairs B"),
)

# %% [markdown]
# **Explain.** From 0 to 2 nats the loss falls by about 0.7. From 8 to 10 nats it falls by about 0.04: *two nats, hidden in the second decimal*. That is the puzzle: B knows 6 nats more than A, and C two more than B. <!-- theory -->
# A loss that hardly moves may still be learning; and two losses that look alike may be far apart.
#
# The readouts have troubles of their own (lab 02): InfoNCE is calm and never says more than $\log B$; NWJ is right on average but a single batch can be anywhere; DV is too large on average once the information is large for the batch. And all of them believe the critic's *scale*:
# multiply the scores, and see how far each gets from the truth.

# %% [markdown]
# ### What the temperature allows
#
# Our critics *encode and dot*: a small network makes of each side an arrow of length 1, and the score is the cosine over a temperature $\tau$. So a score lies within $\pm 1/\tau$, and that is a limit on everything: on how low the loss can get, and on how many nats can be read out.
# **Predict:** at $\tau = 1$, how many nats at most? Then drag $\tau$ and the batch.

# %%
widgets.predict(
    "most nats",
    "A critic's scores lie within 1 and -1: how many nats can InfoNCE read from 64 pairs?",
    lambda: figures.mimkd_batch.ceiling(1.0, 64),
    low=0,
    high=5,
    unit="nats",
)


# %%
def allow(temperature, batch):
    return figures.mimkd_batch.allowed(temperature, batch)


widgets.explore(
    allow,
    name="allowed",
    temperature=widgets.temperature(TEMPERATURE, low=0.03125, high=8.0, label="temperature tau"),
    batch=widgets.negatives(64, [2, 4, 16, 64, 256, 1024], label="pairs B"),
)

# %% [markdown]
# **Explain.** At $\tau = 1$ a batch of 64 yields 0.99 nats at most, however much the networks share. At 0.2 it is 3.83, not far below $\log 64 = 4.16$. A small $\tau$ lets the critic say more; <!-- theory -->
# it also lets it be *sure* and wrong. The two lines on the left: if each pair could be had by itself, $T = 1/\tau$ and $-1/\tau$, the loss could be lower; but in a batch the arrows of all pictures have to be arranged at once.

# %% [markdown]
# ## 4. The equation, executed
#
# With $\text{softplus}(u) = \log(1 + e^u)$, own pairs $i = j$ and other pairs $i \ne j$:
#
# $$L = \underset{i}{\text{mean}}\; \text{softplus}(-T_{ii}) + \underset{i \ne j}{\text{mean}}\; \text{softplus}(T_{ij}) - 2 \log 2$$
#
# For the local term there is one such $T$ for each place, and the means run over places too. The numbers of DIM's own code, as we ran it on the same input (local): 0.2052448. <!-- published -->

# %% tags=["nbval-check-output", "name:dim"]
draws = [np.random.RandomState(seed).standard_normal for seed in (1, 2)]
y = 0.5 * torch.from_numpy(draws[0]((6, 16, 9))).mT  # [B, N, D] 9 places of 6 pictures
x = 0.5 * torch.from_numpy(draws[1]((6, 16)))  # [B, D] a vector for each picture

T = torch.einsum("id,jnd->ijn", x, y)  # [B, B, N] row: whose vector, column: whose places
own = torch.eye(len(x), dtype=torch.bool)
joint, product = T[own], T[~own]  # [B, N], [B (B - 1), N]
L = F.softplus(-joint).mean() + F.softplus(product).mean() - 2 * math.log(2)
print(f"JSD loss {L:.7f}; a critic that knows nothing pays 0, no critic less than -1.386")

# %% [markdown]
# `labkit.losses` must agree, term by term:

# %% tags=["nbval-check-output", "name:agrees"]
scores = losses.mimkd_scores(x[:, None], y, temperature=1.0)
torch.testing.assert_close(scores, T)
agreed = losses.mimkd_jsd(scores[own], scores[~own])
torch.testing.assert_close(agreed, L)
nats = losses.mimkd_nats(scores)  # [N] a readout for each place
print(f"losses.mimkd_jsd agrees: {agreed:.4f}; InfoNCE reads {nats.mean():+.4f} nats")

# %% [markdown]
# These are random vectors, and the readout is below 0: a bound by a bad critic may say anything *low*.
#
# ### The critic
#
# Each side of a critic is a network of its own: a hidden layer beside a linear shortcut, then length 1. For a map the same network is used at every place. Here is one of them, and the whole module:

# %% tags=["nbval-check-output", "name:critics"]
torch.manual_seed(SEED)
asks = (
    losses.MIMKD(answered, taught, temperature=TEMPERATURE, direction=DIRECTION).to(device).eval()
)
with torch.no_grad():
    said = asks.scores(answered, taught)
for name, tensors in zip(("global", "local", "feature"), said, strict=True):
    for T in tensors:
        inside = bool(T.abs().max() <= 1.001 / TEMPERATURE)
        print(f"{name:8} {len(T)} x {len(T)} pairs, {T.shape[2]} x {T.shape[3]} places", end="; ")
        print(f"all within ± {1 / TEMPERATURE:.4g}: {inside}")

# %% [markdown]
# ### Estimate first, maximise later
#
# The paper's title has two verbs. One loss does both, and they differ in *who moves*. If both networks stand still and only the critics learn, the loss falls towards the best that such critics can do: we **estimate**. If the student moves too, what there is to be found grows: we **maximise**.
#
# Estimate now, for the *untrained* student. The critics learn on training pictures; then they are read out on some of those, and on our validation pictures, which they have never seen. **Predict:** does an untrained student share anything with the teacher? And does the readout differ on pictures that the critics have seen?


# %%
def rows_of(features, rows):
    maps = tuple(m[rows] for m in features.maps)
    return models.Features(maps, features.pooled[rows], features.logits[rows])


def estimate(student, teacher, steps=60):
    torch.manual_seed(SEED)
    critics = losses.MIMKD(student, teacher, temperature=TEMPERATURE, terms=("global", "local"))
    downhill = torch.optim.Adam(critics.to(device).parameters(), lr=0.001)
    for _ in range(steps):
        some = torch.randperm(len(student.pooled))[:64]
        downhill.zero_grad()
        sum(critics(rows_of(student, some), rows_of(teacher, some))).backward()
        downhill.step()
    return critics.eval()


# %%
SOME = min(600, len(dataset.train))
learnt = next(data.batches(dataset, batch_size=SOME, order=None, augment=None)).images.to(device)
seen = answer(untrained, learnt), answer(teacher, learnt)
found = estimate(*seen)
first = torch.arange(min(64, LOOKED, SOME))
for name, pair in (("seen", seen), ("new", (answered, taught))):
    pair = [rows_of(features, first) for features in pair]
    with torch.no_grad():
        read, paid = found.scores(*pair), found(*pair)
    for term, T, loss in (("global", *read.global_, paid[0]), ("local", *read.local, paid[1])):
        nats = losses.mimkd_nats(T).mean()
        print(f"{name:5} {term:7} JSD loss {loss:+.3f}, InfoNCE {nats:+.2f} nats")

# %% [markdown]
# **Explain.** Whatever stands above 0 in the lines *new* is shared already, before any training. Here there is nothing: the critics do well on pictures they have seen, and on new ones no better than guessing, or worse. The difference is the critics' *memory*, not information.
# That does not prove that the untrained student shares nothing; a lower bound may be too low, and a critic that has seen few pictures finds little. It proves that only readouts on new pictures are worth printing. (A local number is the mean over places of what *one place* tells, so it may be smaller than the global one although the whole map knows at least as much.)
#
# ### How many negatives?
#
# The product pairs are an average. $K$ of the other pictures, or all of them: the average is the same but for luck. **Predict** what $K$ does to the value of the loss, and think of labs 03 to 05, where it moved. Then drag. The scores are the critic's from above, for 64 new pictures.

# %%
with torch.no_grad():
    pair = rows_of(answered, first), rows_of(taught, first)
    local_scores = found.scores(*pair).local[0].cpu()
MOST = len(local_scores) - 1
COUNTS = [k for k in (1, 3, 7, 15, 31, 63) if k <= MOST]


def count(negatives):
    return figures.mimkd_batch.spread(local_scores, negatives)


widgets.explore(count, name="spread", negatives=widgets.negatives(min(NEGATIVES, MOST), COUNTS))

# %% [markdown]
# **Explain.** Mean the same, spread smaller: with $K = 1$ the draw of the negatives is noise that 63 do not have (what remains then is the luck of the batch). A softmax loss has $\log(K + 1)$ in its value; this one judges each pair by itself, so its value does not know how many there are. That does not make the noise harmless: a training follows it, step by step. Section 6 has runs with one negative.
#
# ### The whole loss
#
# $$L = \text{cross-entropy} + w_g L_\text{global} + w_l L_\text{local} + w_f L_\text{feature}$$
#
# The three terms are *negative* as soon as anything is learnt, so the whole may be below zero. That is no mistake.

# %% tags=["nbval-check-output", "name:whole"]
u, v = F.normalize(x, dim=-1), F.normalize(y, dim=-1)  # arrows, as the critics make them
T = losses.mimkd_scores(u[:, None], v, temperature=TEMPERATURE)  # [B, B, N]
K = min(NEGATIVES, 5)
kept = losses.ckd_pairs(
    6, negatives=None if K == 5 else K, generator=torch.Generator().manual_seed(0)
)  # [B, B] own pair and K others in each row
local = losses.mimkd_jsd(T[own], T[kept & ~own])
print(
    f"tau = {TEMPERATURE:g}, K = {K}: local term {local:+.4f}, weighted {WEIGHT_LOCAL * local:+.4f}"
)
print(f"no term can be below {figures.mimkd_batch.floor(TEMPERATURE):+.4f} at this tau")

# %% [markdown]
# ## 5. Train it
#
# The method, all of it. The critics are trained with the student, by the same steps; the teacher stands still. A weight of 0 trains no critic, and what that critic then says means nothing.


# %%
class ThreeKinds(torch.nn.Module):
    generator = None  # the run's own, set by the training: it draws the negatives

    def __init__(self, student, teacher):
        super().__init__()
        self.mimkd = losses.MIMKD(student, teacher, direction=DIRECTION)

    def forward(self, student, teacher, batch, knobs):
        self.mimkd.generator, self.mimkd.temperature = self.generator, knobs["temperature"]
        self.mimkd.negatives = round(knobs["negatives"])
        shared = self.mimkd(student, teacher)
        return {
            "labels": F.cross_entropy(student.logits, batch.labels),
            "global": knobs["weight_global"] * shared.global_,
            "local": knobs["weight_local"] * shared.local,
            "feature": knobs["weight_feature"] * shared.feature,
        }


KNOBS = {
    "weight_global": WEIGHT_GLOBAL, "weight_local": WEIGHT_LOCAL, "weight_feature": WEIGHT_FEATURE,
    "temperature": TEMPERATURE, "negatives": NEGATIVES,
}  # fmt: skip

# %% [markdown]
# ### Does the critic look at the motif?
#
# The local critic says for each place how well it goes with what the teacher says of the whole picture. Drawn over the picture that is a **heat map**; we *centre* it: less what the *other* pictures' teacher vectors score at that place on average, so that places that please everybody go dark.
# **Pointing accuracy** makes it a number: take each picture's hottest cell; how much of that cell is motif? A cell at random gives *chance*, the motif's share of a picture. But beware: motifs are mostly near the middle. So there is a second, harder mark, *always the same cell* (the best such one), which needs no critic.
# And a third: the place where the student's own map is *largest*, which needs no teacher.
#
# `watched` hands the events of a training on, and now and then asks the critics about our pictures.

# %%
moments = []  # (step, {critic: (heat, centred heat)}, the student's last map)
CRITICS = ["local", *(f"feature {k + 1}" for k in range(len(said.feature)))]


@torch.no_grad()
def look(step, student, critics):
    critics.eval()
    now = answer(student)
    scores = critics.scores(now, taught)
    heats = {}
    for name, T in zip(CRITICS, (scores.local[0], *scores.feature), strict=True):
        heats[name] = tuple(losses.mimkd_heat(T, centred=c).cpu() for c in (False, True))
    moments.append((step, heats, now.maps[-1].abs().mean(1, keepdim=True).cpu()))


def watched(events, student, critics, times=12):
    moments.clear()
    for event in events:
        if isinstance(event, training.Start):
            every = max(1, event.steps // times)
        if isinstance(event, training.Step) and (event.step == 1 or event.step % every == 0):
            look(event.step, student, critics)
            looking.redraw()
        yield event


# %%
look(0, untrained, asks)


def where(moment, picture, critic, centred):
    now, at = round(moment * (len(moments) - 1)), int(picture) - 1
    step, heats, largest = moments[now]
    heat = heats[critic][centred]
    course, rival = [], None
    if masks is not None:
        course = [(s, evaluation.pointing(h[critic][centred], masks)) for s, h, _ in moments]
        loud = evaluation.loudest(largest, tuple(heat.shape[1:]))
        rival = evaluation.pointing(loud, masks).found
    mask = None if masks is None else masks[at]
    say = f"The {critic} critic after {step} steps"
    return figures.mimkd_places.looking(shown[at], heat[at], mask, course, now, rival, say)


# %%
looking = widgets.explore(
    where,
    name="looking",
    moment=widgets.slider("moment", 1.0, 0, 1, 0.05),
    picture=widgets.slider("picture", 1, 1, min(20, LOOKED), 1),
    critic=widgets.choice("critic", "local", CRITICS),
    centred=widgets.switch("centred", True),
)

# %% [markdown]
# So far nothing is trained. Three students, each with the same pictures, crops and start; the last one is the one we watch.


# %%
def begin(method, student, source=dataset, plan=PLAN, **settings):
    return training.distill(
        student, teacher, method, source, seed=SEED, device=device, **{**plan, **settings}
    )


def fresh(source=dataset):
    torch.manual_seed(SEED)
    return models.build(STUDENT, source.classes, seed=SEED).to(device), ThreeKinds(answered, taught)


yours = {}
for name in ("labels only", "KD", "MIMKD"):
    student, three = fresh()
    if name == "MIMKD":
        events = watched(begin(three, student, knobs=KNOBS), student, three.mimkd)
    elif name == "KD":
        events = begin("kd", student, knobs={"temperature": 4.0, "alpha": 0.9})
    else:
        events = begin("cross-entropy", student)
    yours[name] = training.run(events, name=name)
    print(f"{name}: {yours[name]['result']['test_accuracy']:.1%} of the test images right")
print(f"(chance is {1 / dataset.classes:.1%}; the smoke budget is too short to leave it)")
looking

# %% [markdown]
# Left end of the slider *moment*: before training. Right end: now. Try other pictures, then the *feature* critics, then switch *centred* off. In the right part compare the solid line with all others: above *chance* alone is no news.
#
# ### Live
#
# Press *Start*: the curves grow, and the heat map shown again below them redraws. A whole run is the 12 epochs of the standard bench, even at `smoke`: five minutes or more on two cores, because the teacher answers every crop anew; two epochs are enough to see something.
# Moving a knob is felt by the training at its next step. The third part of the figure measures the *whole* loss, labels and all three terms with their weights, on the same pictures, at your knobs and at the first ones. Things to try:
#
# - Stop in the middle and move **negatives** from 63 to 1. The loss hardly moves: compare with CKD and CRD (labs 04, 05).
# - Stop and move the **temperature**. The loss moves at once and the heat map's pattern stays; nothing was learnt or forgotten.
# - Start with only the local weight above 0, then only the feature weight. Where does the local critic look without being trained?
# - Set all three weights to 5. What do the labels pay now?


# %%
@functools.cache
def bench():
    if BIG:
        return dataset
    return data.load(DATASET, train=10_000, val=1000, test=5000)  # of the recorded runs


def live(control):
    student, three = fresh(bench())
    epochs = PLAN["epochs"] if BUDGET != "smoke" else training.budget("lecture").epochs
    events = begin(three, student, bench(), epochs=epochs, control=control)
    return watched(events, student, three.mimkd)


# %%
recorded = training.reference("lab07")["by_label"]["wrn_16_2-convnet/mimkd"]
band = {"accuracy": recorded["curve"], "label": "recorded MIMKD runs", "run": recorded}
most = max(10, WEIGHT_GLOBAL, WEIGHT_LOCAL, WEIGHT_FEATURE)
widgets.TrainingPanel(
    "information",
    live,
    knobs={
        "weight_global": widgets.slider("weight global", WEIGHT_GLOBAL, 0, most, 0.1),
        "weight_local": widgets.slider("weight local", WEIGHT_LOCAL, 0, most, 0.1),
        "weight_feature": widgets.slider("weight feature", WEIGHT_FEATURE, 0, most, 0.1),
        "temperature": widgets.temperature(TEMPERATURE, low=0.03125, high=8.0, label="tau"),
        "negatives": widgets.negatives(NEGATIVES, [1, 3, 7, 15, 31, 63]),
    },
    driver=DRIVER,
    reference=band if SHIPPED else None,
)

# %%
looking  # the figure from above again: both places show the same

# %% [markdown]
# ## 6. Which of the three is it?
#
# Each row has one term only, or all; all else equal: same student, batches and crops, {{record:lab07.by_label.wrn_16_2-convnet/mimkd.test_accuracy.n}} seeds, compared seed by seed.

# %%
lab07 = training.reference("lab07")
first = [row for row in lab07["rows"] if row["pair"] == "wrn_16_2-convnet"]
methods = {
    "mimkd + kd": "MIMKD + KD", "mimkd": "MIMKD (all three)", "global": "global only",
    "local": "local only", "feature": "feature only", "kd": "KD (T = 4, alpha = 0.9)",
    "cross-entropy": "labels only",
}  # fmt: skip
widgets.show(figures.records.comparison(first, methods, baseline="cross-entropy"), name="terms")


# %% tags=["nbval-check-output", "name:ablation"]
measured = lab07["by_label"]
for label in ("global", "local", "feature"):
    gain = measured[f"wrn_16_2-convnet/{label}"]["difference"]
    print(f"{label:12} minus labels {training.told(gain)}")
alone = measured["wrn_16_2-convnet/one-negative"]["difference"]
print(f"one negative minus MIMKD  {training.told(alone)}")

# %% [markdown]
# In brackets: the interval that holds the true difference with 95 % confidence. <!-- theory -->
# If it holds 0, three seeds cannot tell the two apart; that does not say that they are equal. Mind that the rows differ in *how much* is added, too: three terms of weight 1 pull harder than one.
#
# The three terms together add more than any of them alone; of the three, *feature* is the only one whose own gain is shown. And look at the last line: with *one* negative for each picture nearly all of MIMKD's gain over the labels is gone. The value of the loss did not depend on the number (section 4); the training does, because the gradient of few negatives is mostly the luck of the draw. Lab 09 asks the same of images and words.

# %% [markdown]
# ## 7. What the paper reports, what we measured, what you got
#
# Two lines of the paper's abstract, percent of test images right: <!-- published -->
#
# | data | teacher to student | student alone | with MIMKD |
# |---|---|---|---|
# | CIFAR-100 | ResNet-50 to ShuffleNetV2 | 69.8 | 74.55 <!-- published --> |
# | ImageNet | ResNet-34 to ResNet-18 | 68.88 | 70.32 <!-- published --> |
#
# Its other tables were not available to us. **Do not put 74.55 beside the tables of labs 04 to 06.** In the benchmark those come from, the *same* ShuffleNetV2, alone, reaches 71.82. <!-- published -->
# Two points apart before any distillation: another recipe (or another ShuffleNetV2). Which part of 74.55 is the method's, only a run with one recipe can say. The two columns *above* are presumably of one recipe, so their difference is the paper's claim.
#
# "Measured" is our standard bench: 10,000 pictures of Motif-100, 12 epochs, the same recipe for all. <!-- theory -->


# %%
print(f"{'':14}{'published':>15}{'wrn_16_2-convnet':>18}{'resnet56-resnet8':>18}{'you*':>7}")
for name, row in (
    ("labels only", "cross-entropy"), ("KD", "kd"),
    ("MIMKD", "mimkd"), ("MIMKD + KD", "mimkd + kd"),
):  # fmt: skip
    both = [measured[f"{pair}/{row}"] for pair in ("wrn_16_2-convnet", "resnet56-resnet8")]
    cells = "".join(f"{training.percent(pair['test_accuracy']):>18}" for pair in both)
    mine = f"{100 * yours[name]['result']['test_accuracy']:.1f}" if name in yours else "-"
    print(f"{name:14}{'not this pair':>15}{cells}{mine:>7}")
print("Motif-100, % of test images, mean ± std over seeds; 10,000 pictures, 12 epochs")
print(f"* one seed, {len(dataset.train.labels):,} pictures, {PLAN['epochs']} epochs")

# %% [markdown]
# **Does MIMKD beat KD?** Alone, or added to it:

# %% tags=["nbval-check-output", "name:beats"]
for pair in ("wrn_16_2-convnet", "resnet56-resnet8"):
    for name, row in (("MIMKD", "mimkd over kd"), ("MIMKD + KD", "mimkd + kd over kd")):
        print(
            f"{pair}: {name:10} minus KD {training.told(measured[f'{pair}/{row}']['difference'])}"
        )

# %% [markdown]
# **Not alone.** On the first pair KD is shown to be better, on the second no difference is shown. Added to KD it stands higher on both pairs, and with three seeds that is not shown for either. All this is about *our reading*: weights of 1 and $\tau$ = 0.2, chosen on the first pair, small critics, short training.
#
# ### Other pairs
#
# "Arbitrary architectures" can be tried: the critics need only channels and places. The first two pairs below cross the families (a wide residual network teaches a plain one, or a narrow deep one); the third stays within one. In `losses.MIMKD` nothing changes.

# %% tags=["nbval-check-output", "name:pairs"]
for pair in ("wrn_16_2-convnet", "wrn_16_2-resnet8", "resnet56-resnet8"):
    print(
        f"{pair}: MIMKD minus KD {training.told(measured[f'{pair}/mimkd over kd']['difference'])}"
    )

# %% [markdown]
# Across the families, where the claim is made, KD is shown to be better on both pairs; within one family no difference is shown. That a loss *can* be used for any two architectures does not say that it is the better one where KD, which needs no maps at all, can be used, too.

# %% [markdown]
# ## 8. Turn the knobs
#
# ### Weight and temperature
#
# Each cell was trained, one seed, all three weights alike; settings are compared on *validation* images, as one would choose them. **Predict:** what happens at a large weight, where the labels are a small part of the loss?

# %%
surface = [
    row | {"weight": row["weight_local"]} for row in training.reference("lab07-surface")["rows"]
]
kd_row = measured["wrn_16_2-convnet/kd"]


def knobs_measured(temperature, weight):
    mine = {"temperature": temperature, "weight": max(weight, 1e-3)}
    return figures.ckd_records.surface(surface, down="weight", yours=mine, rival=kd_row)


widgets.explore(
    knobs_measured,
    name="surface",
    temperature=widgets.temperature(TEMPERATURE, low=0.03125, high=8.0, label="temperature tau"),
    weight=widgets.slider("all weights", WEIGHT_LOCAL, 0, max(10, WEIGHT_LOCAL), 0.1),
)

# %% [markdown]
# One seed a cell: neighbours that differ by a point may be the same.
#
# ### How small can a student be?
#
# The paper speaks for very small students too. A student of a few thousand parameters cannot hold what the teacher knows: is help then worth more, or is there no room for it? Students of one design, with 32 and with 8 channels after their first layer and twice and four times as many later, and an *extremely* small one with 4. **Predict** where the gain is largest. <!-- theory -->


# %%
def added(pair):
    helped, alone = (measured[f"{pair}/{row}"] for row in ("mimkd", "cross-entropy"))
    return 100 * (helped["test_accuracy"]["mean"] - alone["test_accuracy"]["mean"])


widgets.predict(
    "smallest student",
    "How many points does MIMKD add to the labels alone, for a student with 4 channels at first?",
    lambda: added("wrn_16_2-convnet_4"),
    low=-5,
    high=20,
    unit="points",
)

# %%
LADDER = {
    "wrn_16_2-convnet_4": 4,
    "wrn_16_2-convnet_8": 8,
    "wrn_16_2-convnet": 32,
}


sizes = {p: models.parameters(ConvNet((w, 2 * w, 4 * w), 100)) for p, w in LADDER.items()}
rungs = {"mimkd": "MIMKD", "kd": "KD", "cross-entropy": "labels only"}
widgets.show(figures.mimkd_records.ladder(measured, sizes, rungs, ["mimkd", "kd"]), name="ladder")

# %% [markdown]
# Right: what MIMKD and KD add to the labels alone. A gain in *points* is bounded by how far the student can get at all; compare it with the height of the curve on the left.
#
# Here the smaller student gains fewer points from either, although measured by what it reaches alone even the smallest gains most. For the two small students MIMKD's gain is *not shown* with three seeds: their runs differ by several points from seed to seed. A student of this size learns slowly, too; with more epochs the picture may be another one.

# %% [markdown]
# ## 9. Where it breaks
#
# ### What a heat map proves
#
# Above chance is not enough: a heat map that is the same for *every* picture, bright in the middle, would pass. Here is the test that tells: give each picture the *next* picture's heat map. A critic that looks at *this* picture's motif loses; one that knows where motifs usually are keeps all it has.

# %%
if masks is None:
    print("no masks in this data set: nothing to point at")
for step, heats, _ in (moments[0], moments[-1]) if masks is not None else ():
    for critic in CRITICS:
        heat = heats[critic][True]
        right, wrong = (evaluation.pointing(h, masks).found for h in (heat, heat.roll(1, 0)))
        print(f"step {step:5}, {critic}: own heat map {right:.0%}, another picture's {wrong:.0%}")

# %% [markdown]
# Only the difference between the two is about the picture. Now compare the lines of step 1 with the last ones: after one step no critic has learnt anything yet. Whatever difference is there already was not brought by the training.
#
# ### A critic that was never asked
#
# A term of weight 0 trains no critic, but the critic still gives scores, and a heat map of them still looks like something. In our `smoke` run the heat maps of the first two *feature* critics point better at step 1 on their own picture than on another one: presumably, two networks that look at the same place see the same contrast there, trained or not.
# So a heat map that points at the motif does not prove that the critic has learnt to. Only a change from the left end of *moment* to its right end does.
#
# ### Rivals of one class
#
# All other pictures are negatives, those of the same class too, as in lab 04: with $C$ equally frequent classes a picture among $K$ others has on average $K / C$ such rivals. The critic is told that they are different, and they are. But what tells two pictures of one class apart is just what a classifier should forget.

# %% tags=["nbval-check-output", "name:rivals"]
for C in (10, 100, 1000):
    hit = 1 - (1 - 1 / C) ** NEGATIVES
    print(f"C = {C:4}: {NEGATIVES / C:.2f} rivals of its class; {hit:.1%} have at least one")

# %% [markdown]
# ### Information is not use
#
# Both networks are deterministic: a picture gives one vector, always the same. If no two pictures give the same vector, either vector already tells which picture it was, so strictly the information between the two is as large as it can be, trained or not. What the loss increases is how much a *small critic*, of encode-and-dot form at this temperature, can find. That is no flaw:
# it asks the student to have the teacher's knowledge in an *easily found* form. But it means that the critic's form is part of the method, and that "maximises mutual information" is a figure of speech.

# %% [markdown]
# ## 10. Your turn
#
# Replace the `raise` line, run the cell, then run its check. The checks compute the usual wrong
# answers too, so they can often name what went wrong.
#
# ### Exercise 1 - the JSD loss
#
# Given scores `T` [B, B], own pairs on the diagonal, return the JSD loss with all others as negatives.


# %% tags=["exercise"]
def my_jsd(T):
    # BEGIN SOLUTION
    own = torch.eye(len(T), dtype=torch.bool)
    return F.softplus(-T[own]).mean() + F.softplus(T[~own]).mean() - 2 * math.log(2)
    # END SOLUTION


# %% tags=["check", "nbval-check-output", "name:jsd"]
exercises.lab07.jsd.check(my_jsd)

# %% [markdown]
# <details><summary>Hint</summary>
#
# Two means of their own, one over $B$ numbers and one over $B (B - 1)$. Test it: a matrix of zeros must give 0.
#
# </details>

# %% [markdown]
# ### Exercise 2 - local scores
#
# Given arrows `x` [B, D] (one of each picture) and `y` [B, N, D] (one for each of $N$ places of each picture), return the scores [B, B, N]: row $i$ has the vector of picture $i$, column $j$ the places of picture $j$.


# %% tags=["exercise"]
def my_local(x, y, tau):
    # BEGIN SOLUTION
    return torch.einsum("id,jnd->ijn", x, y) / tau
    # END SOLUTION


# %% tags=["check", "nbval-check-output", "name:local"]
exercises.lab07.local.check(my_local)

# %% [markdown]
# <details><summary>Hint</summary>
#
# In `torch.einsum` give each axis a letter; a letter that is missing on the right is summed over. Which one is?
#
# </details>

# %% [markdown]
# ### Exercise 3 - the floor
#
# Return the least JSD loss of a critic whose scores are cosines over `tau`, if every pair can be had by itself (no batch to arrange).


# %% tags=["exercise"]
def my_floor(tau):
    # BEGIN SOLUTION
    return 2 * math.log(1 + math.exp(-1 / tau)) - 2 * math.log(2)
    # END SOLUTION


# %% tags=["check", "nbval-check-output", "name:floor"]
exercises.lab07.floor.check(my_floor)

# %% [markdown]
# <details><summary>Hint</summary>
#
# What is the best score of an own pair, and of another one? Put both into the formula of section 4.
#
# </details>

# %% [markdown]
# ### Exercise 4 - pointing accuracy
#
# Given heat maps `heat` [N, h, w] and the motif's share of each cell, `cover` [N, h, w], return the mean share in each picture's hottest cell.


# %% tags=["exercise"]
def my_pointing(heat, cover):
    # BEGIN SOLUTION
    hottest = heat.flatten(1).argmax(1, keepdim=True)  # [N, 1]
    return cover.flatten(1).gather(1, hottest).mean()
    # END SOLUTION


# %% tags=["check", "nbval-check-output", "name:pointing"]
exercises.lab07.pointing.check(my_pointing)

# %% [markdown]
# <details><summary>Hint</summary>
#
# Make each picture's cells one row; `argmax(1)` says which, and `gather` takes that one from `cover`.
#
# </details>

# %% [markdown]
# ## 11. Recap
#
# - A critic is asked whether two things are of one picture. What it is shown makes the information global, local or of matched places.
# - The JSD loss is 0 for guessing and negative for knowing. It saturates: two nats may hide in its second decimal. Read nats out of the same scores, on new pictures.
# - The number of negatives changes the noise of this loss, not its value; noise can still cost accuracy (section 6); the temperature limits what the critic can say at all.
# - Estimating moves the critics, maximising moves the student too. A critic remembers: estimate on pictures that it has not seen.
# - A heat map needs rivals: chance, always the same cell, the largest place, another picture's map.
# - A gain over a weak baseline is not a number for somebody else's table.
#
# **Words.** *Map*: a network's numbers place by place. *Pooled vector*: their mean over places. *Critic*: a network that scores a pair. *Joint, product*: pairs of one picture; pairs of different pictures. *Readout*: a formula for nats from scores. *Pointing accuracy*: how much of the hottest cell is motif. *Estimate, maximise*: train the critics alone; train the student too.
#
# **Next.** Lab 08 puts all methods on one bench.
#
# **References.** A. Shrivastava, Y. Qi, V. Ordonez (2021), *Estimating and Maximizing Mutual Information for Knowledge Distillation*, arXiv 2110.15946. R. D. Hjelm et al. (2019), *Learning deep representations by mutual information estimation and maximization*, and its code. B. Poole et al. (2019), *On Variational Bounds of Mutual Information*. <!-- published -->
# J. Song, S. Ermon (2020), *Understanding the Limitations of Variational Mutual Information Estimators*. Y. Tian, D. Krishnan, P. Isola (2020), *Contrastive Representation Distillation*. J. Zhang et al. (2018), *Top-down Neural Attention by Excitation Backprop* (the pointing game).
