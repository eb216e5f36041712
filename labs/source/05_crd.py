# %% [markdown]
# # Lab 05 - CRD: contrast through a memory
#
# {{colab_badge}}
#
# **Paper.** Tian, Krishnan, Isola, *Contrastive Representation Distillation* (ICLR 2020), and its
# code, RepDistiller. <!-- published -->
#
# **Claim.** A teacher knows more than its class probabilities: it knows how the *features* of a picture
# hang together. A student takes that over if one can tell, from a pair of feature vectors, whether both
# networks saw the same picture; and telling it well takes very many negatives, which a *memory bank* supplies.
#
# | budget | time on {{record:times.cores}} CPU cores | what you get |
# |---|---|---|
# | `smoke` | {{record:times.lab05.smoke|.0f}} s | everything runs; its accuracies mean nothing yet |
# | `lecture` | {{record:times.lab05.lecture|.0f}} s | the effect itself, one seed |
# | `paper` | a GPU; not timed yet | more images, many more epochs |
#
# **Afterwards you can** go from "same picture: yes or no?" to the loss, say where it starts and how low it can get,
# choose $K$ and $\tau$ together, say what a memory bank forgets, and find a constant and a set of labels that the formula does not mention.

# %% [markdown]
# ## 1. Set-up
#
# These numbers steer the lab: change one and *Run All*. `TEMPERATURE`, `NEGATIVES` and `WEIGHT` are also
# sliders later on. The published code takes 16,384 negatives from 50,000 pictures; we have a tenth of the pictures <!-- published -->
# and train with 256, where that much is enough to see every effect. <!-- theory -->

# %% tags=["bootstrap"]

# %% tags=["parameters"]
DATASET = "motif100"  # or "cifar10", "cifar100", or "folder:PATH" with one sub-folder per class
BUDGET = "smoke"  # "smoke", "lecture" or "paper"
TEMPERATURE = 0.07  # tau > 0: what the cosines are divided by
NEGATIVES = 256  # K >= 1: other pictures' slots that an anchor is compared with
WEIGHT = 0.8  # beta >= 0: what the CRD term is multiplied by
MOMENTUM = 0.5  # 0..1: how much of a slot stays when its picture is seen again
FILLED = True  # the banks start with what both networks say; False: with noise, as published
NORMALISER = "first-batch"  # Z: "first-batch" as published, "ema" or "exact"
SEED = 0
DEVICE = "auto"  # "auto", "cpu", "cuda" or "mps"
DRIVER = "auto"  # how the training panel runs: "auto", "thread", "tick" or "blocking"

# %%
import functools
import math

import torch
import torch.nn.functional as F

from labkit import data, exercises, figures, losses, models, training, widgets
from labkit.errors import between, positive, unknown, whole
from labkit.losses.memory import Memory
from labkit.training.replay import Replay

positive("TEMPERATURE", TEMPERATURE)
between("WEIGHT", WEIGHT, 0, 100), between("MOMENTUM", MOMENTUM, 0, 1)
whole("NEGATIVES", NEGATIVES), whole("SEED", SEED, 0)
ZS = ["first-batch", "ema", "exact"]
if NORMALISER not in ZS:
    raise unknown("NORMALISER", NORMALISER, ZS)
training.pick_driver(DRIVER)  # a mistake in any of them shows here
STUDENT = "convnet"
budget = training.budget(BUDGET)
device = training.pick_device(DEVICE)
dataset = data.load(DATASET, train=budget.train, val=budget.val, test=budget.test)

# %% [markdown]
# A teacher for Motif-100 ships with the lab (its 100 classes are 20 shapes in 5 textures); for your own <!-- theory -->
# images one is trained now. The student is small and, so far, untrained. CRD looks at neither's answers but at
# the **pooled features**: the vector that each network's last layer reads, one for each picture.

# %%
if dataset.name == "motif100":
    teacher = models.load_teacher("wrn_16_2")
else:
    teacher = training.teach("resnet20", dataset, epochs=2 * budget.epochs, device=device)
SHOWN = min(300, len(dataset.train))  # the pictures that the figures look at


@torch.no_grad()
def pooled(network, source=dataset):
    """What the last layer of `network` reads for the first training pictures: [SHOWN, D]."""
    place = next(network.eval().parameters()).device
    first = next(data.batches(source, batch_size=SHOWN, order=None, augment=None)).images
    return torch.cat([network(x.to(place)).pooled.float().cpu() for x in first.split(100)])


f_t, labels = pooled(teacher), dataset.train.labels[:SHOWN].cpu()
f_s = pooled(models.build(STUDENT, dataset.classes, seed=SEED))
print(
    f"{SHOWN} pictures: the teacher says {f_t.shape[1]} numbers of each, the student {f_s.shape[1]}"
)

# %% [markdown]
# ## 2. A puzzle
#
# One batch, an untrained student, the published loss, and nothing but the number of negatives $K$ changed:


# %%
def untrained(negatives, pictures=10_000):
    rows = min(64, SHOWN)
    torch.manual_seed(SEED)
    crd = losses.CRD(f_s.shape[1], f_t.shape[1], pictures, negatives=negatives)
    crd.temperature = TEMPERATURE
    crd.generator = torch.Generator().manual_seed(SEED)
    with torch.no_grad():
        return crd(f_s[:rows], f_t[:rows], torch.arange(rows)).item()


KS = [1, 4, 16, 64, 256, 1024, 4096, 16384]
found = [(k, untrained(k)) for k in KS]
widgets.show(figures.crd.puzzle(found, math.log(dataset.classes)), name="puzzle")

# %% [markdown]
# The loss grows and grows, although nobody got worse. And it lies *above* the black line, which is what a student pays
# that knows nothing at all. **How can anybody know less than nothing?** Note down your guess before you go on.

# %% [markdown]
# ## 3. The idea you can drag
#
# ### The same picture: yes or no?
#
# Each network gets a small **head**, a linear layer $W$ of 128 outputs, so that the two become comparable: <!-- published -->
# $e = W f / |W f|$, an arrow of length 1. Let $e$ be one network's arrow for a picture, the **anchor**, and $v$ an arrow of the
# *other* network. If both belong to one picture, the pair is **congruent**; if not, **incongruent**. The product $e \cdot v$ is the cosine
# of the angle between them. CRD is a classifier of pairs: is this one congruent?
#
# To have something to drag before anything is trained, we give both networks heads made by a few lines of algebra, and make
# a student up: a mixture of the untrained student's arrow and the teacher's. The black line $h$ is the classifier: how sure it is
# that a pair with this cosine is congruent. Where it passes one half, lies its *threshold*.
#
# **Predict:** drag the copy from 0 to 1. Does the loss fall all the way? Then drag $\tau$ at a copy of one half: what
# becomes of the line? At last, let the negatives come from *other classes* only. Who pays less, and why?

# %%
t_head, s_head = (figures.crd.embed(f, seed=n) for n, f in enumerate((f_t, f_s)))  # [SHOWN, 128]


def classify(copy, temperature, negatives, other_classes):
    made_up = figures.ckd.imitate(s_head, t_head, copy)
    log_mean = figures.crd.first_log_mean(temperature)
    told = labels if other_classes else None
    return figures.crd.classify(made_up, t_head, temperature, negatives, log_mean, labels=told)


def taus(label="temperature tau"):
    return widgets.temperature(TEMPERATURE, low=0.015625, high=1.0, label=label)


widgets.explore(
    classify,
    name="classify",
    copy=widgets.slider("share copied", 0.25, 0, 1, 0.05),
    temperature=taus(),
    negatives=widgets.negatives(NEGATIVES, KS),
    other_classes=widgets.switch("other classes only", False),
)

# %% [markdown]
# **Explain.** At first copying helps: the blue bars leave the orange ones. Then the loss rises again, up to a perfect copy, and the bill of the *negatives* does it: a
# better copy of the teacher also brings pictures of one class together, which the teacher finds alike, and the classifier takes them for congruent.
# With negatives of other classes only, most of that bill is gone. Remember this switch; section 6 comes back to it. (What is left, heads that *learn* can lower: ours were made without.)
#
# The threshold is at the cosine $\tau\,(\log K + \log \frac{Z}{n})$, where $Z$ is a constant that we meet in a moment. A cosine is at most 1. So when $\tau \log K$ comes near 1, *no pair whatever*
# can be called congruent. So **many negatives need a small temperature**, it seems; section 8 tests it. A small $\tau$ also makes the line steep.

# %% [markdown]
# ### From yes-or-no to a loss
#
# Deal cards: with probability $\frac{1}{K+1}$ a congruent pair, else one of the $K$ incongruent ones that we drew. Let $r$ be how much likelier this pair of arrows is
# among congruent pairs than among accidental ones. Bayes' rule says how sure to be:
#
# $$h = \frac{r}{r + K}$$
#
# What is $r$? Ask for a moment a harder question: *which* of the $n$ training pictures has the anchor seen? A softmax would answer $P = e^{\,e \cdot v / \tau} / Z$, with $Z$ the sum
# over all $n$ pictures; a guess is right with probability $\frac{1}{n}$. So $r = P / \frac{1}{n} = nP$, and
#
# $$h = \frac{P}{P + K/n}, \qquad P = \frac{e^{\,e \cdot v/\tau}}{Z}$$
#
# The loss is what this classifier pays for its own pair and for $K$ negatives: $-\log h_0 - \sum_{k=1}^{K} \log(1 - h_k)$, averaged over the batch.
# Replacing a softmax over $n$ by $K$ questions with yes or no is called **noise-contrastive estimation**, NCE. It saves the sum over all pictures; but $Z$ *was* that sum.
# Where does it come from now? The paper's formula for $h$ has no $Z$. The code divides by one: $n$ times the *mean score of the first batch*, never touched again. <!-- published -->
#
# The arrows $v$ come from a **memory bank**: for each network a table with a slot for every training picture, which holds the
# arrow it gave when it last saw the picture. So thousands of negatives cost a look-up and no network. CRD does all this twice,
# student anchors against the teacher's bank and teacher anchors against the student's, and adds both.
#
# In the code a bank starts as noise. Ours starts with what both networks say of each picture (`FILLED`); section 9 measures the difference.

# %% [markdown]
# ## 4. The equation, executed
#
# One side, as the code has it: a batch of 8 anchors, 40 pictures, 15 negatives each.

# %% tags=["nbval-check-output", "name:by-hand"]
draw = {"generator": torch.Generator().manual_seed(0), "dtype": torch.float64}
n, K, tau = 40, 15, TEMPERATURE
e = F.normalize(torch.randn(8, 6, **draw))  # [B, D] anchors, one network's arrows
bank = F.normalize(torch.randn(n, 6, **draw))  # [n, D] the other network's slots
rows = torch.stack([torch.randperm(n, generator=draw["generator"])[: 1 + K] for _ in e])  # [B, 1+K]

scores = (e[:, None] * bank[rows]).sum(2).div(tau).exp()  # [B, 1+K], column 0 congruent
Z = n * scores.mean()  # set by the first batch, then frozen
P = scores / Z  # [B, 1+K]
h = P / (P + K / n + 1e-7)  # how sure: congruent (the 1e-7 is the code's)
miss = (K / n) / (P + K / n + 1e-7)  # how sure: not
loss = -(h[:, 0].log() + miss[:, 1:].log().sum(1)).mean()
print(f"tau = {tau:g}, K = {K}: {loss:.4f} nats, knowing nothing {losses.crd_chance(K) / 2:.4f}")

# %% [markdown]
# `labkit.losses.nce` does the same from logarithms, so that a small $\tau$ does not overflow. The module
# `labkit.losses.CRD` has the heads, both banks and $Z$; its two sides must be what we get by hand:

# %% tags=["nbval-check-output", "name:agrees"]
torch.testing.assert_close(losses.nce(P.log(), samples=n), loss)


def side(anchor, slots, columns):
    scores = (anchor[:, None] * slots[columns]).sum(2).div(tau).exp()
    return losses.nce((scores / (n * scores.mean())).log(), samples=n)


torch.manual_seed(0)
crd = losses.CRD(4, 5, n, negatives=K, temperature=tau, dim=6).double()
s, t = torch.randn(8, 4, **draw), torch.randn(8, 5, **draw)  # two networks' pooled features
with torch.no_grad():
    e_s, e_t = F.normalize(crd.student_head(s)), F.normalize(crd.teacher_head(t))
    both = side(e_s, crd.memory.teacher, rows) + side(e_t, crd.memory.student, rows)
    torch.testing.assert_close(crd(s, t, rows[:, 0], rows[:, 1:]), both)
print(f"losses.nce agrees: {loss:.4f} nats; losses.CRD agrees, both sides: {both:.4f}")

# %% [markdown]
# ### Where it starts, and how low it can get
#
# A student that knows nothing gives every slot the same score, $P = \frac{1}{n}$. Then $h = \frac{1}{K+1}$, and both sides together pay
#
# $$L_\text{chance} = 2\left[\log(K+1) + K \log\left(1 + \tfrac{1}{K}\right)\right] \approx 2\,[\log(K + 1) + 1]$$
#
# So each doubling of $K$ costs $2 \log 2 = 1.39$ nats more, whoever the student is: the ruler grows, not the mistake. <!-- theory -->
#
# At the start the banks are *noise*: cosines with mean 0 and variance $\frac{1}{128}$. Scores then scatter around their mean, and a wrong opinion costs more than none: the puzzle's <!-- theory -->
# gap. An untrained pair does not know nothing. It *believes* things.
#
# (With filled banks the gap is another one: an untrained student's arrows are all alike.)
#
# The least possible: own pairs at cosine 1, all others as low as $n$ arrows can be, which for many pictures is just below 0. (It pays a little to turn all arrows of one network away from
# the other's: `losses.crd_floor` looks for the best compromise.) At this $\tau$ and this $Z$, no student gets below it.

# %% tags=["nbval-check-output", "name:band"]
log_mean = figures.crd.first_log_mean(TEMPERATURE)  # log(Z / n) of the first batch: 1 / (2 D tau^2)
nothing = losses.crd_chance(NEGATIVES)
begins = figures.crd_bounds.start(NEGATIVES, TEMPERATURE)
least = figures.crd_bounds.floor(NEGATIVES, TEMPERATURE, 10_000, log_mean)
print(f"K = {NEGATIVES}, tau = {TEMPERATURE:g}, 10,000 pictures; both sides, nats")
print(f"knowing nothing {nothing:.2f}, at the start {begins:.2f}, the least possible {least:.2f}")
print(f"threshold at cosine {figures.crd.threshold(TEMPERATURE, NEGATIVES, log_mean):.2f}")

# %% [markdown]
# **Predict:** at which $\tau$ is most to be gained with 16,384 negatives? Does a $Z$ that is 64 times too large raise the floor or lower it? <!-- theory -->
# **Then drag.** (Stars mark numbers of negatives that your training set does not have: they are drawn with repeats.)

# %%
widgets.predict(
    "lowest loss",
    "16,384 negatives, tau = 0.3, bank of 10,000: how low can CRD's loss (both sides) get?",
    lambda: figures.crd_bounds.floor(16384, 0.3, 10_000, figures.crd.first_log_mean(0.3)),
    low=0,
    high=25,
    unit="nats",
)


# %%
def marked(value, pictures):
    """The slider over K, with a star where some pictures must be drawn twice."""
    knob = widgets.negatives(value, KS, label="negatives K")
    stars = [(f"{k:,}{'*' if k >= pictures else ''}", k) for _, k in knob.options]
    return type(knob)(options=stars, value=value, description="negatives K", style=knob.style,
                      layout=knob.layout, continuous_update=True)  # fmt: skip


def how_low(temperature, negatives, factor):
    return figures.crd_bounds.band(temperature, negatives, 10_000, factor)


def factors(label):
    return widgets.temperature(1.0, low=1 / 4096, high=4096, label=label)


widgets.explore(
    how_low,
    name="band",
    temperature=taus(),
    negatives=marked(NEGATIVES, 10_000),
    factor=factors("Z, times"),
)

# %% [markdown]
# **Explain.** At $\tau = 0.07$ nearly the whole way down is open. At $\tau = 0.3$ and more, the threshold is beyond every cosine, and the floor comes up: the loss may be 15 nats and the student perfect. <!-- theory -->
# A very small $\tau$ opens the way too, but look at the start: the scatter of noise is divided by $\tau$ as well, and the loss begins far above chance.
#
# A wrong $Z$ moves the threshold. With a small $\tau$ there is room, the cosines follow, and the floor hardly moves. At $\tau = 0.3$ there is none: it rises whichever way $Z$ is wrong. Section 9 comes back to that.
#
# ### What negatives buy
#
# If negatives only stretch the ruler, why thousands? Because they are *drawn*. The gradient that an anchor feels depends on which negatives came. The
# figure measures, for a made-up student, the mean gradient and how far another draw would move it. **Predict** how its noise falls with $K$.


# %%
def lucky(copy, temperature, negatives):
    made_up = figures.ckd.imitate(s_head, t_head, copy)
    return figures.crd_bounds.noise(made_up, t_head, temperature, negatives, 10_000)


widgets.explore(
    lucky,
    name="noise",
    copy=widgets.slider("share copied", 0.25, 0, 1, 0.05),
    temperature=taus(),
    negatives=marked(NEGATIVES, 10_000),
)

# %% [markdown]
# **Explain.** Early on (a copy of a quarter, $\tau = 0.07$): with one negative, luck is several times the gradient; with 256 it is about a quarter of it, with 16,384 a few per cent. And the gradient itself comes to rest. That is no accident: when $K$ is large and $Z$ right,
# each $h_k$ is small and $\sum_k h_k v_k$ becomes the mean that the *softmax over all $n$ pictures* would take. **Many negatives turn the yes-or-no questions back into the hard question**, without its sum. From there on more of them raise the loss and teach nothing new.
#
# For a better copy and a small $\tau$ it does not come to rest: a few look-alikes hold most of the push, the more are drawn the more of them come, and whether one came is luck again. At the dotted line all other pictures are negatives and no luck is left; beyond it they are drawn with repeats.

# %% [markdown]
# ## 5. Train it
#
# The method whole: labels, $\beta$ times CRD, and, if we like, KD (lab 01) or CKD (lab 04) beside it, each with a weight of its own. What is new is that the method *remembers*: it
# needs to know which picture is which (`batch.index`), it has parameters (the heads, trained along) and banks. `prepare` is shown every picture before the first step. `seen` is ours: it notes when a slot was written.


# %%
class Remembering(torch.nn.Module):
    generator = None  # draws the negatives; the training sets its own

    def __init__(self, setting):
        super().__init__()
        train, student, taught = setting.dataset.train, setting.student, setting.taught()
        self.crd = losses.CRD(
            student.pooled.shape[1], taught.pooled.shape[1], len(train),
            negatives=NEGATIVES, momentum=MOMENTUM, labels=train.labels,
        )  # fmt: skip
        self.filled = FILLED
        self.anyone = Memory(len(train), 2)  # draws negatives without asking for their class
        self.register_buffer("seen", torch.full((len(train),), -2))  # -2: never
        self.steps, Remembering.newest = 0, self  # so that the figures below find its bank

    def contrast(self, student, teacher, index, knobs):
        crd, k = self.crd, round(knobs["negatives"])
        crd.generator, crd.temperature, crd.negatives = self.generator, knobs["temperature"], k
        crd.normaliser = ZS[round(knobs["Z"])]
        if self.training:
            self.seen[index.to(self.seen.device)] = self.steps
            self.steps += 1
        others = None if knobs["other_classes"] else self.anyone.draw(index, k, self.generator)
        return crd(student.pooled, teacher.pooled, index, others)


# %%
class Contrast(Remembering):
    def prepare(self, student, teacher, batch):  # every picture, before the first step
        if self.filled:
            self.crd.fill(batch.index, student.pooled, teacher.pooled)
            self.seen[batch.index] = -1  # just before step 0

    def forward(self, student, teacher, batch, knobs):
        return {
            "labels": F.cross_entropy(student.logits, batch.labels),
            "crd": knobs["beta"] * self.contrast(student, teacher, batch.index, knobs),
            "kd": knobs["kd"] * losses.kd(student.logits, teacher.logits, temperature=4.0),
            "ckd": knobs["ckd"] * losses.ckd(student.logits, teacher.logits, temperature=1.0),
        }


# %% [markdown]
# While it trains we look over its shoulder: now and then `watched` keeps what the heads say of the first pictures
# and what the banks remember of them.


# %%
moments, views = [], {}  # what figures.crd_bank draws, and the panels that draw it


def remember(step, method, student, taught, source):
    crd, bank = method.crd, method.crd.memory
    with torch.no_grad():
        now = crd.embed(pooled(student, source).to(device), taught.to(device), SHOWN)
    age = torch.where(method.seen < -1, -1, step - 1 - method.seen)
    kept = [x[:SHOWN].detach().cpu().clone() for x in (*now, bank.student, bank.teacher, age)]
    return figures.crd_bank.Moment(step, *kept, crd.log_z[0].item(), bank.samples)


def watched(events, method, student, source, times=6):
    taught = pooled(teacher, source)
    for event in events:
        if isinstance(event, training.Start):
            every = max(1, event.steps // times)
            moments[:] = [remember(0, method, student, taught, source)]
        if isinstance(event, training.Step) and event.step % every == 0:
            moments.append(remember(event.step, method, student, taught, source))
            for panel in list(views.values()):
                panel.redraw()
        yield event


# %% [markdown]
# Four students, the same pictures and crops: KD and CKD from labs 01 and 04, CRD, and CRD + KD. `Replay` remembers the teacher's answers, which are the same for all of them.


# %%
KNOBS = {
    "temperature": TEMPERATURE, "beta": WEIGHT, "negatives": NEGATIVES, "kd": 0.0, "ckd": 0.0,
    "other_classes": 1.0, "Z": ZS.index(NORMALISER),
}  # fmt: skip


def begin(method, student, guide=teacher, source=dataset, budget=budget, **settings):
    return training.distill(
        student, guide, method, source, epochs=budget.epochs, batch_size=budget.batch_size,
        learning_rate=0.3, seed=SEED, device=device, **settings,
    )  # fmt: skip


# %%
yours, guide = {}, Replay(teacher)
for name, method, knobs in (
    ("KD", "kd", {"temperature": 4.0, "alpha": 0.9}),
    ("CKD", "ckd", {"temperature": 1.0, "beta": 10.0}),
    ("CRD + KD", Contrast, KNOBS | {"kd": 1.0}),
    ("CRD", Contrast, KNOBS),
):
    student = models.build(STUDENT, dataset.classes, seed=SEED)
    events = begin(method, student, guide.rewind("lab"), knobs=knobs)
    if name == "CRD":
        events = watched(events, Remembering.newest, student, dataset)
    yours[name] = training.run(events, name=name)
    print(f"{name}: {yours[name]['result']['test_accuracy']:.1%} of the test images right")
print(f"(chance is {1 / dataset.classes:.1%}; the smoke budget is too short to leave it)")

# %% [markdown]
# **The pairs.** The figure of section 3 again, now with trained heads and the real bank. Left end of the slider: before training. **Predict**
# which bars move first, the blue or the orange ones.


# %%
def moment_now(share):
    return moments[round(share * (len(moments) - 1))]


def sharpening(moment, temperature, negatives):
    now = moment_now(moment)
    log_mean = figures.crd_bank.scan(now, temperature)["batch"]
    return figures.crd.classify(
        now.student, now.teacher_bank, temperature, negatives, log_mean,
        heading=f"Student anchors against the teacher's bank after {now.step} steps",
    )  # fmt: skip


views["pairs"] = widgets.explore(
    sharpening,
    name="sharpens",
    moment=widgets.slider("moment", 1.0, 0, 1, 0.05),
    temperature=taus(),
    negatives=widgets.negatives(NEGATIVES, KS),
)
views["pairs"]

# %% [markdown]
# **Explain.** First both go to the left, together: with $K$ negatives to one own pair, the cheapest thing to learn is that *nothing* is congruent. At `smoke` you see no more than that. Train longer, below, and they part.
#
# ### What the bank remembers
#
# Anchors are compared with *slots*, never with what the other network says now, the own pair included. A slot is written when its picture comes by,
# once an epoch: it keeps the share `MOMENTUM` of what was in it. How true is it? Each dot is a slot. Drag the moment.


# %%
def ageing(moment):
    return figures.crd_bank.staleness(moment_now(moment))


views["stale"] = widgets.explore(
    ageing, name="stale", moment=widgets.slider("moment", 1.0, 0, 1, 0.05)
)
views["stale"]

# %%
widgets.explore(
    figures.crd_bank.slot,
    name="slot",
    momentum=widgets.slider("momentum", MOMENTUM, 0, 0.99, 0.01),
    visits=widgets.slider("visits", 2, 0, 12),
)

# %% [markdown]
# **Explain.** The teacher does not learn, and yet its slots are not quite true: its *head* learns, and a slot was written from another crop of its picture. That is why there are two banks and not a table made once. A bank that starts as noise
# is worse off: for a first epoch anchors are compared with noise, the own slot included, and half of it is still there after the first visit. While the learning rate is high, old slots tell of a network that is no more; at its end all stand nearly still (train longer, below, and
# see whether the lines rise). A high momentum averages the crops, and keeps the noise longer.
#
# ### Live
#
# One panel, four methods: the weights say which. KD is `beta` 0 and `kd` 1; CKD `beta` 0 and `ckd` 10; CRD + KD `beta` 0.8 and `kd` 1. Press *Start*, then start again with other weights: the curves stay.
# A whole run is the 12 epochs of the standard bench, even at `smoke`: some minutes on two cores, but three epochs are enough to see something. First both networks look at every picture once, to fill the banks.
# The figures above redraw while it trains; the first of them is shown again below. The panel's third part measures the *whole* loss, all terms with their weights, on the same pictures. Things to try:
#
# - CRD, then CRD + KD, then KD alone: which leads after one epoch, and which at the end?
# - Stop in the middle and move **negatives** from 256 to 4096: the loss jumps, the network does not. Then resume.
# - Stop and move **tau** from 0.07 to 0.035. With *Z* at the first batch, the constant in use was made for the other $\tau$. Look at the
#   third part of the figure, then set Z to *exact* and look again.
# - Start once with *other classes only* off. Is anything lost?
# - Start once with *fill banks first* off, as published (it acts at the next *Start*). How many epochs does the noise cost?


# %%
@functools.cache
def bench():
    if BUDGET == "paper":
        return dataset
    return data.load(DATASET, train=10_000, val=1000, test=5000)  # of the recorded runs


def live(control):
    student = models.build(STUDENT, bench().classes, seed=SEED)
    spent = training.budget("lecture" if BUDGET == "smoke" else BUDGET)
    events = begin(Contrast, student, source=bench(), budget=spent, control=control)
    Remembering.newest.filled = bool(control.knobs["filled"])
    return watched(events, Remembering.newest, student, bench(), times=40)


# %%
recorded = training.reference("lab05")["by_label"]["wrn_16_2-convnet/crd-filled"]
band = {"accuracy": recorded["curve"], "label": "recorded CRD runs", "run": recorded}
which_z = widgets.negatives(1, 1, label="Z")  # a slider over whole numbers; here over names
which_z.options = [(name, float(number)) for number, name in enumerate(ZS)]
which_z.value = float(ZS.index(NORMALISER))
widgets.TrainingPanel(
    "contrast",
    live,
    knobs={
        "temperature": taus("tau"),
        "negatives": marked(NEGATIVES, 10_000),
        "beta": widgets.slider("beta (CRD)", WEIGHT, 0, max(2.0, WEIGHT), 0.1),
        "kd": widgets.slider("kd (T = 4)", 0, 0, 2, 0.1),
        "ckd": widgets.slider("ckd (tau = 1)", 0, 0, 20, 0.5),
        "other_classes": widgets.switch("other classes only", True),
        "Z": which_z,
        "filled": widgets.switch("fill banks first", FILLED),
    },
    driver=DRIVER,
    reference=band if DATASET == "motif100" and BUDGET != "paper" else None,
)

# %%
views["pairs"]  # the figure from above again: both places show the same

# %% [markdown]
# ## 6. Is it really the contrast? The labels that leak
#
# The formula has no label in it. The published loader does: it draws an anchor's negatives from *other classes*. So whoever
# lowers this loss learns, picture by picture, who is of another class. That is what labels say.
#
# How much? Suppose a student knows the *class* and nothing else: all pictures of a class are one arrow. **Predict** what it pays beside a student that
# tells every picture apart, with the switch off and on. Then flip it, and drag $\tau$.


# %%
def leaking(temperature, negatives, leaked):
    return figures.crd_bounds.leak(
        t_head, labels, temperature, negatives, dataset.classes, 10_000, leaked
    )


widgets.explore(
    leaking,
    name="leak",
    temperature=taus(),
    negatives=marked(NEGATIVES, 10_000),
    leaked=widgets.switch("other classes only", True),
)

# %% [markdown]
# In numbers, at your parameters, for 100 classes of 100 pictures:

# %% tags=["nbval-check-output", "name:leak"]
for told in (False, True):
    pays = figures.crd_bounds.class_only(NEGATIVES, 100, TEMPERATURE, log_mean, 10_000, leaked=told)
    drawn = "other classes" if told else "anybody else"
    print(f"negatives from {drawn}: a student that knows only the class pays {pays:.2f}")
print(f"one that knows each picture: {least:.2f}")

# %% [markdown]
# **Explain.** With the labels in the draw, knowing the class is *all there is to know*: such a student pays as little as one that tells every picture apart, or a trifle less (a hundred arrows can stand further apart than ten thousand). CRD has become a supervised contrastive loss. Without them
# it pays for every negative of its own class, and has to learn what the teacher sees inside a class: the paper's claim.
#
# So is "labels + CRD" against "labels + KD" a comparison of two ways to use a teacher, or of two ways to use labels? Both were run,
# {{record:lab05-controls.by_label.wrn_16_2-convnet/crd-filled.test_accuracy.n}} seeds, all else equal: with negatives from anybody, {{record:lab05-controls.by_label.wrn_16_2-convnet/crd-unlabelled.difference.mean|+.1p}} points of test accuracy ({{record:lab05-controls.by_label.wrn_16_2-convnet/crd-unlabelled.difference.low|+.1p}} to {{record:lab05-controls.by_label.wrn_16_2-convnet/crd-unlabelled.difference.high|+.1p}}).
# No difference is shown: the leak did not pay here. With 100 classes it concerns one negative in a hundred; with ten it would be one in ten. <!-- theory -->
#
# ### Paper, code, and this lab
#
# | question | the paper | its code | here |
# |---|---|---|---|
# | $\tau$ | quoted with 0.1 on CIFAR-100 | 0.07 | 0.07, a slider <!-- published --> |
# | $Z$ | not in $h$ | $n$ times the first batch's mean score | that, or two of ours: a running mean, the exact sum |
# | negatives | any other picture | pictures of other classes | a switch |
# | banks at first | nothing said that we could read | noise | what both networks say, or noise |
# | the own pair | both networks now | the bank's slot | the slot |
# | sides | one classifier | two, added | two, added |
# | CRD + KD | not spelled out | labels + $\beta$ CRD + KD, $\beta = 0.8$ | the same <!-- published --> |
#
# What the paper says of the last column but one we could read only in quotations; the code we could read.

# %% [markdown]
# ## 7. What the paper reports, what we measured, what you got
#
# Published, for CIFAR-100, resnet32x4 to resnet8x4, the authors' own table, last epoch (labels alone 72.50 %): <!-- published -->
#
# | method | published, % | source <!-- published --> |
# |---|---|---|
# | KD | 73.33 | the authors' repository <!-- published --> |
# | CRD | 75.51 | the authors' repository <!-- published --> |
# | CRD + KD | 75.46 | a later repository that quotes it <!-- published --> |
# | CKD | not available to us | |
#
# No spread is given with them. "Measured" is our standard bench: 10,000 pictures, 12 epochs, the same recipe for every method, published weights, untuned, <!-- theory -->
# and $K = 256$ where the published number has 16,384. <!-- published -->


# %%
lab05 = training.reference("lab05")
published = {"labels only": "72.50", "KD": "73.33", "CRD, noise first": "75.51"}  # CIFAR-100
table = {
    "labels only": "cross-entropy", "KD": "kd", "CKD": "ckd", "CKD + KD": "ckd + kd",
    "CRD, noise first": "crd", "CRD": "crd-filled", "CRD, exact Z": "crd-exact",
    "CRD + KD": "crd-filled + kd",
}  # fmt: skip
print(f"{'':18}{'published':>15}{'wrn_16_2-convnet':>18}{'resnet56-resnet8':>18}{'you':>7}")
for name, label in table.items():
    cells = ""
    for pair in ("wrn_16_2-convnet", "resnet56-resnet8"):
        row = lab05["by_label"].get(f"{pair}/{label}")
        cells += f"{training.percent(row['test_accuracy']) if row else 'not run':>18}"
    own = f"{100 * yours[name]['result']['test_accuracy']:.1f}" if name in yours else "-"
    print(f"{name:18}{published.get(name, '-'):>15}{cells}{own:>7}")
print("published: CIFAR-100, resnet32x4-resnet8x4, not comparable with the other columns")
print("measured: Motif-100, % of test images, mean ± std over seeds")
print(f"yours: at {BUDGET}, fewer pictures than the measured columns")

# %%
names = {
    "crd-filled + kd": "CRD + KD", "crd-filled": "CRD", "crd": "CRD, banks of noise at first",
    "ckd + kd": "CKD + KD", "ckd": "CKD", "kd": "KD", "cross-entropy": "labels only",
}  # fmt: skip
first = [row for row in lab05["rows"] if row["pair"] == "wrn_16_2-convnet"]
widgets.show(figures.records.comparison(first, names, baseline="kd"), name="bench")

# %% [markdown]
# **Does CRD beat KD?** CRD with filled banks minus KD is
# {{record:lab05.by_label.wrn_16_2-convnet/crd-filled.difference.mean|+.1p}} points ({{record:lab05.by_label.wrn_16_2-convnet/crd-filled.difference.low|+.1p}} to {{record:lab05.by_label.wrn_16_2-convnet/crd-filled.difference.high|+.1p}}) on the first pair and
# {{record:lab05.by_label.resnet56-resnet8/crd-filled.difference.mean|+.1p}} points ({{record:lab05.by_label.resnet56-resnet8/crd-filled.difference.low|+.1p}} to {{record:lab05.by_label.resnet56-resnet8/crd-filled.difference.high|+.1p}}) on the second
# ({{record:lab05.by_label.wrn_16_2-convnet/crd-filled.test_accuracy.n}} seeds each, paired); CRD + KD minus KD
# {{record:lab05.by_label.wrn_16_2-convnet/crd-filled + kd.difference.mean|+.1p}} points ({{record:lab05.by_label.wrn_16_2-convnet/crd-filled + kd.difference.low|+.1p}} to {{record:lab05.by_label.wrn_16_2-convnet/crd-filled + kd.difference.high|+.1p}}) and
# {{record:lab05.by_label.resnet56-resnet8/crd-filled + kd.difference.mean|+.1p}} points ({{record:lab05.by_label.resnet56-resnet8/crd-filled + kd.difference.low|+.1p}} to {{record:lab05.by_label.resnet56-resnet8/crd-filled + kd.difference.high|+.1p}}). Alone, it is worse than KD on the first pair, and three seeds cannot tell the two
# apart on the second. Added to KD it shows no gain on the first pair; on the second the mean is much higher, and the interval just holds 0. (Against the labels alone CRD gains on both pairs: section 9 has the numbers.)
#
# **And CKD, which keeps nothing?** CRD minus CKD is
# {{record:lab05.by_label.wrn_16_2-convnet/crd-filled over ckd.difference.mean|+.1p}} points ({{record:lab05.by_label.wrn_16_2-convnet/crd-filled over ckd.difference.low|+.1p}} to {{record:lab05.by_label.wrn_16_2-convnet/crd-filled over ckd.difference.high|+.1p}}) and
# {{record:lab05.by_label.resnet56-resnet8/crd-filled over ckd.difference.mean|+.1p}} points ({{record:lab05.by_label.resnet56-resnet8/crd-filled over ckd.difference.low|+.1p}} to {{record:lab05.by_label.resnet56-resnet8/crd-filled over ckd.difference.high|+.1p}}). On the first pair CKD is better, without a bank; on the second no difference is shown.
#
# Only an interval wholly on one side of 0 says that one of the two is better at our budget. What may stand in CRD's way here: 12 visits of a slot in place of 240; <!-- published -->
# a weight tuned for another $K$ (below); and heads that the student does not keep.

# %% [markdown]
# ## 8. Turn the knobs
#
# Temperature and negatives together, each cell trained, one seed, settings compared on *validation* images. Section 3 said that many negatives need a small
# temperature: the threshold $\tau \log K$ must stay well below 1. **Predict** where on this map that line runs. Then look.


# %%
def never_congruent():
    rows = training.reference("lab05-surface")["rows"]
    cell = next(r for r in rows if (r["temperature"], r["negatives"]) == (0.3, 4096))
    return 100 * cell["val_accuracy"]["mean"]


widgets.predict(
    "beyond every cosine",
    "tau = 0.3, 4,096 negatives: no pair can be called congruent. How accurate is the student?",
    never_congruent,
    low=0,
    high=100,
    unit="%",
)

# %%
surface = training.reference("lab05-surface")["rows"]
kd_row = lab05["by_label"]["wrn_16_2-convnet/kd"]


def knobs_measured(temperature, negatives):
    yours = {"temperature": temperature, "negatives": negatives}
    return figures.ckd_records.surface(surface, down="negatives", yours=yours, rival=kd_row)


widgets.explore(
    knobs_measured,
    name="surface",
    temperature=taus(),
    negatives=widgets.negatives(NEGATIVES, KS),
)

# %% tags=["nbval-check-output", "name:thresholds"]
print("threshold at the start's Z; above 1 no pair can be called congruent")
print(f"{'K':>8}" + "".join(f"{f'tau {tau:g}':>10}" for tau in (0.03, 0.07, 0.15, 0.3)))
for k in (1, 16, 256, 4096):
    cuts = [figures.crd.threshold(a, k, 1 / (256 * a * a)) for a in (0.03, 0.07, 0.15, 0.3)]
    print(f"{k:8,}" + "".join(f"{cut:10.2f}" for cut in cuts))

# %% [markdown]
# **Explain.** *Negatives count, up to a point.* One negative gives what the labels give alone, 16 most of the gain, 256 all of it: section 4's "nothing new from there on". (At the published $\tau$, on validation: {{record:lab05-surface.rows.2.val_accuracy.mean|.1p}}, {{record:lab05-surface.rows.1.val_accuracy.mean|.1p}}, {{record:lab05-surface.rows.0.val_accuracy.mean|.1p}} and {{record:lab05-surface.rows.3.val_accuracy.mean|.1p}} % for 1, 16, 256 and 4,096 negatives.)
#
# *The threshold did not matter.* At $\tau = 0.3$ and 4,096 negatives no pair can be called congruent, the loss stays far above its floor at a better $\tau$, and the student learns as well as any. A loss teaches by its slope; how low it can get is another question. <!-- theory -->
#
# *The corner that broke*: a small $\tau$ and many negatives. The pull is $\frac{1}{\tau}$ times as strong and a sum over $K$; at $\beta = 0.8$ and this learning rate the labels were never heard, and the student stayed at chance. Mind that $\beta$ is the same in all cells: a weight that was tuned for 16,384 negatives and 240 epochs does not carry over as it is. <!-- published -->
#
# ### What it costs
#
# The bank holds $2 \cdot n \cdot 128$ numbers, and each step looks up $2 \cdot B \cdot K$ of its rows. Done as the formulas stand, the rows are copied
# together before they are multiplied, [B, K + 1, D]. That copy is most of the price, and it is not needed:

# %% tags=["nbval-check-output", "name:cost"]
for k in (NEGATIVES, 16384, 65536):
    rows_mib = 64 * (k + 1) * 128 * 4 / 2**20
    print(
        f"K = {k:,}: the rows of one side, copied, {rows_mib:,.0f} MiB; scores {rows_mib / 128:.1f}"
    )
print(f"both banks of 50,000 pictures: {2 * 50_000 * 128 * 4 / 2**20:.0f} MiB")

# %% [markdown]
# `labkit bench crd` measures both ways on your machine. On {{record:times.cores}} CPU cores a batch with {{record:speed-crd.negatives|,}} negatives took {{record:speed-crd.plain_ms|.0f}} ms as the formulas stand and {{record:speed-crd.ours_ms|.0f}} ms without the copy,
# with peaks of {{record:speed-crd.plain_mib|,}} and {{record:speed-crd.ours_mib|,}} MiB.

# %% [markdown]
# ## 9. Where it breaks
#
# ### A bank that starts as noise
#
# The code begins with noise in both banks. In the first epoch the own slot of every picture is then a random arrow: the student is asked to agree with it, and to differ from the arrows of other pictures that are written already.
# Nothing about pictures can be learnt from that, but it pulls as hard as any lesson. Set `FILLED` to `False` (or flip the switch in the panel) and watch two things: the *labels'* curve falls more slowly too, for both losses share one network; and the bars of
# section 5 move to the left, own pairs and all: the arrows of the two networks gather in two opposite heaps. They do so with filled banks as well, for a while; with noise it takes longer to leave them.
# The published training has 240 epochs to get over it; ours has 12. <!-- published -->
#
# With all else equal, banks of noise minus filled banks is {{record:lab05-controls.by_label.wrn_16_2-convnet/crd.difference.mean|+.1p}} points ({{record:lab05-controls.by_label.wrn_16_2-convnet/crd.difference.low|+.1p}} to {{record:lab05-controls.by_label.wrn_16_2-convnet/crd.difference.high|+.1p}}) on the first pair. On both pairs,
# filled banks against the labels alone: {{record:lab05.by_label.wrn_16_2-convnet/crd-filled over labels.difference.mean|+.1p}} points ({{record:lab05.by_label.wrn_16_2-convnet/crd-filled over labels.difference.low|+.1p}} to {{record:lab05.by_label.wrn_16_2-convnet/crd-filled over labels.difference.high|+.1p}}) and {{record:lab05.by_label.resnet56-resnet8/crd-filled over labels.difference.mean|+.1p}} points ({{record:lab05.by_label.resnet56-resnet8/crd-filled over labels.difference.low|+.1p}} to {{record:lab05.by_label.resnet56-resnet8/crd-filled over labels.difference.high|+.1p}}); banks of noise against KD: {{record:lab05.by_label.wrn_16_2-convnet/crd.difference.mean|+.1p}} points ({{record:lab05.by_label.wrn_16_2-convnet/crd.difference.low|+.1p}} to {{record:lab05.by_label.wrn_16_2-convnet/crd.difference.high|+.1p}}) and {{record:lab05.by_label.resnet56-resnet8/crd.difference.mean|+.1p}} points ({{record:lab05.by_label.resnet56-resnet8/crd.difference.low|+.1p}} to {{record:lab05.by_label.resnet56-resnet8/crd.difference.high|+.1p}}).
# The published form is not wrong: it is made for another budget. A comparison that takes a method's published settings into a short training compares *that*.
#
# ### A constant that is set once
#
# $Z$ is set by the *first batch*, when both networks' heads know nothing. Then all is trained, and $Z$ stays. Here is what it should have been along the training of section 5:


# %%
def wander(temperature):
    return figures.crd_bank.drift(moments, temperature)


views["drift"] = widgets.explore(wander, name="drift", temperature=taus())
views["drift"]

# %% [markdown]
# (Drag $\tau$ and the constant in use stays where it was: that is just what happens when you move $\tau$ during a training.) At `smoke` you see the first steps only; train longer in the live panel, then drag here.
#
# Is a wrong $Z$ bad? **Predict** what a far too large one makes of the classifier's opinions, and a far too small one; then what becomes of the pull on the anchor's own pair and the push of its negatives.


# %%
def wrong(copy, factor, temperature, negatives):
    made_up = figures.ckd.imitate(s_head, t_head, copy)
    log_mean = figures.crd.first_log_mean(temperature)
    return figures.crd_bounds.wrong_z(made_up, t_head, temperature, negatives, log_mean, factor)


widgets.explore(
    wrong,
    name="wrong",
    copy=widgets.slider("share copied", 0.25, 0, 1, 0.05),
    factor=factors("Z, times"),
    temperature=taus(),
    negatives=widgets.negatives(NEGATIVES, KS),
)

# %% [markdown]
# **Explain.** Too large a $Z$: every pair looks incongruent, the negatives are content and silent, only the pull is left. CRD has become "be like your teacher", without contrast.
# Too small a $Z$: every pair looks congruent, own pairs are content, and all that is left is the push. And look at a copy of one half with $Z$ 100 times too large: the *loss is lower* than with the right one, for the same student. A threshold that happens to fit better is worth more nats than a lesson.
#
# Between the extremes the network can *help itself*: it shifts its cosines until the classifier is right again. That is what NCE promises, and why a frozen constant works at all. A cosine ends at 1, however, and
# $\log Z$ counts in units of $\frac{1}{\tau}$: with a large $\tau$ there is nowhere to go.
#
# Three ways out: a running mean (`ema`), each anchor's own sum over the whole bank (`exact`, one product with the bank: affordable at our $n$), or a $Z$ that is learnt. With the exact sum, $P$ is a true softmax at last, at most 1, so that $h \le \frac{1}{1 + K/n}$.
# Here is one batch through all three: for the first time, and for the hundredth, when its slots have been written. Nothing is trained.

# %% tags=["nbval-check-output", "name:normalisers"]
for kind in ZS:
    torch.manual_seed(0)
    module = losses.CRD(4, 5, n, negatives=K, temperature=tau, dim=6, normaliser=kind).double()
    with torch.no_grad():
        values = [module(s, t, rows[:, 0], rows[:, 1:]).item() for _ in range(100)]
    print(f"{kind:12} at first {values[0]:8.3f} nats, after 100 times {values[-1]:8.3f}")

# %% [markdown]
# The three rulers differ even on the same numbers: never compare losses across them. Accuracy may be compared, and was, as recorded:

# %%
zs = {
    "crd-filled": "Z of the first batch",
    "crd-ema": "Z a running mean",
    "crd-exact": "Z exact, per anchor",
}
z_rows = training.reference("lab05-controls")["rows"]
widgets.show(figures.records.comparison(z_rows, zs, baseline="crd-filled"), name="normalisers")

# %% [markdown]
# Against the first batch's $Z$: a running mean {{record:lab05-controls.by_label.wrn_16_2-convnet/crd-ema.difference.mean|+.1p}} points ({{record:lab05-controls.by_label.wrn_16_2-convnet/crd-ema.difference.low|+.1p}} to {{record:lab05-controls.by_label.wrn_16_2-convnet/crd-ema.difference.high|+.1p}}),
# the exact sum {{record:lab05-controls.by_label.wrn_16_2-convnet/crd-exact.difference.mean|+.1p}} points ({{record:lab05-controls.by_label.wrn_16_2-convnet/crd-exact.difference.low|+.1p}} to {{record:lab05-controls.by_label.wrn_16_2-convnet/crd-exact.difference.high|+.1p}}). Both intervals hold 0: with filled banks, three seeds do not show that $Z$ matters.
#
# One more of this kind: the code keeps $Z$ and the banks outside its checkpoints. A training that is stopped and resumed there begins with noise in the bank, and with a new $Z$, made from a network that is no longer new. In `labkit` both are saved.

# %% [markdown]
# ## 10. Your turn
#
# Replace the `raise` line, run the cell, then run its check. The checks compute the usual wrong
# answers too, so they can often name what went wrong.
#
# ### Exercise 1 - congruent?
#
# Given `cosines` [B, 1 + K] (column 0 the anchors' own pairs), `tau`, `z` and the number of pictures `n`, return $h$ of every pair, [B, 1 + K].


# %% tags=["exercise"]
def my_belief(cosines, tau, z, n):
    # BEGIN SOLUTION
    p = (cosines / tau).exp() / z
    return p / (p + (cosines.shape[1] - 1) / n)
    # END SOLUTION


# %% tags=["check", "nbval-check-output", "name:belief"]
exercises.lab05.belief.check(my_belief)

# %% [markdown]
# <details><summary>Hint</summary>
#
# How many negatives does a row have? One column is not a negative.
#
# </details>

# %% [markdown]
# ### Exercise 2 - the loss of one side
#
# Given `h` [B, 1 + K], return the loss: what an anchor pays on average.


# %% tags=["exercise"]
def my_loss(h):
    # BEGIN SOLUTION
    return -(h[:, 0].log() + (1 - h[:, 1:]).log().sum(1)).mean()
    # END SOLUTION


# %% tags=["check", "nbval-check-output", "name:loss"]
exercises.lab05.loss.check(my_loss)

# %% [markdown]
# <details><summary>Hint</summary>
#
# $K + 1$ questions with yes or no. For column 0 the right answer is yes, for the others no. Over which axis do you sum, over which take the mean?
#
# </details>

# %% [markdown]
# ### Exercise 3 - remember
#
# The batch `index` [B] has just given the arrows `e` [B, D]. Return the `bank` [n, D] as it is afterwards; leave the one you were given alone.


# %% tags=["exercise"]
def my_remember(bank, index, e, momentum):
    # BEGIN SOLUTION
    kept = bank.clone()
    kept[index] = F.normalize(momentum * bank[index] + (1 - momentum) * e, dim=1)
    return kept
    # END SOLUTION


# %% tags=["check", "nbval-check-output", "name:remember"]
exercises.lab05.remember.check(my_remember)

# %% [markdown]
# <details><summary>Hint</summary>
#
# A mixture of two arrows of length 1 is shorter than 1.
#
# </details>

# %% [markdown]
# ### Exercise 4 - the first batch's Z
#
# Given the `cosines` [B, 1 + K] of the first batch, `tau` and `n`, return the one number $Z$ of the code.


# %% tags=["exercise"]
def my_first_z(cosines, tau, n):
    # BEGIN SOLUTION
    return n * (cosines / tau).exp().mean()
    # END SOLUTION


# %% tags=["check", "nbval-check-output", "name:first-z"]
exercises.lab05.first_z.check(my_first_z)

# %% [markdown]
# <details><summary>Hint</summary>
#
# $Z$ stands for a sum over all $n$ pictures. You have $B(K + 1)$ scores of them: what would $n$ typical ones add up to?
#
# </details>

# %% [markdown]
# ## 11. Recap
#
# - CRD asks of a pair of features: same picture, yes or no? One yes and $K$ no for each anchor; a noise-contrastive stand-in for a softmax over all $n$ pictures.
# - It starts above $2[\log(K+1) + K\log(1 + \frac{1}{K})]$, and how low it can get depends on $\tau$, $K$ and $Z$: its height says nothing about a student unless you know the ruler.
# - Negatives buy a gradient with less luck in it; from some hundred on they buy nothing more. The threshold $\tau \log K$ says how low the loss can get, not how well it teaches.
# - A memory bank makes them cheap, and old. What it holds at first matters in a short training, and it sets $Z$.
# - Before you believe a table: which negatives, and who chose them? A label can hide in a loader.
#
# **Words.** *Anchor*: the arrow that is compared. *Congruent pair*: both networks' arrows for one picture. *Head*: the linear layer that makes a feature vector an arrow. *Slot, bank*: where the last arrow of a picture is kept; the table of them. *Staleness*:
# how far a slot is from what the network would say now. *Normaliser $Z$*: what scores are divided by. *NCE*: noise-contrastive estimation.
#
# **Next.** CRD asks of each pair whether it belongs together. Lab 06, WCoRD, asks what it would cost to carry the student's features to the teacher's, all at once.
#
# **References.** Y. Tian, D. Krishnan, P. Isola (2020), *Contrastive Representation Distillation*, ICLR, and its code. <!-- published -->
# M. Gutmann, A. Hyvärinen (2010), *Noise-contrastive estimation*. Z. Wu, Y. Xiong, S. Yu, D. Lin (2018), *Unsupervised Feature Learning via Non-Parametric Instance Discrimination*. K. Zhu et al. (2025), CKD: lab 04.
