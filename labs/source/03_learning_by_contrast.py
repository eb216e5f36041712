# %% [markdown]
# # Lab 03 - Learning by contrast
#
# {{colab_badge}}
#
# **Papers.** T. Chen, S. Kornblith, M. Norouzi, G. Hinton, *A Simple Framework for Contrastive Learning
# of Visual Representations* (2020: SimCLR, NT-Xent). E. Hoffer, N. Ailon, *Deep Metric Learning Using
# Triplet Network* (2015). S. Arora, H. Khandeparkar, M. Khodak, O. Plevrakis, N. Saunshi, *A Theoretical
# Analysis of Contrastive Unsupervised Representation Learning* (2019).
#
# **Claim.** A network learns what pictures show without a single label, by bringing two views of one
# picture together and pushing other pictures away. What it learns depends on how the views are made.
#
# | budget | time on {{record:times.cores}} CPU cores | what you get |
# |---|---|---|
# | `smoke` | {{record:times.lab03.smoke|.0f}} s | everything runs; the encoders have learnt next to nothing |
# | `lecture` | {{record:times.lab03.lecture|.0f}} s | the effect itself, one seed |
# | `paper` | a GPU; not timed yet | more images, many more epochs |
#
# **Afterwards you can** write the contrastive loss and split it into its two forces, say which negatives
# it listens to, make an encoder collapse and rescue it, choose an augmentation for a reason, and say what
# theory promises.

# %% [markdown]
# ## 1. Set-up
#
# These numbers steer the lab: change one and *Run All*. `TEMPERATURE` and `NEGATIVES` are sliders later on.

# %% tags=["bootstrap"]

# %% tags=["parameters"]
DATASET = "motif100"  # or "cifar10", "cifar100", or "folder:PATH" with one sub-folder per class
BUDGET = "smoke"  # "smoke", "lecture" or "paper"
TEMPERATURE = 0.2  # T > 0: what the cosines are divided by
NEGATIVES = 126  # K negatives per view; a batch of 64 pictures has 126
DIFFICULTY = 0.1  # 0..1, of Motif-100: lower than elsewhere, for learning without labels is slow
SEED = 0
DEVICE = "auto"  # "auto", "cpu", "cuda" or "mps"
DRIVER = "auto"  # how the training panel runs: "auto", "thread", "tick" or "blocking"

# %%
import functools
import math

import ipywidgets
import torch
import torch.nn.functional as F
from torch import nn

from labkit import data, exercises, figures, losses, models, training, widgets
from labkit.errors import between, positive, whole
from labkit.evaluation import hardness, theory
from labkit.training import encoders
from labkit.training.circle import Circle
from labkit.training.negatives import bank
from labkit.widgets.watch import WatchPanel

positive("TEMPERATURE", TEMPERATURE), whole("NEGATIVES", NEGATIVES), whole("SEED", SEED, 0)
between("DIFFICULTY", DIFFICULTY, 0, 1)
training.pick_driver(DRIVER), training.pick_device(DEVICE)  # a mistake in any of them shows here
budget = training.budget(BUDGET)
easy = {"difficulty": DIFFICULTY} if DATASET == "motif100" else {}
dataset = data.load(DATASET, train=budget.train, val=budget.val, test=budget.test, **easy)
record = training.reference("lab03")
rows = record["by_label"]

# %% [markdown]
# ## 2. A puzzle
#
# Two networks of the same kind were trained on the same pictures with the same loss. Neither ever saw a
# label. Afterwards they were frozen, and a linear rule was asked to read from their answers what each
# picture shows. Such a rule is called a **probe**: it measures what a network *kept*. The black strokes are what guessing scores.

# %%
two = {"crop-flip": "network A", "contrastive": "network B"}
factors = ("shape", "texture", "color", "background")
widgets.show(
    figures.contrast.survivors(rows, two, title="Recorded: what was kept", factors=factors),
    name="puzzle",
)

# %% [markdown]
# Network A tells an object's colour in {{record:lab03.by_label.crop-flip.factors.color.mean|.0%}} ± {{record:lab03.by_label.crop-flip.factors.color.std|.1p}} of the pictures and its shape in
# {{record:lab03.by_label.crop-flip.factors.shape.mean|.1%}} ± {{record:lab03.by_label.crop-flip.factors.shape.std|.1p}}; network B the colour in {{record:lab03.by_label.contrastive.factors.color.mean|.0%}} ± {{record:lab03.by_label.contrastive.factors.color.std|.1p}} and the shape in
# {{record:lab03.by_label.contrastive.factors.shape.mean|.1%}} ± {{record:lab03.by_label.contrastive.factors.shape.std|.1p}} ({{record:lab03.by_label.contrastive.probe.n}} seeds; one shape in twenty is right by chance).
#
# **Nobody told either network what to keep. What could make them differ?** Note down your guess before you
# go on.

# %% [markdown]
# ## 3. The idea you can drag
#
# Take a picture and change it in a random way, twice: cut out a part, mirror it, turn its colours. That
# gives two **views**. The network and a small **head** (two layers) on top of it map each view to an
# **embedding** $z$, a vector of length 1. Two embeddings are compared by their **cosine** $s = z \cdot z'$: 1 if they point the
# same way, 0 if they have nothing in common, -1 if they are opposite.
#
# The loss asks of each view, the **anchor**: *which of the others is your partner?* Its partner, the other view of
# the same picture, is the **positive**; the views of other pictures are the **negatives**.
#
# $$L_i = -\log \frac{\exp(s_{i+} / T)}{\exp(s_{i+} / T) + \sum_{j=1}^{K} \exp(s_{ij} / T)}$$
#
# Here $s_{i+}$ is the cosine with the partner, $s_{ij}$ that with negative $j$, $K$ the number of negatives, $T$ the temperature.
# It is lab 02's InfoNCE with cosines over $T$ as scores; SimCLR's form of it is called NT-Xent (section 4).
#
# ### Points on a circle
#
# In two dimensions a vector of length 1 is a point on a circle. Here are 16 pictures with two views each,
# and no network: the points move where the loss pushes them. The two arrows are the forces on the black
# point, the anchor. **Predict** what the end will look like, **then press play**. While
# it plays, move $T$ from 0.2 to 2 and back. <!-- theory -->
# Then start `together`, with and without repulsion. (The step slider goes step by step; a smaller step starts anew.)

# %%
worlds = {start: Circle(16, seed=SEED, start=start) for start in ("random", "together")}


def on_the_circle(play, step, temperature, negatives, repulsion, start):
    world = worlds[start]
    world.go_to(step, temperature=temperature, negatives=negatives, repulsion=float(repulsion))
    return figures.circle.points(
        world.points, step=step, temperature=temperature, negatives=negatives,
        repulsion=float(repulsion), apart=world.spread()["apart"],
    )  # fmt: skip


# %%
play = ipywidgets.Play(value=0, min=0, max=200, step=1, interval=125, description="steps")
step = widgets.slider("step", 0, 0, 200, 1)
link = ipywidgets.jslink((play, "value"), (step, "value"))
widgets.explore(
    on_the_circle,
    name="circle",
    play=play,
    step=step,
    temperature=widgets.temperature(TEMPERATURE, low=0.03125, high=4.0),
    negatives=widgets.negatives(30, [1, 2, 4, 8, 16, 30]),
    repulsion=widgets.switch("repulsion", True),
    start=widgets.choice("start", "random", ["random", "together"]),
)

# %% [markdown]
# **Explain.** Two forces, and they want different things. *Attraction* brings partners together and is content
# when they meet. *Repulsion* spreads the pictures over the circle. Without it, pictures that
# begin together stay together for ever: nothing in the loss objects. In a network that is called **collapse**:
# it gives every picture the same answer, and all partners agree. You will make one collapse in section 5.
#
# At low $T$ an anchor hears only its nearest neighbours: at $T = 0.1$ the pictures stand at even distances after some 100 steps. <!-- theory -->
# At high $T$ it hears all, and far ones nearly cancel: the push is vague, and at $T = 0.5$ the distances are still uneven after 200. <!-- theory -->
# With $K = 1$ the push comes from a different stranger at every step: it is noisy.

# %% [markdown]
# ### Who is heard
#
# Push the gradient through the softmax and each negative gets a **weight** $w_j$, its share of the push:
#
# $$w_j = \frac{\exp(s_j / T)}{\sum_k \exp(s_k / T)}, \qquad K_\text{eff} = \frac{1}{\sum_j w_j^2}$$
#
# $K_\text{eff}$ is how many negatives really count: $K$ if all weigh alike, 1 if one has it all. The cosines
# below are real: views of Motif-100 pictures as lab 01's teacher sees them, a network trained with labels. **Predict:** at $T = 0.1$, how many of 1,023 <!-- theory -->
# negatives count? **Then drag** both sliders.

# %%
first, second = bank()  # [1024, 64] each, two views of 1,024 pictures
labels = data.load("motif100", train=1, val=1024, test=1, progress=False).val.labels  # of these
strangers = ~torch.eye(48, 1024, dtype=torch.bool)  # partners out
cosines = (first[:48] @ second.T)[strangers].view(48, 1023)
kin = (labels[:48, None] == labels)[strangers].view(48, 1023)  # the anchor's own class

# %%
widgets.predict(
    "heard",
    "Cosines of a trained network, T = 0.1: how many of 1,023 negatives really count?",
    lambda: hardness.effective_number(hardness.negative_weights(cosines, 0.1)).mean(),
    low=1,
    high=1023,
    step=1,
)


# %%
def heard(temperature, negatives):
    k = negatives
    return figures.contrast.hardness(cosines[:, :k], temperature, kin[:, :k])


widgets.explore(
    heard,
    name="heard",
    temperature=widgets.temperature(TEMPERATURE, low=0.015625, high=4.0),
    negatives=widgets.negatives(256, [4, 16, 64, 256, 1023]),
)

# %% [markdown]
# **Explain.** Low temperature listens to the *hard* negatives: those that look most like the anchor. That is
# often what you want, for they are what the network still confuses. But here the hardest are mostly pictures of
# the *same class*: the sentence below the figure gives their share of the push. Section 6 says how often one is drawn.

# %% [markdown]
# ## 4. The equation, executed
#
# NT-Xent ("normalised temperature-scaled cross-entropy") takes all $2B$ views of a batch of $B$ pictures as anchors; the $2B - 2$ views of
# other pictures are the negatives. In plain torch:

# %% tags=["nbval-check-output", "name:by-hand"]
B, D = 6, 4
generator = torch.Generator().manual_seed(0)
z1, z2 = torch.randn(2, B, D, generator=generator, dtype=torch.float64)  # [B, D] each

z = F.normalize(torch.cat([z1, z2]), dim=1)  # [2B, D], length 1
scores = z @ z.T / TEMPERATURE  # [2B, 2B]
scores.fill_diagonal_(-math.inf)  # nobody is his own partner
partner = torch.arange(2 * B).roll(B)  # of view i: i + B, and back
by_hand = F.cross_entropy(scores, partner)
print(f"T = {TEMPERATURE:g}, B = {B}: {by_hand:.4f} nats, log(2B - 1) = {math.log(2 * B - 1):.4f}")

# %% [markdown]
# The loss, in nats (natural logarithms), is above $\log(2B - 1)$, the price of guessing: at a low temperature random vectors are confident, and wrong.
#
# `labkit.losses.nt_xent` must agree, and so must the sum of the two forces. The loss splits exactly:
# attraction $(1 - s_+)/T$, and repulsion $\log \sum_j \exp((s_j - 1)/T)$. The partner is in that sum too, which
# weakens the pull of one that is found already. The 1 only shifts both terms: the repulsion may be negative, and its gradient alone matters.

# %% tags=["nbval-check-output", "name:agrees"]
torch.testing.assert_close(losses.nt_xent(z1, z2, temperature=TEMPERATURE), by_hand)
pull, push = encoders.pull_and_push(z1, z2, temperature=TEMPERATURE)
torch.testing.assert_close(pull + push, by_hand.float())
print(f"losses.nt_xent agrees; attraction {pull:.4f} + repulsion {push:.4f} = {pull + push:.4f}")

# %% [markdown]
# Three values to know by heart. They tell a bug from a hard problem:

# %% tags=["nbval-check-output", "name:values"]
for b in (2, 64):
    same, apart = torch.ones(b, 8), torch.eye(b, 256)  # all equal; every picture another axis
    chance = losses.nt_xent(same, same, temperature=TEMPERATURE)
    lost = losses.nt_xent(apart, torch.eye(b, 256).roll(b, 1), temperature=TEMPERATURE)
    best = losses.nt_xent(apart, apart, temperature=TEMPERATURE)
    print(f"B = {b:2}: all equal {chance:.4f}, all orthogonal {lost:.4f},", end=" ")
    print(f"views equal and pictures orthogonal {best:.4f}")

# %% [markdown]
# Collapse (all equal) costs exactly what knowing nothing costs, $\log(2B - 1)$, at any temperature. A loss
# stuck there is the first sign (an untrained network starts near it, too). And the loss does not end at 0: even perfect views among orthogonal
# pictures leave a floor, which exercise 3 asks you for.

# %% [markdown]
# ## 5. Train it
#
# A *method* in this course says what the loss terms of a batch are. SimCLR's whole idea:


# %%
class SimCLR(nn.Module):
    def __init__(self, width, dim=64):
        super().__init__()
        self.head = models.Projection(width, dim, hidden=width, normalise=False)
        self.generator = None  # which K of the negatives: the run's own random numbers

    def forward(self, student, teacher, batch, knobs):
        z1, z2 = self.head(student.pooled).chunk(2)  # [B, D] each: both views went through at once
        pull, push = encoders.pull_and_push(
            z1, z2, temperature=knobs["temperature"], negatives=round(knobs["negatives"]),
            generator=self.generator,
        )  # fmt: skip
        return {"attraction": pull, "repulsion": knobs["repulsion"] * push}


# %% [markdown]
# The head is thrown away afterwards; probes read the vector below it. Four numbers
# say how the encoder is: **probe**, the accuracy of a linear rule on the classes; **alignment**, the mean
# squared distance of partners (0: they agree, 2: they are unrelated); **uniformity**, how evenly all views fill the sphere (0: collapsed,
# towards -4: spread); and **error**, how often a stranger is nearer than the partner (half by chance; tiny differences
# count as well, so a collapsed encoder may be below that).
#
# Three encoders from one seed: SimCLR, the same without repulsion, and the triplets of section 6.


# %%
def begin(control, images, work, method=SimCLR):
    encoder = encoders.Encoder(images, method, seed=SEED)
    rate = 0.1 if work.name == "smoke" else 0.3  # so short a run has no time for large steps
    return encoder, encoder.train(
        epochs=work.epochs, control=control, learning_rate=rate, device=DEVICE
    )


usual = {"temperature": TEMPERATURE, "negatives": NEGATIVES, "repulsion": 1.0}
yours = {}
for name, method, knobs in (
    ("SimCLR", SimCLR, usual),
    ("no repulsion", SimCLR, usual | {"repulsion": 0.0}),
    ("triplets", "triplet", {}),
):
    encoder, events = begin(training.Control(**knobs), dataset, budget, method)
    result = training.run(events, name=name)["result"]
    yours[name] = (encoder, result)
    print(
        ", ".join(f"{key} {result[f'test_{key}']:.3f}" for key in ("probe", "alignment", "error"))
    )
if BUDGET == "smoke":
    print("smoke is too short to learn: these probes say nothing about the methods")


# %%
def compared(encoder):
    z1, z2 = yours[encoder][0].views("val")  # [256, 64] each: two views of 256 unseen pictures
    return figures.contrast.similarities(z1, z2, title=f"Your encoder: {encoder}")


widgets.explore(compared, name="compared", encoder=widgets.choice("encoder", "SimCLR", list(yours)))

# %% [markdown]
# The picture to look for: blue (partners) far to the right, orange (strangers) around 0. Without repulsion
# both pile up at 1: **collapse**. Its attraction is nearly 0, so by its own loss it is the best network of the three.
#
# ### Live
#
# The same call, now in your hands, at the `lecture` budget or more: a few minutes. The upper figure is the network as it
# is now; below are the two forces, the probe, and the loss on pictures that stay the same. Grey: recorded runs.
#
# 1. **Start** it. An untrained network gives nearly one answer to all: one heap. Watch it burst, and the dot:
#    even views move apart; then partners slowly come back while all go on spreading.
# 2. **Stop** at about epoch 3, and drag $K$ from 126 to 4. The loss *on the same pictures* falls at once and far; <!-- theory -->
#    the heaps do not move. **A loss at one $K$ says nothing about a loss at another**: the question became easier, the network is the same. So is it with $T$.
# 3. Put $K$ back to 126, turn the **repulsion** down to 0 and resume. How many *steps* until it has collapsed? Bring it back to 1: does it recover within an epoch? <!-- theory -->
# 4. Start again with $T = 0.03$ and repulsion 1. How much later does the heap burst? <!-- theory -->

# %%
live = training.budget("lecture" if BUDGET == "smoke" else BUDGET)
live_data = data.load(DATASET, train=live.train, val=live.val, test=live.test, **easy)
watched, way = [encoders.Encoder(live_data, SimCLR, seed=SEED)], []


def start(control):
    watched[0], events = begin(control, live_data, live)
    way.clear()
    return events


def look():
    z1, z2 = watched[0].views("val")
    way.append((losses.alignment(z1, z2).item(), losses.uniformity(z1).item()))
    return figures.contrast.similarities(z1, z2, title="The network now", past=way[-200:-1])


# %%
same = live.name == "lecture" and easy == {"difficulty": 0.1}
band = {"probe": rows["contrastive"]["curve"], "label": "recorded runs"}
WatchPanel(
    "contrast", start, look, driver=DRIVER, reference=band if same else None,
    knobs={
        "temperature": widgets.temperature(TEMPERATURE, low=0.015625, high=4.0),
        "negatives": widgets.negatives(NEGATIVES, [1, 2, 4, 8, 16, 32, 64, 126]),
        "repulsion": widgets.slider("repulsion", 1.0, 0.0, 1.0, 0.05),
    },
)  # fmt: skip

# %% [markdown]
# Recorded over {{record:lab03.by_label.collapse.probe.n}} seeds: without repulsion the encoder ends with a uniformity of
# {{record:lab03.by_label.collapse.uniformity.mean|.2f}} ± {{record:lab03.by_label.collapse.uniformity.std|.2f}} (SimCLR: {{record:lab03.by_label.contrastive.uniformity.mean|.2f}} ± {{record:lab03.by_label.contrastive.uniformity.std|.2f}}), and its alignment, {{record:lab03.by_label.collapse.alignment.mean|.3f}}, is
# better than SimCLR's {{record:lab03.by_label.contrastive.alignment.mean|.3f}}: alignment alone is no aim. The probe, which reads the vector *below* the head, still finds
# {{record:lab03.by_label.collapse.probe.mean|.1%}} ± {{record:lab03.by_label.collapse.probe.std|.1p}} of the classes there (untrained {{record:lab03.by_label.untrained.probe.mean|.1%}} ± {{record:lab03.by_label.untrained.probe.std|.1p}}, SimCLR {{record:lab03.by_label.contrastive.probe.mean|.1%}} ± {{record:lab03.by_label.contrastive.probe.std|.1p}}):
# the head has collapsed; on the way there the network below it seems to have learnt a little of what views share.

# %% [markdown]
# ### What views share is what survives
#
# Now the puzzle. Here are ten pictures in the first row and two views of each below, under each recipe.
# **Predict:** of *shape, texture, colour, place, size*, what could you use to find the partner in a batch of 64?


# %%
def two_views(recipe, seed):
    pictures = dataset.val.images[:10]
    generator = torch.Generator().manual_seed(seed)
    first, second = (data.augment.RECIPES[recipe](pictures, generator) for _ in range(2))
    return figures.contrast.views(pictures, first, second, recipe)


widgets.explore(
    two_views,
    name="views",
    recipe=widgets.choice(
        "recipe", "crop-flip", ["none", "crop-flip", "crop-flip-cutout", "contrastive"]
    ),
    seed=widgets.slider("seed", 0, 0, 20, 1),
)

# %% [markdown]
# Under `crop-flip` both views have the same colours. So colours are enough to find the partner, and colours
# are the easiest thing a network can see: the task is solved ({{record:lab03.by_label.crop-flip.error.mean|.1%}} of strangers nearer than the partner) without a look at the shape. The recipe `contrastive` also turns
# the colours, makes some views grey and zooms: that way out is nearly closed ({{record:lab03.by_label.contrastive.error.mean|.1%}}). Which of these did it we
# did not separate. *An augmentation says what does not matter; what both views share is all the loss can ask for.*

# %%
recipes = {
    "untrained": "untrained",
    "crop-flip": "crop-flip",
    "contrastive": "contrastive",
    "labels": "labels, no contrast",
}
widgets.show(
    figures.contrast.survivors(rows, recipes, title="Recorded: what survives"), name="survivors"
)

# %% [markdown]
# Each group of bars is one factor that we know, because we drew the pictures; each bar one encoder,
# {{record:lab03.by_label.contrastive.probe.n}} seeds. Read it by group.
#
# - *The object's colour*: an untrained network passes on {{record:lab03.by_label.untrained.factors.color.mean|.0%}} ± {{record:lab03.by_label.untrained.factors.color.std|.1p}}. Views that keep colours keep it,
#   {{record:lab03.by_label.crop-flip.factors.color.mean|.0%}} ± {{record:lab03.by_label.crop-flip.factors.color.std|.1p}}; views that turn them lose part of it, {{record:lab03.by_label.contrastive.factors.color.mean|.0%}} ± {{record:lab03.by_label.contrastive.factors.color.std|.1p}}, and so does training
#   with labels, for which colours are worthless, {{record:lab03.by_label.labels.factors.color.mean|.0%}} ± {{record:lab03.by_label.labels.factors.color.std|.1p}}.
# - *Shape*: untrained {{record:lab03.by_label.untrained.factors.shape.mean|.0%}} ± {{record:lab03.by_label.untrained.factors.shape.std|.1p}}, `crop-flip` {{record:lab03.by_label.crop-flip.factors.shape.mean|.0%}} ± {{record:lab03.by_label.crop-flip.factors.shape.std|.1p}}, `contrastive`
#   {{record:lab03.by_label.contrastive.factors.shape.mean|.0%}} ± {{record:lab03.by_label.contrastive.factors.shape.std|.1p}}, labels {{record:lab03.by_label.labels.factors.shape.mean|.0%}} ± {{record:lab03.by_label.labels.factors.shape.std|.1p}}. With the easy way open the network unlearns what random weights
#   had by luck; with it nearly closed it learns more of what an object is.
# - *Ground*: its colour fills most of the picture, and `contrastive` keeps it, {{record:lab03.by_label.contrastive.factors.background.mean|.0%}}. Needed, or only left
#   over? An untrained network passes it on, too ({{record:lab03.by_label.untrained.factors.background.mean|.0%}}). Labels push some of it out: {{record:lab03.by_label.labels.factors.background.mean|.0%}} ± {{record:lab03.by_label.labels.factors.background.std|.1p}}.
#
# So a factor that survives need not have been asked for: nothing forces a network to forget. And the probe reads the
# vector *below* the head; what the loss calls irrelevant is thrown away in the head first.

# %% [markdown]
# ## 6. Triplets, and what theory promises
#
# An older way to say the same takes one negative at a time. A **triplet** is an anchor $a$, a positive $p$ and a negative $n$.
# With the distances $|a - p|$ and $|a - n|$ of embeddings that are *not* normalised, Hoffer and Ailon take
#
# $$d_+ = \frac{e^{|a-p|}}{e^{|a-p|} + e^{|a-n|}}, \qquad L = d_+^2$$
#
# Most programs use $\max(0,\ |a-p| - |a-n| + m)$ with a *margin* $m$ instead. Both look at the **gap**
# $|a-p| - |a-n|$ only; a triplet is wrong when it is above 0. **Predict:** which loss stops learning, and when? **Then drag** the margin.
# The grey bars are the triplets of your own encoder.

# %%
one, other = yours["triplets"][0].views("val")  # [256, 64] each
gaps = (one - other).norm(dim=1) - (one - other.roll(1, 0)).norm(dim=1)  # [256]


def punished(margin):
    return figures.contrast.triplets(gaps, margin)


widgets.explore(punished, name="triplets", margin=widgets.slider("margin m", 1.0, 0.1, 3.0, 0.1))

# %% [markdown]
# **Explain.** Once the margin is kept, the slope is exactly 0: such a triplet teaches nothing, and as a network gets
# better most random triplets do that. Hence *mining*: the search for hard negatives. The ratio form never quite falls silent, but its
# slope dies away at both ends: it all but gives up the most wrong triplets, too. NT-Xent mines by itself: its softmax gives the hard negatives the weight.
#
# Recorded, same encoder, same views, {{record:lab03.by_label.triplet.probe.n}} seeds: a triplet error of {{record:lab03.by_label.triplet.error.mean|.1%}} ± {{record:lab03.by_label.triplet.error.std|.1p}} (NT-Xent {{record:lab03.by_label.contrastive.error.mean|.1%}} ± {{record:lab03.by_label.contrastive.error.std|.1p}}) and a
# probe of {{record:lab03.by_label.triplet.probe.mean|.1%}} ± {{record:lab03.by_label.triplet.probe.std|.1p}} (NT-Xent {{record:lab03.by_label.contrastive.probe.mean|.1%}} ± {{record:lab03.by_label.contrastive.probe.std|.1p}}). Neither was tuned.

# %% [markdown]
# ### Negatives of the same class
#
# A negative is any other picture, so it may have the anchor's class: a **collision**. With $C$ equally
# frequent classes and $K$ negatives the chance of at least one is $1 - (1 - 1/C)^K$. **Predict** it for ten
# classes and 126 negatives, then drag.

# %%
widgets.predict(
    "collision",
    "100 classes, 126 negatives: how likely is at least one of the anchor's own class?",
    lambda: 100 * (1 - (1 - 1 / 100) ** 126),
    low=0,
    high=100,
    unit="%",
)


# %%
def colliding(classes, negatives):
    return figures.theory.collisions(classes, negatives)


widgets.explore(
    colliding,
    name="collisions",
    classes=widgets.negatives(100, [2, 10, 20, 100, 1000], label="classes C"),
    negatives=widgets.negatives(NEGATIVES, [1, 2, 4, 8, 16, 32, 64, 126, 1024]),
)

# %% [markdown]
# ### A bound that you can watch
#
# Does a low contrastive loss guarantee a good classifier? Arora et al. prove it for one negative.
#
# - $L_\text{un}$, without labels: $x^+$ has the class of $x$, $x^-$ has any. The loss is the hinge $\max(0, 1 - v)$ of $v = f(x) \cdot (f(x^+) - f(x^-))$.
# - $L_\text{sup}$, of a classifier that takes the class with the best fitting mean: the same hinge, with the means of the
#   right and of a wrong class in place of $f(x^+)$ and $f(x^-)$.
# - $\tau = 1/C$, the chance that $x^-$ collides; such pairs cost at least 1 on average. Take that out, and what is left bounds the classifier:
#
# $$L_\text{sup} \le \frac{L_\text{un} - \tau}{1 - \tau}$$
#
# Here are Gaussian classes seen through a network with random weights. **Predict:** what do fewer classes do to the distance
# between $L_\text{un}$ and the bound? (The block size $b$ is optional: the mean of $b$ examples replaces each $f(x^+)$ and $f(x^-)$.)

# %%
BLOCKS = (1, 2, 5, 10, 20)


@functools.lru_cache(maxsize=64)
def sides(classes, noise):
    return [
        theory.Classes(classes, noise=noise, seed=SEED + 8).sides(block, pairs=1000)
        for block in BLOCKS
    ]


def promised(classes, block, noise):
    return figures.theory.bound(BLOCKS, sides(classes, noise), classes=classes, block=block)


widgets.explore(
    promised,
    name="bound",
    classes=widgets.negatives(10, [2, 5, 10, 20, 100], label="classes C"),
    block=widgets.negatives(1, BLOCKS, label="block size b"),
    noise=widgets.choice("class spread", 0.95, [0.5, 0.95, 1.5]),
)

# %% [markdown]
# **Explain.** The distance is $\tau (1 - L_\text{un}) / (1 - \tau)$: fewer classes, larger $\tau$, and so it grows. <!-- theory -->
# The bound holds everywhere and is loose at $b = 1$: single examples scatter about their class mean, and the hinge
# charges for it. Blocks average that away. In practice the number matters less than its message: collisions cost.
# Two things the theorem does *not* say: it is about inner products without normalisation and about positives of the same *class*. Two views of a picture
# are something else, as the puzzle has shown.

# %% [markdown]
# ## 7. What the papers report, what we measured, what you got
#
# The papers' tables are about other pictures and far longer trainings; we had no readable copy of their numbers.


# %%
print(f"{'probe on the classes, %':26}{'published':>24}{'measured*':>16}{'you, ' + BUDGET:>14}")
for name, label in (
    ("SimCLR", "contrastive"), ("no repulsion", "collapse"), ("triplets", "triplet"),
):  # fmt: skip
    own = 100 * yours[name][1]["test_probe"]
    known = "not available to us"
    print(f"{name:26}{known:>24}{training.percent(rows[label]['probe']):>16}{own:>14.1f}")
for name, label in (("untrained", "untrained"), ("labels, same network", "labels")):
    print(f"{name:26}{'':>24}{training.percent(rows[label]['probe']):>16}")
run = rows["contrastive"]["run"]
print(f"* Motif-100, {run['network']}, {run['epochs']} epochs, mean ± std over seeds")
if BUDGET == "smoke":
    print("your column means nothing at smoke: too short a training to learn anything")

# %% [markdown]
# Learning by contrast is slow: at this length the class probe is far below what labels reach in as many epochs. The comparison that counts here is with the untrained network, and
# between augmentations.

# %% [markdown]
# ## 8. Turn the knobs
#
# Every cell is an encoder that was really trained, {{record:lab03.spec.surface.seeds}} seed each; the frame is the one nearest to your
# parameters. The main setting's {{record:lab03.surface.7.probe.mean|.1%}} is the first of the table's {{record:lab03.by_label.contrastive.probe.n}} seeds, which spread by {{record:lab03.by_label.contrastive.probe.std|.1p}} points:
# one seed decides nothing between neighbours. **Predict:** does the temperature or the number of negatives matter more?


# %%
def more_negatives():
    probe = {(c["temperature"], c["negatives"]): c["probe"]["mean"] for c in record["surface"]}
    return 100 * (probe[0.05, 126] - probe[0.05, 1])


widgets.predict(
    "more negatives",
    "T = 0.05: how many points does the probe gain from K = 1 to K = 126?",
    more_negatives,
    low=-10,
    high=40,
    unit="points",
)

# %%
widgets.show(
    figures.contrast.surface(
        record["surface"], temperature=TEMPERATURE, negatives=NEGATIVES, chance=1 / 100
    ),
    name="surface",
)

# %% [markdown]
# **Explain.** Negatives, where the temperature is low: at $T = 0.05$ the probe rises from {{record:lab03.surface.0.probe.mean|.1%}} at $K = 1$ to {{record:lab03.surface.3.probe.mean|.1%}} at $K = 126$.
# At $T = 2$ it goes from {{record:lab03.surface.12.probe.mean|.1%}} to {{record:lab03.surface.15.probe.mean|.1%}}, about one spread. Along $T$ no column goes as far in one direction.

# %% [markdown]
# ## 9. Where it breaks
#
# Two errors that run without a warning.
#
# **1. The view itself.** Forget to take the diagonal out, and each view meets itself: cosine 1, the hardest negative of all. At low $T$ the
# loss can then never fall below $\log 2$, however good the network is. **2. The order.** The triplet network's own code passes (anchor, *negative*, positive). Call a
# function that expects the other order, and it trains views apart.

# %% tags=["nbval-check-output", "name:breaks"]
views = torch.eye(16)  # a perfect encoder: views equal, pictures orthogonal
z = torch.cat([views, views])
partner = torch.arange(32).roll(16)
for t in (1.0, 0.2, 0.05):
    forgot = F.cross_entropy(z @ z.T / t, partner)
    print(f"T = {t:4}: right {losses.nt_xent(views, views, temperature=t):.4f},", end=" ")
    print(f"diagonal left in {forgot:.4f} (log 2 = {math.log(2):.4f})")

a, p, n = torch.zeros(1, 2), torch.tensor([[0.1, 0.0]]), torch.tensor([[3.0, 0.0]])
right, swapped = losses.triplet(a, p, n), losses.triplet(a, n, p)
print(f"a good triplet: {right:.4f}, in the other order {swapped:.4f}")

# %% [markdown]
# ## 10. Your turn
#
# Replace the `raise` line, run the cell, then run its check. The checks compute the usual wrong answers too, so
# they can often name what went wrong.
#
# ### Exercise 1 - NT-Xent
#
# Many programs keep partners side by side. Given `z` [2B, D], not yet of length 1, where rows 0 and 1 are views of one
# picture, 2 and 3 of the next and so on, return the mean of $L_i$: a tensor, for a number from `.item()` has no gradient.


# %% tags=["exercise"]
def my_nt_xent(z, T):
    # BEGIN SOLUTION
    z = F.normalize(z, dim=1)  # [2B, D]
    scores = (z @ z.T / T).fill_diagonal_(-math.inf)  # [2B, 2B]
    partner = torch.arange(len(z)).view(-1, 2).flip(1).flatten()  # 1, 0, 3, 2, ...
    return F.cross_entropy(scores, partner)
    # END SOLUTION


# %% tags=["check", "nbval-check-output", "name:nt-xent"]
exercises.lab03.nt_xent.check(my_nt_xent)

# %% [markdown]
# <details><summary>Hint</summary>
#
# What must not be in the sum? The partners are 1, 0, 3, 2, ...: the whole numbers, turned around two by two.
#
# </details>

# %% [markdown]
# ### Exercise 2 - negatives that count
#
# Given `cosines` [B, K] of each anchor with its negatives, return $K_\text{eff}$ for each anchor, [B].


# %% tags=["exercise"]
def my_effective(cosines, T):
    # BEGIN SOLUTION
    w = (cosines / T).softmax(dim=1)  # [B, K]
    return 1 / w.square().sum(dim=1)
    # END SOLUTION


# %% tags=["check", "nbval-check-output", "name:effective"]
exercises.lab03.effective.check(my_effective)

# %% [markdown]
# <details><summary>Hint</summary>
#
# The weights are a softmax. What is $1 / \sum w^2$ when all $K$ weights are $1/K$?
#
# </details>

# %% [markdown]
# ### Exercise 3 - the floor
#
# Return the value of NT-Xent for a batch of `B` pictures whose partners agree perfectly and whose pictures are all orthogonal.


# %% tags=["exercise"]
def my_floor(B, T):
    # BEGIN SOLUTION
    return math.log(1 + (2 * B - 2) * math.exp(-1 / T))
    # END SOLUTION


# %% tags=["check", "nbval-check-output", "name:floor"]
exercises.lab03.floor.check(my_floor)

# %% [markdown]
# <details><summary>Hint</summary>
#
# Put $s_{i+} = 1$ and $s_{ij} = 0$ into $L_i$ and divide above and below by $\exp(1/T)$.
#
# </details>

# %% [markdown]
# ### Exercise 4 - class collisions
#
# With `C` equally frequent classes: how many negatives does it take until the chance that at least one has the anchor's
# class is `p` or more? Return the smallest such $K$.


# %% tags=["exercise"]
def my_collisions(C, p):
    # BEGIN SOLUTION
    return math.ceil(math.log(1 - p) / math.log(1 - 1 / C))
    # END SOLUTION


# %% tags=["check", "nbval-check-output", "name:collisions"]
exercises.lab03.collisions.check(my_collisions)

# %% [markdown]
# <details><summary>Hint</summary>
#
# Begin with the chance that *none* of $K$ has it; it may be $1 - p$ at most. A logarithm brings $K$ down.
#
# </details>

# %% [markdown]
# ### Exercise 5 - the triplet loss
#
# Given anchors, positives and negatives [B, D] each, return the mean of $d_+^2$.


# %% tags=["exercise"]
def my_triplet(a, p, n):
    # BEGIN SOLUTION
    near, far = (a - p).norm(dim=1), (a - n).norm(dim=1)  # [B] each
    return torch.sigmoid(near - far).square().mean()
    # END SOLUTION


# %% tags=["check", "nbval-check-output", "name:triplet"]
exercises.lab03.triplet.check(my_triplet)

# %% [markdown]
# <details><summary>Hint</summary>
#
# A softmax of two numbers is a sigmoid of their difference.
#
# </details>

# %% [markdown]
# ## 11. Recap
#
# - NT-Xent is attraction plus repulsion. Without repulsion everything collapses; at chance and in collapse it is $\log(2B - 1)$.
# - The temperature decides how many negatives count. A loss at one $K$ or $T$ is in another unit than at another.
# - Augmentation decides much of what is kept: whatever finds the partner most easily is learnt.
# - Negatives collide with the anchor's class; theory subtracts what that costs and bounds the classifier.
#
# **Next.** Lab 04 lets a student contrast its own answers with a teacher's: CKD.
#
# **References.** The three papers above. A. van den Oord, Y. Li, O. Vinyals (2018), *Representation Learning with
# Contrastive Predictive Coding*. T. Wang, P. Isola (2020), *Understanding Contrastive Representation Learning through Alignment
# and Uniformity on the Hypersphere*.
