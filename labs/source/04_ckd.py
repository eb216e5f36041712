# %% [markdown]
# # Lab 04 - CKD: contrast over examples
#
# {{colab_badge}}
#
# **Paper.** Zhu et al., *Contrastive Knowledge Distillation from a Sample-wise Perspective*
# (arXiv 2404.14109; IEEE Transactions on Image Processing, 2025). <!-- published -->
#
# **Claim.** A student need not copy the teacher's answer number by number. It is enough that each of
# its answers is *nearer to the teacher's answer for the same picture than to those for the other
# pictures of the batch*: no memory bank (a store of earlier answers), no extra layers, and, the paper says, no
# temperature to tune.
#
# | budget | time on {{record:times.cores}} CPU cores | what you get |
# |---|---|---|
# | `smoke` | {{record:times.lab04.smoke|.0f}} s | everything runs; its accuracies mean nothing yet |
# | `lecture` | {{record:times.lab04.lecture|.0f}} s | the effect itself, one seed |
# | `paper` | a GPU; not timed yet | more images, many more epochs |
#
# **Afterwards you can** write the loss and its gradient, say between which two numbers it lies for a
# student better than chance and why it is multiplied by 10 to 100, <!-- published -->
# tell what it cannot see, and find three reasons to distrust a table that compares it with KD.

# %% [markdown]
# ## 1. Set-up
#
# These numbers steer the lab: change one and *Run All*. `TEMPERATURE`, `NEGATIVES` and `WEIGHT` are also
# sliders later on.

# %% tags=["bootstrap"]

# %% tags=["parameters"]
DATASET = "motif100"  # or "cifar10", "cifar100", or "folder:PATH" with one sub-folder per class
BUDGET = "smoke"  # "smoke", "lecture" or "paper"
TEMPERATURE = 1.0  # tau > 0: what the cosines are divided by
NEGATIVES = 63  # K, 1 to 63: how many of the other pictures of a batch of 64 are negatives
WEIGHT = 10.0  # beta >= 0: what the CKD term is multiplied by
SEED = 0
DEVICE = "auto"  # "auto", "cpu", "cuda" or "mps"
DRIVER = "auto"  # how the training panel runs: "auto", "thread", "tick" or "blocking"

# %%
import functools
import math

import torch
import torch.nn.functional as F

from labkit import data, evaluation, exercises, figures, losses, models, training, widgets
from labkit.errors import between, positive, whole

positive("TEMPERATURE", TEMPERATURE)
between("WEIGHT", WEIGHT, 0, 1000)
whole("NEGATIVES", NEGATIVES), between("NEGATIVES", NEGATIVES, 1, 63), whole("SEED", SEED, 0)
training.pick_driver(DRIVER)  # a mistake in any of them shows here
STUDENT = "convnet"
budget = training.budget(BUDGET)
device = training.pick_device(DEVICE)
dataset = data.load(DATASET, train=budget.train, val=budget.val, test=budget.test)

# %% [markdown]
# A teacher for Motif-100 ships with the lab (its 100 classes are 20 shapes in 5 textures); for your own <!-- theory -->
# images one is trained now. The student is small and, so far, untrained. Most of this lab looks at one **batch**:
# $B$ pictures that both networks answer. We order it by class, so that neighbours are alike.

# %%
if dataset.name == "motif100":
    teacher = models.load_teacher("wrn_16_2")
else:
    teacher = training.teach("resnet20", dataset, epochs=2 * budget.epochs, device=device)

teacher_logits = evaluation.predict(teacher, dataset, "val")  # [N, C]
student_logits = evaluation.predict(
    models.build(STUDENT, dataset.classes, seed=SEED), dataset, "val"
)
B = min(64, len(teacher_logits))
batch = dataset.val.labels[:B].argsort()  # the first B pictures, in the order of their classes
t, s, labels = teacher_logits[batch], student_logits[batch], dataset.val.labels[batch]
right = evaluation.accuracy(teacher_logits, dataset.val.labels)
print(f"a batch of {B} pictures; the teacher is right on {right:.0%} of unseen ones")

# %% [markdown]
# ## 2. A puzzle
#
# Three losses that may teach a student: the cross-entropy with the labels, KD at $T = 4$ (lab 01), and CKD. The left bar
# of each pair is what an untrained student pays. For the right bar *the teacher imitates itself*: a perfect copy.

# %%
paid = {
    "labels": [F.cross_entropy(x, labels).item() for x in (s, t)],
    "KD, T = 4": [losses.kd(x, t, temperature=4.0).item() for x in (s, t)],
    "CKD, tau = 1": [losses.ckd(x, t, temperature=1.0).item() for x in (s, t)],
}
widgets.show(figures.ckd.puzzle(paid), name="puzzle")

# %% [markdown]
# KD falls to 0, as a distance should. (Its left bar is so large because KD holds a factor $T^2 = 16$.) CKD does
# not: even a perfect copy still pays most of it. **What does it pay for? And how can a loss teach that hardly moves?** Note down your guess.

# %% [markdown]
# ## 3. The idea you can drag
#
# ### Who is who in the batch?
#
# A network answers picture $i$ with $C$ logits, one per class. Take them as an arrow in $C$ dimensions and
# divide it by its length: $t_i$ for the teacher, $s_i$ for the student. The product $t_i \cdot s_j$ is then the **cosine** of the angle between the
# teacher's arrow for picture $i$ and the student's for picture $j$: 1 if they point the same way, -1 if opposite.
#
# All of them make a matrix, [B, B]. On its **diagonal** both networks look at the same picture: the *positives*. All
# else are *negatives*, $K = B - 1$ in each row. CKD asks each teacher row: *which of these B students saw my picture?*
# The answer is a softmax over the row, with the cosines divided by a temperature $\tau$.
#
# To drag before anything is trained, we make a student up: a mixture of the untrained student's arrow and
# the teacher's. **Predict:** with a perfect copy (slider at 1), how much probability does the right
# picture get at $\tau = 1$? **Then drag** the copy, and after that $\tau$.

# %%
widgets.predict(
    "perfect copy",
    f"A copy of the teacher, tau = 1: how much probability has the right one of {B} pictures?",
    lambda: 100 * (F.normalize(t) @ F.normalize(t).T).softmax(1).diagonal().mean(),
    low=0,
    high=100,
    unit="%",
)


# %%
def who(copy, temperature, negatives):
    made_up = figures.ckd.imitate(s, t, copy)
    drawn = {} if negatives >= B - 1 else {"negatives": negatives}
    kept = losses.ckd_pairs(B, **drawn, generator=torch.Generator().manual_seed(SEED))
    return figures.ckd.matrix(made_up, t, temperature, kept)


K = min(NEGATIVES, B - 1)
COUNTS = [k for k in (1, 3, 7, 15, 31, 63) if k <= B - 1]
widgets.explore(
    who,
    name="who",
    copy=widgets.slider("share copied", 0.5, 0, 1, 0.05),
    temperature=widgets.temperature(TEMPERATURE, low=0.0625, high=8.0, label="temperature tau"),
    negatives=widgets.negatives(K, COUNTS),
)

# %% [markdown]
# **Explain.** A cosine is at most 1, so at $\tau = 1$ no score is more than $e^2$ times another one: even a perfect copy
# gets a few per cent of its row. The softmax *cannot* be sure, the loss stays high, and that is the puzzle's right bar.
# A small $\tau$ lets it be sure. **Fewer negatives** make the question easier: the loss falls, and nobody has learnt anything.
#
# The blocks along the diagonal are pictures of like classes: to the teacher nearly one arrow, to CKD negatives all the same (section 9).

# %% [markdown]
# ### Two wishes in one loss
#
# The paper splits the loss into an *intra-sample* part (both networks on one picture) and an *inter-sample* part
# (across pictures). Written out for one row $i$, and shifted by $1/\tau$ so that the first part is 0 for a copy (the
# second may then fall below 0; only the sum is a loss):
#
# $$\underbrace{\frac{1 - t_i \cdot s_i}{\tau}}_{\text{intra: agree with my teacher}} +
# \underbrace{\log \sum_j \exp\frac{t_i \cdot s_j - 1}{\tau}}_{\text{inter: let nobody else look like him}}$$
#
# **Predict** what each of the two does while the student becomes a copy, at $\tau = 1$ and at $\tau = 0.1$. Then drag. <!-- theory -->


# %%
def wishes(copy, temperature):
    return figures.ckd.terms(s, t, copy, temperature)


widgets.explore(
    wishes,
    name="wishes",
    copy=widgets.slider("share copied", 0.5, 0, 1, 0.05),
    temperature=widgets.temperature(TEMPERATURE, low=0.0625, high=8.0, label="temperature tau"),
)

# %% [markdown]
# **Explain.** The solid blue line is a plain distance, 0 for a copy. The dashed line *rises* on the way: a student that points where the
# teachers point is also nearer to the wrong ones. What a copy pays is the dashed part only: how near the
# *teacher's* arrows are to each other.
#
# **Predict:** is a copy the best student that CKD can have? We start from one and let its arrows move freely, downhill:


# %%
def freely(temperature, steps=300):
    free = F.normalize(t).requires_grad_()  # [B, C] logits of no network
    downhill = torch.optim.Adam([free], lr=0.003)
    for _ in range(steps):
        downhill.zero_grad()
        losses.ckd(free, t, temperature=temperature).backward()
        downhill.step()
    return free.detach()


for tau in (1.0, 0.1):
    found = freely(tau)
    a_copy, less = (losses.ckd(x, t, temperature=tau).item() for x in (t, found))
    near = F.cosine_similarity(found, t).mean()
    print(f"tau = {tau:g}: a copy pays {a_copy:.3f} nats, what we found {less:.3f} nats")
    print(f"           (cosine to its own teacher, on average: {near:.2f})")

# %% [markdown]
# **Explain.** A student gets a little lower by leaning away from its neighbours, so CKD does not ask for an exact copy. But at $\tau = 1$
# most of the loss stays, whatever the student does.
#
# Contrastive learning without a teacher collapses when the second wish is taken away: all arrows become equal. Here
# they cannot, the teacher's arrows stand still. So is the second wish needed? Section 6 measures it.

# %% [markdown]
# ## 4. The equation, executed
#
# $$L = -\frac{1}{B} \sum_i \log \frac{\exp(t_i \cdot s_i / \tau)}{\sum_j \exp(t_i \cdot s_j / \tau)}$$
#
# With the matrix of scores in hand this is an ordinary cross-entropy whose "class" is the picture's own
# number. The paper's code is as short:

# %% tags=["nbval-check-output", "name:by-hand"]
draw = {"generator": torch.Generator().manual_seed(0), "dtype": torch.float64}
z = 2 * torch.randn(16, 10, **draw)  # [B, C] the student's logits
v = 3 * torch.randn(16, 10, **draw)  # [B, C] the teacher's

unit_z = z / z.norm(dim=1, keepdim=True)  # [B, C] arrows of length 1
unit_v = v / v.norm(dim=1, keepdim=True)
scores = unit_v @ unit_z.T / TEMPERATURE  # [B, B] row i: teacher i, column j: student j
own = torch.arange(len(z))  # [B] the right answer of row i is column i
loss = F.cross_entropy(scores, own)
print(f"tau = {TEMPERATURE:g}, 15 negatives: L = {loss:.4f} nats, at chance {math.log(16):.4f}")

# %% [markdown]
# `labkit.losses.ckd` must agree; it also takes fewer negatives:

# %% tags=["nbval-check-output", "name:agrees"]
torch.testing.assert_close(losses.ckd(z, v, temperature=TEMPERATURE), loss)
lots = torch.Generator().manual_seed(0)
sampled = losses.ckd(z, v, temperature=TEMPERATURE, negatives=3, generator=lots)
print(f"losses.ckd agrees: {loss:.4f} nats; with 3 negatives a row it says {sampled:.4f}")

# %% [markdown]
# ### The band
#
# If all cosines are equal, every student is as likely as another: the loss is $\log(K + 1)$, *chance*. That is no ceiling: the
# random answers above pay a little more, and a student that points away from its teachers pays much more. But a student that CKD has taught
# lies below chance, and none lies below a *floor*.
#
# At the floor the positives have cosine 1 and the negatives one as low as possible. But $B$ arrows cannot all be opposite to each
# other. The best they can do is a *simplex* (a triangle, a tetrahedron ...): all cosines equal, and a little below 0. How far below, and what the loss is then,
# you derive in exercise 2. A simplex needs $B - 1$ dimensions: with 10 classes no batch of 64 gets there.
#
# A **mistake** that is easy to make: "the worst loss is $\log(1 + K e^{2/\tau})$, for cosines run from -1 to 1". No batch of three or more gets there: all
# students would have to agree with every teacher but their own. A student that only knows the **class** cannot tell
# $(B - 1)/C$ of its rivals from itself. The figure has all of these, for whole batches, $B = K + 1$.
#
# **Predict:** does the band get wider with $\tau$ or narrower? With more negatives? **Then drag.**


# %%
def below_chance():
    floor, chance = losses.ckd_band(64, temperature=1.0)
    return chance - floor


widgets.predict(
    "band",
    "tau = 1, 63 negatives, chance is log 64 = 4.16 nats: how far below it can CKD get?",
    below_chance,
    low=0,
    high=4,
    unit="nats",
)


# %%
def how_wide(temperature, negatives, classes):
    return figures.ckd_band.band(temperature, negatives, classes)


widgets.explore(
    how_wide,
    name="band",
    temperature=widgets.temperature(TEMPERATURE, low=0.0625, high=8.0, label="temperature tau"),
    negatives=widgets.negatives(NEGATIVES, [1, 3, 7, 15, 31, 63, 127, 255, 511]),
    classes=widgets.negatives(dataset.classes, [2, 5, 10, 20, 100, 1000], label="classes C"),
)

# %% [markdown]
# **Explain.** At $\tau = 1$ with 63 negatives there is 0.99 nats between chance and the floor, at $\tau = 2$ half of it. <!-- theory -->
# Cross-entropy with the labels has all of $\log C$. And to know the class, which the labels teach anyway, is most of the way. More negatives raise both edges together; once $\tau$ is 1 or more, those beyond about 7 hardly widen it. A small $\tau$ opens the band; so "no temperature" is a choice of temperature, and not a neutral one.
#
# ### Why it is multiplied by 10 to 100 <!-- published -->
#
# A narrow band means a small slope. The figure measures how hard each loss pulls at the logits of a student half way
# to the teacher, at weight 1. Its arrows may be short or long: a network that is sure of itself gives long ones.


# %%
def pull(temperature, length):
    halfway = figures.ckd.imitate(s, t, 0.5, length)
    return figures.ckd_band.weights(halfway, t, labels, temperature)


widgets.explore(
    pull,
    name="pull",
    temperature=widgets.temperature(TEMPERATURE, low=0.0625, high=8.0, label="temperature tau"),
    length=widgets.temperature(16.0, low=1.0, high=64.0, label="length of arrows"),
)

# %% [markdown]
# **Explain.** Two things make CKD quiet: a large $\tau$ (the band), and long arrows. The longer an arrow, the less a
# step of given size turns it, and CKD sees only directions. Hence the published weights.
#
# At the very start, with the softmax at chance, dividing $\tau$ by 10 pulls exactly as hard as a weight of 10: one knob in two pieces. Half way <!-- theory -->
# it no longer does. A sharp softmax is content sooner: rows that are right stop pulling, and the rest pull for them. That is what a weight cannot do.
#
# ### What CKD cannot see, and KD can
#
# Multiply all of a student's logits by a number: directions stay, so CKD does not change, and nothing in it tells the student how *sure*
# to be (the labels' term does). Add a constant to all logits of a picture: no probability changes, so KD and the labels do not notice.
# CKD does. **They are each other's mirror image.** Drag both:


# %%
def look(scale, shift):
    return figures.ckd.mirror(figures.ckd.imitate(s, t, 0.5, 16.0), t, scale, shift)


widgets.explore(
    look,
    name="mirror",
    scale=widgets.temperature(1.0, low=0.015625, high=64.0, label="scale"),
    shift=widgets.slider("shift", 0, -20, 20, 1),
)

# %% [markdown]
# ## 5. Train it
#
# The whole method: labels, plus a weight times the matrix. No bank, no projection, no second pass. `ckd_pairs` draws
# the `NEGATIVES` of each row; with 63 of them it takes all.


# %%
def contrast(student, teacher, batch, knobs):
    unit_s = F.normalize(student.logits, dim=1)  # [B, C]
    unit_t = F.normalize(teacher.logits, dim=1)  # [B, C]
    scores = unit_t @ unit_s.T / knobs["temperature"]  # [B, B]
    k = min(NEGATIVES, len(scores) - 1)
    kept = losses.ckd_pairs(len(scores), negatives=k).to(scores.device)  # the diagonal and k more
    own = torch.arange(len(scores), device=scores.device)
    return {
        "labels": F.cross_entropy(student.logits, batch.labels),
        "ckd": knobs["beta"] * F.cross_entropy(scores.masked_fill(~kept, -torch.inf), own),
    }


def begin(method, student, data=dataset, budget=budget, **settings):
    return training.distill(
        student, teacher, method, data, epochs=budget.epochs, batch_size=budget.batch_size,
        learning_rate=0.3, seed=SEED, device=device, **settings,
    )  # fmt: skip


# %% [markdown]
# While it trains, `watched` now and then keeps the student's answers for the batch of section 3.

# %%
moments = []  # (step, the student's logits for the batch)
fixed = next(data.batches(dataset, "val", batch_size=B, order=None, augment=None))


def watched(events, student, pictures=fixed.images, times=60):
    moments.clear()
    moments.append((0, s))
    for event in events:
        if isinstance(event, training.Start):
            every = max(1, event.steps // times)
        if isinstance(event, training.Step) and event.step % every == 0:
            student.eval()
            with torch.no_grad():
                answers = student(pictures.to(device)).logits.float().cpu()
            moments.append((event.step, answers[batch]))
            sharpens.redraw()
        yield event


def sharpening(moment, temperature):
    step, seen = moments[round(moment * (len(moments) - 1))] if moments else (0, s)
    return figures.ckd.matrix(seen, t, temperature, heading=f"The batch after {step} steps")


# %%
sharpens = widgets.explore(
    sharpening,
    name="sharpens",
    moment=widgets.slider("moment", 1.0, 0, 1, 0.05),
    temperature=widgets.temperature(TEMPERATURE, low=0.0625, high=8.0, label="temperature tau"),
)
yours = {}
for name, method, knobs in (
    ("labels only", "cross-entropy", {}),
    ("KD", "kd", {"temperature": 4.0, "alpha": 0.9}),
    ("CKD", contrast, {"temperature": TEMPERATURE, "beta": WEIGHT}),
):
    student = models.build(STUDENT, dataset.classes, seed=SEED)
    events = begin(method, student, knobs=knobs)
    events = watched(events, student) if name == "CKD" else events
    yours[name] = training.run(events, name=name)
    print(f"{name}: {yours[name]['result']['test_accuracy']:.1%} of the test images right")
print(f"(chance is {1 / dataset.classes:.1%}; the smoke budget is too short to leave it)")
sharpens

# %% [markdown]
# The slider goes from before the training to now. At `smoke` the diagonal hardly shows; train longer, here:
#
# ### Live
#
# Press *Start*: the curves grow, and the matrix shown again below them redraws. A whole run is the 12 epochs of the standard bench, even at
# `smoke`: a few minutes on two cores, but two epochs are enough to see something. Moving a knob is felt by the training at its next step.
#
# The third part of the figure measures the loss *on the same pictures*, at your knobs and at the first ones. It is the whole loss,
# labels plus weight times CKD: do not hold it against chance. Three things to try:
#
# - Let it run to the middle and press *Stop*. Move **negatives** from 63 to 3: the loss falls at once, and the matrix stays as it is. Nothing was learnt.
# - Resume with $\tau = 0.1$ and weight 10. Does the diagonal get sharper, or only the softmax?
# - Start again with weight 0: labels alone. How far does the diagonal get *without* being asked for?


# %%
@functools.cache
def bench():
    if BUDGET == "paper":
        return dataset
    return data.load(DATASET, train=10_000, val=1000, test=5000)  # of the recorded runs


def live(control):
    student = models.build(STUDENT, bench().classes, seed=SEED)
    spent = training.budget("lecture" if BUDGET == "smoke" else BUDGET)
    return watched(begin("ckd", student, bench(), spent, control=control), student)


# %%
recorded = training.reference("bench")["by_label"]["wrn_16_2-convnet/ckd"]
band = {"accuracy": recorded["curve"], "label": "recorded CKD runs", "run": recorded}
widgets.TrainingPanel(
    "contrast",
    live,
    knobs={
        "temperature": widgets.temperature(TEMPERATURE, low=0.0625, high=8.0, label="tau"),
        "beta": widgets.slider("weight beta", WEIGHT, 0, max(100, WEIGHT), 1),
        "negatives": widgets.negatives(NEGATIVES, [1, 3, 7, 15, 31, 63]),
    },
    driver=DRIVER,
    reference=band if DATASET == "motif100" and BUDGET != "paper" else None,
)

# %%
sharpens  # the figure from above again: both places show the same

# %% [markdown]
# ## 6. Is it really the contrast?
#
# Each control takes one thing away, all else equal: with one seed, all start from the same student and see the same batches and *crops* (the part of a
# picture that a step shows). So we compare seed by seed, {{record:lab04.by_label.ckd.test_accuracy.n}} seeds, a *paired difference*.
#
# - **no negatives**: only $(1 - t_i \cdot s_i)/\tau$, the intra-sample wish;
# - **same class is no negative**: pictures of the row's own class are left out (this uses labels, which CKD does not);
# - **(s_i, s_j) as negatives**: what a sentence about the paper says, against what its code does (below).

# %%
widgets.predict(
    "no negatives",
    "CKD without its negatives: how many points of accuracy does that gain (below 0: lose)?",
    lambda: 100 * training.reference("lab04")["by_label"]["no-negatives"]["difference"]["mean"],
    low=-15,
    high=5,
    unit="points",
)

# %%
lab04 = training.reference("lab04")
controls = {
    "ckd": "CKD (tau = 1, weight 10)",
    "no-negatives": "control: no negatives",
    "masked": "same class is no negative",
    "student-student": "(s_i, s_j) as negatives",
    "kd": "KD (T = 4, alpha = 0.9)",
}
widgets.show(figures.records.comparison(lab04["rows"], controls, baseline="ckd"), name="controls")


# %% tags=["nbval-check-output", "name:controls"]
measured = training.reference("bench")["by_label"]
for label in ("no-negatives", "masked", "student-student"):
    print(f"{controls[label]:25} minus CKD {training.told(lab04['by_label'][label]['difference'])}")
with_it, without = (
    measured[f"wrn_16_2-convnet/{row}"]["test_accuracy"]["mean"] for row in ("ckd", "cross-entropy")
)
less = lab04["by_label"]["no-negatives"]["difference"]
print(f"CKD gains {100 * (with_it - without):.1f} points over labels alone;", end=" ")
print(f"the negatives' part of it: {-100 * less['high']:+.1f} to {-100 * less['low']:+.1f}")

# %% [markdown]
# In brackets: the interval that holds the true difference with 95 % confidence. <!-- theory -->
# If it holds 0, three seeds cannot tell the two apart. That does not say that they are equal.
#
# **So is it the contrast?** Mostly not, on this bench at $\tau = 1$: most of what CKD gains over the labels is the pull towards the
# teacher's direction. A smaller part may be the negatives' (the last line says how much at most); three seeds find none of it.
#
# ### Paper against code
#
# The text that we could read calls the negatives $(s_i, s_j)$ once: the student's own answers for two pictures. The authors' code has $(t_i, s_j)$. That is
# another loss: it pushes students away from other teachers, not from each other. We follow the code; the published numbers came from it.

# %% tags=["nbval-check-output", "name:readings"]
halfway = figures.ckd.imitate(s, t, 0.5)
for pairs in ("teacher-student", "student-student"):
    pays = [losses.ckd(x, t, temperature=TEMPERATURE, pairs=pairs).item() for x in (halfway, t)]
    print(f"{pairs}: half way {pays[0]:.2f} nats, a perfect copy {pays[1]:.2f}")

# %% [markdown]
# The two agree for a perfect copy only. Trained, the other reading is far lower on average, but its seeds scatter so much that the interval still holds 0.

# %% [markdown]
# ## 7. What the paper reports, what we measured, what you got
#
# The paper's tables were not available to us. "Measured" is our standard bench: 10,000 pictures, 12 epochs, the same recipe for every method, <!-- theory -->
# the published weight 10 and $\tau = 1$, untuned. <!-- published -->


# %%
print(f"{'':14}{'published':>18}{'wrn_16_2-convnet':>18}{'resnet56-resnet8':>18}{'you*':>7}")
for name, row in (
    ("labels only", "cross-entropy"), ("KD", "kd"), ("CKD", "ckd"), ("CKD + KD", "ckd + kd"),
):  # fmt: skip
    pairs = [measured[f"{pair}/{row}"] for pair in ("wrn_16_2-convnet", "resnet56-resnet8")]
    cells = "".join(f"{training.percent(pair['test_accuracy']):>18}" for pair in pairs)
    own = f"{100 * yours[name]['result']['test_accuracy']:.1f}" if name in yours else "-"
    print(f"{name:14}{'not available':>18}{cells}{own:>7}")
print("Motif-100, % of test images, mean ± std over seeds; 10,000 pictures, 12 epochs")
print(f"* one seed, {len(dataset.train.labels):,} pictures, {budget.epochs} epochs")

# %%
first = [row for row in training.reference("bench")["rows"] if row["pair"] == "wrn_16_2-convnet"]
methods = {"ckd + kd": "CKD + KD", "ckd": "CKD", "kd": "KD", "cross-entropy": "labels only"}
widgets.show(figures.records.comparison(first, methods, baseline="kd"), name="bench")

# %% [markdown]
# **Does CKD beat KD?** Alone, or added to it:

# %% tags=["nbval-check-output", "name:beats"]
for pair in ("wrn_16_2-convnet", "resnet56-resnet8"):
    for name, row in (("CKD", "ckd"), ("CKD + KD", "ckd + kd")):
        print(f"{pair}: {name:8} minus KD {training.told(measured[f'{pair}/{row}']['difference'])}")

# %% [markdown]
# Alone it does not, as far as three seeds can tell. Added to KD it does on the first pair: that interval lies wholly above 0. On the second the mean is
# larger, but the interval just holds 0. Two things may be in CKD's way here: a quiet loss needs time, and the training is short; and the weight was tuned on other images.

# %% [markdown]
# ## 8. Turn the knobs
#
# ### "No temperature to tune"
#
# The paper's own configurations have $\tau = 1$ for most pairs and 2 for some, weights 10, 50 and 100. <!-- published -->
# Here each cell was trained, one seed, and is compared on *validation* images, as one would choose. If the claim holds, a row has one colour.

# %%
surface = training.reference("lab04-surface")["rows"]
grid = [row for row in surface if row["label"] == "grid"]
few = [row for row in surface if row["label"] == "few"]
all_of_them = [row | {"negatives": 63} for row in grid if row["beta"] == 10]
kd_row = training.reference("bench")["by_label"]["wrn_16_2-convnet/kd"]


def knobs_measured(temperature, beta):
    yours = {"temperature": temperature, "beta": max(beta, 1e-3)}
    return figures.ckd_records.surface(grid, down="beta", yours=yours, rival=kd_row)


widgets.explore(
    knobs_measured,
    name="surface",
    temperature=widgets.temperature(TEMPERATURE, low=0.0625, high=4.0, label="temperature tau"),
    beta=widgets.slider("weight beta", WEIGHT, 0, max(100, WEIGHT), 1),
)

# %% [markdown]
# **Explain.** At weight 10 the claim nearly holds, from $\tau = 0.5$ to 2. At weight 100 the temperature decides everything.
# Section 4 names a better axis: early in training only $\beta/\tau$ counts.

# %%
widgets.show(figures.ckd_records.ratio(grid), name="ratio")

# %% [markdown]
# Up to a ratio of about 20 the four temperatures make one curve: there temperature *was* tuned, under the name of weight.
# Beyond it they part, and a small $\tau$ bears more: its sharp softmax is content sooner.
#
# ### Fewer negatives
#
# "No large batches": here the row's negatives are drawn from the batch, and everything else stays.

# %%
measured_k = [row for row in [*few, *all_of_them] if row["temperature"] in (0.1, 1)]
widgets.show(
    figures.ckd_records.surface(
        measured_k, down="negatives", yours={"temperature": TEMPERATURE, "negatives": NEGATIVES}
    ),
    name="few",
)

# %% [markdown]
# Seven do nearly as well as all at $\tau = 1$; at $\tau = 0.1$ fewer are clearly worse. A weaker pull does not explain it: a smaller $K$ pulls less, and
# weight 10 is too much there already (the surface above), so less should help. We do not know why it does not (one seed a cell). A suspect, not
# tested: with few negatives, drawn anew at each step, much of the pull is luck.
#
# ### A fair budget
#
# The authors' code trains CKD for 480 epochs with a cosine schedule; the tables it is compared with took 240 epochs with steps. <!-- published -->
# The same unfairness in small: CKD with all its epochs and a cosine, against KD with *half* of them and steps (at a third of the
# learning rate, because steps come without a warm-up). KD minus CKD is then
# {{record:lab04.by_label.kd-short.difference.mean|+.1p}} points ({{record:lab04.by_label.kd-short.difference.low|+.1p}} to {{record:lab04.by_label.kd-short.difference.high|+.1p}}). With the same epochs and schedule it is
# {{record:lab04.by_label.kd.difference.mean|+.1p}} ({{record:lab04.by_label.kd.difference.low|+.1p}} to {{record:lab04.by_label.kd.difference.high|+.1p}}). What lies between
# these two numbers comes from the epochs, the schedule and the learning rate together (nothing here separates them), and not from contrast.

# %% [markdown]
# ### What it saves
#
# Its neighbour CRD (lab 05) keeps a *memory bank*, a short vector (an *embedding*) of every training picture, and fetches thousands of them for each picture of the batch. CKD takes what is in the batch.


# %%
costs = training.reference("lab04-cost")


def price(negatives):
    return figures.ckd_records.cost(costs["rows"], negatives, costs["step_ms"])


widgets.explore(price, name="cost", negatives=widgets.negatives(1024, [64, 256, 1024, 4096, 16384]))

# %% [markdown]
# (Processor time, the best of several.) This saving is real, and it does not depend on any table.

# %% [markdown]
# ## 9. Where it breaks
#
# Every other picture is a rival, one of the same class too. With $C$ equally frequent classes a row of $K$ negatives holds at least one of its own with
# probability $1 - (1 - 1/C)^K$:

# %% tags=["nbval-check-output", "name:collisions"]
for C in (10, 100, 1000):
    hit = 1 - (1 - 1 / C) ** NEGATIVES
    print(f"C = {C:4}: {hit:6.1%} of the rows; {NEGATIVES / C:.2f} such negatives a row")

# %% [markdown]
# Worse, these are the negatives that pull hardest, because the teacher answers them alike. The right part of the figure shows where the push of a row goes, for your teacher. **Predict:** what does a smaller $\tau$ do to the share of the own class?


# %%
def collide(temperature, negatives):
    return figures.ckd_band.collisions(teacher_logits, dataset.val.labels, temperature, negatives)


widgets.explore(
    collide,
    name="collide",
    temperature=widgets.temperature(TEMPERATURE, low=0.0625, high=8.0, label="temperature tau"),
    negatives=widgets.negatives(NEGATIVES, [1, 3, 7, 15, 31, 63, 127, 255, 511]),
)

# %% [markdown]
# **Explain.** At $\tau = 1$ all negatives count nearly alike and a collision in a hundred does little. At $\tau = 0.1$ most of what is pushed is the student's own class: it is told to tell apart
# pictures that the teacher finds equal. What it could learn there is the teacher's *noise*, or, if you are lucky, how two striped discs differ.
# With 10 classes such pairs are ten times as frequent. Section 6 measured what they cost (*same class is no negative*), but at $\tau = 1$, where little is at stake; at $\tau = 0.1$ it was not measured.

# %% [markdown]
# ## 10. Your turn
#
# Replace the `raise` line, run the cell, then run its check. The checks compute the usual wrong
# answers too, so they can often name what went wrong.
#
# ### Exercise 1 - the loss
#
# Given logits `s` (student) and `t` (teacher), both [B, C], return the CKD loss.


# %% tags=["exercise"]
def my_ckd(s, t, tau):
    # BEGIN SOLUTION
    scores = F.normalize(t, dim=1) @ F.normalize(s, dim=1).T / tau  # [B, B]
    return F.cross_entropy(scores, torch.arange(len(s)))
    # END SOLUTION


# %% tags=["check", "nbval-check-output", "name:ckd"]
exercises.lab04.ckd.check(my_ckd)

# %% [markdown]
# <details><summary>Hint</summary>
#
# Whose row is it? The softmax runs along `dim=1`, and each row must belong to one *teacher* answer. `F.cross_entropy(scores, target)` does softmax, logarithm and mean.
#
# </details>

# %% [markdown]
# ### Exercise 2 - the floor
#
# Return the least loss that a batch of `batch` pictures can have, all others being negatives. Section 4 says how the arrows stand; derive their cosine (the hint has the way), then the loss.


# %% tags=["exercise"]
def my_floor(batch, tau):
    # BEGIN SOLUTION
    gap = 1 + 1 / (batch - 1)  # positives at 1, negatives at -1 / (B - 1)
    return math.log(1 + (batch - 1) * math.exp(-gap / tau))
    # END SOLUTION


# %% tags=["check", "nbval-check-output", "name:floor"]
exercises.lab04.floor.check(my_floor)

# %% [markdown]
# <details><summary>Hint</summary>
#
# If $B$ arrows of length 1 have the same cosine $c$ with each other, the square of their sum is $B + B(B - 1)c$. A square is not negative.
#
# </details>

# %% [markdown]
# ### Exercise 3 - no rivals of my own class
#
# Return the CKD loss in which other pictures of the same class are no negatives. `labels` is [B].


# %% tags=["exercise"]
def my_masked(s, t, labels, tau):
    # BEGIN SOLUTION
    scores = F.normalize(t, dim=1) @ F.normalize(s, dim=1).T / tau  # [B, B]
    same = labels[:, None] == labels  # [B, B]
    same = same & ~torch.eye(len(s), dtype=torch.bool)  # the positive stays
    return F.cross_entropy(scores.masked_fill(same, -torch.inf), torch.arange(len(s)))
    # END SOLUTION


# %% tags=["check", "nbval-check-output", "name:masked"]
exercises.lab04.masked.check(my_masked)

# %% [markdown]
# <details><summary>Hint</summary>
#
# A score that must not take part in a softmax is $-\infty$, not 0. Is a picture of its own class?
#
# </details>

# %% [markdown]
# ### Exercise 4 - the gradient
#
# Given the matrix of cosines `m`, [B, B], return the gradient of the loss with respect to it. Write it out; autograd is for comparing.


# %% tags=["exercise"]
def my_gradient(m, tau):
    # BEGIN SOLUTION
    p = (m / tau).softmax(dim=1)  # [B, B]
    return (p - torch.eye(len(m), dtype=m.dtype)) / (tau * len(m))
    # END SOLUTION


# %% tags=["check", "nbval-check-output", "name:gradient"]
exercises.lab04.gradient.check(my_gradient)

# %% [markdown]
# <details><summary>Hint</summary>
#
# For one row this is a cross-entropy with the target "column $i$": softmax minus target. Then the chain rule through $m / \tau$, and the mean over rows.
#
# </details>

# %% [markdown]
# ## 11. Recap
#
# - CKD is a cross-entropy over *pictures*: each teacher answer must find its own student in the batch. It compares directions only.
# - Its band is narrow, from the floor of a simplex to chance, $\log(K + 1)$. That is why it is multiplied by a large weight. Early in training only $\beta/\tau$ counts; later a small $\tau$ does what a weight cannot.
# - A copy of the teacher is not its minimum, and on our bench most of its gain needs no negatives.
# - CKD is blind to scale and sees shifts; KD is blind to shifts and sees scale.
# - Before you believe a table: same epochs? same schedule? was the weight tuned per pair? does the code do what the sentence says?
#
# **Words.** *Cosine*: the product of two arrows of length 1. *Positive, negative*: a pair that belongs together, one that does not. *Intra-sample, inter-sample*: within one picture, across pictures. *Band*: from the least possible
# loss to chance; a student worse than chance lies above. *Collision*: a negative of the row's own class. *Simplex*: points all equally far from each other.
#
# **Next.** CKD contrasts logits within the batch. Lab 05, CRD, contrasts *features*, against thousands of negatives from a memory bank, and pays for it.
#
# **References.** Zhu et al. (2025), *Contrastive Knowledge Distillation from a Sample-wise Perspective*, arXiv 2404.14109, and its code. <!-- published -->
# A. van den Oord, Y. Li, O. Vinyals (2018), *Representation Learning with Contrastive Predictive Coding*. G. Hinton, O. Vinyals, J. Dean (2015), *Distilling the Knowledge in a Neural Network*.
