# %% [markdown]
# # Lab 01 - Dark knowledge
#
# {{colab_badge}}
#
# **Paper.** G. Hinton, O. Vinyals, J. Dean, *Distilling the Knowledge in a Neural Network* (2015).
#
# **Claim.** A small network learns more from a large network's softened answers than from the
# labels, because the answer's *wrong* classes say which classes resemble each other.
#
# | budget | time on {{record:times.cores}} CPU cores | what you get |
# |---|---|---|
# | `smoke` | {{record:times.lab01.smoke|.0f}} s | everything runs; its accuracies mean nothing yet |
# | `lecture` | {{record:times.lab01.lecture|.0f}} s | the effect itself, one seed |
# | `paper` | a GPU; not timed yet | more images, many more epochs |
#
# **Afterwards you can** write the distillation loss and its gradient from memory, say what the
# temperature does to both, recognise the most common bug in public code, and design the control
# experiments that tell dark knowledge from mere softness.

# %% [markdown]
# ## 1. Set-up
#
# These numbers steer the lab: change one and *Run All*. `TEMPERATURE` and `ALPHA` are also sliders
# later on.

# %% tags=["bootstrap"]

# %% tags=["parameters"]
DATASET = "motif100"  # or "cifar10", "cifar100", or "folder:PATH" with one sub-folder per class
BUDGET = "smoke"  # "smoke", "lecture" or "paper"
TEMPERATURE = 4.0  # T > 0: 1 leaves the teacher's answer as it is, larger softens it
ALPHA = 0.9  # 0..1: the teacher's weight; the labels get 1 - ALPHA
SEED = 0
DEVICE = "auto"  # "auto", "cpu", "cuda" or "mps"
DRIVER = "auto"  # how the training panel runs: "auto", "thread", "tick" or "blocking"

# %%
import torch
import torch.nn.functional as F

from labkit import data, evaluation, exercises, figures, losses, models, training, widgets
from labkit.errors import between, positive, whole

positive("TEMPERATURE", TEMPERATURE)
between("ALPHA", ALPHA, 0, 1)
whole("SEED", SEED, 0)
training.pick_driver(DRIVER)  # a mistake in any of them shows here
STUDENT = "convnet"
budget = training.budget(BUDGET)
device = training.pick_device(DEVICE)
dataset = data.load(DATASET, train=budget.train, val=budget.val, test=budget.test)
names = dataset.class_names

# %% [markdown]
# Motif-100 draws itself: 20 shapes in 5 textures make 100 classes, on noisy backgrounds with
# distractors. Because we draw it, we know how alike two classes truly are, which no photograph
# tells. A teacher for it ships with the lab; for your own images one is trained now.

# %%
if dataset.name == "motif100":
    teacher = models.load_teacher("resnet20")
    truth = data.motif.class_overlap()  # [C, C] how alike two classes are, 1 = the same
else:
    teacher = training.teach("resnet20", dataset, epochs=2 * budget.epochs, device=device)
    truth = None  # nobody knows

teacher_logits = evaluation.predict(teacher, dataset, "val")  # [N, C]
labels = dataset.val.labels
right = evaluation.accuracy(teacher_logits, labels)
print(f"{dataset.classes} classes; the teacher is right on {right:.0%} of unseen images")

# %% [markdown]
# ## 2. A puzzle
#
# Here is the teacher's answer for one image. Nearly all of its probability sits on one class;
# the wrong classes share next to nothing.

# %%
widgets.show(
    figures.kd.puzzle(teacher_logits[0], names, int(labels[0]), dataset.val.images[0]),
    name="puzzle",
)

# %% [markdown]
# Yet when we train a small student on *nothing but* such answers, softened as section 3 shows -
# it never sees a label - it
# reaches {{record:lab01.by_label.kd-only.test_accuracy.mean|.1%}} ± {{record:lab01.by_label.kd-only.test_accuracy.std|.1%}}
# on the test set. The same student trained on the true labels, same batches, same crops, reaches
# {{record:lab01.by_label.cross-entropy.test_accuracy.mean|.1%}} ± {{record:lab01.by_label.cross-entropy.test_accuracy.std|.1%}}
# ({{record:lab01.by_label.kd-only.test_accuracy.n}} seeds each).
#
# The teacher makes mistakes and the labels do not. **How can a worse answer be a better lesson?**
# Note down your guess before you go on.

# %% [markdown]
# ## 3. The idea you can drag
#
# A network ends in one number per class, the *logits* $v_i$. A softmax turns them into
# probabilities, and a **temperature** $T$ divides them first:
#
# $$p_i = \frac{\exp(v_i / T)}{\sum_j \exp(v_j / T)}$$
#
# **Predict:** as $T$ grows from 1 to 10, what happens to the tallest bar? Do all wrong classes
# grow alike? **Then drag**, and try a few images. Classes are ordered by how much they *truly*
# resemble the image's own class: half by having its texture, half by how far the shapes overlap.
# The teacher was never told that order.

# %%
widgets.predict(
    "tallest bar",
    "The teacher's answer for the puzzle's picture, at T = 10: how tall is its tallest bar?",
    lambda: 100 * (teacher_logits[0] / 10).softmax(0).max(),
    low=0,
    high=100,
    unit="%",
)


# %%
def soften(image, temperature, axis):
    label = int(labels[image])
    return figures.kd.softened(
        teacher_logits[image],
        names,
        label,
        temperature,
        nearness=None if truth is None else truth[label],
        log_axis=axis == "log",
        picture=dataset.val.images[image],
    )


widgets.explore(
    soften,
    name="soften",
    temperature=widgets.temperature(TEMPERATURE),
    image=widgets.slider("image", 0, 0, 49, 1),
    axis=widgets.choice("probability axis", "linear", ["linear", "log"]),
)

# %% [markdown]
# **Explain.** The softmax turns *differences* of logits into *ratios* of probabilities, and
# dividing by $T$ takes the $T$-th root of every ratio: small probabilities rise most, in the
# order the logits already had. Nothing new is put in; what was too small to see becomes
# readable. That is the *dark knowledge*: a striped disc is more like a striped ellipse than
# like a dotted arrow. On the log axis you can see that it was there at $T = 1$ as well.
#
# Some tall grey bars are no accident either: the teacher often takes the right shape with another
# texture for likely, which our order puts further out. As $T$ grows the smallest ones catch up, so
# the share of the nearest falls towards an even spread even while they become readable.
#
# Is the teacher's idea of likeness any good? Average its softened answers over all images of
# each shape, and compare with how much the shapes truly overlap:


# %%
def alike(temperature):
    p = evaluation.class_similarity(teacher_logits, labels, temperature=temperature)  # [C, C]
    if truth is None:
        return figures.kd.similarity(p, names, temperature)
    by_shape = evaluation.group_similarity(p, dataset.coarse)  # [20, 20]
    return figures.kd.similarity(
        by_shape, dataset.coarse_names, temperature,
        truth=data.motif.shape_overlap(), source="the overlap of shapes",
    )  # fmt: skip


widgets.explore(alike, name="alike", temperature=widgets.temperature(TEMPERATURE))

# %% [markdown]
# The sentence below the figure gives the agreement as a rank correlation: well above chance and
# far from perfect. Overlap counts shared *area*; the teacher has its own idea of likeness. Look
# at the rows of the stars and of the ring: which shapes share corners, or a hole, with them?
#
# **Drag T.** The contrast fades and the agreement sinks slowly: for one image the order never
# changes, but an average over images is ruled by the few confident mistakes at low $T$ and by the
# logits of all images at high $T$.

# %% [markdown]
# ### What people confuse
#
# For CIFAR-10's test photographs there is another truth: some fifty people named each one
# (CIFAR-10H, Peterson et al. 2019), and where they disagree the classes are alike to *people*. <!-- published -->
# With `DATASET = "cifar10"` this cell holds your teacher (one is trained then) against them. Cats
# and dogs, cars and trucks: does it make the mistakes that people make?
#
# We tried: a ResNet-20 taught with labels only, {{record:lab01-people.train}} images for {{record:lab01-people.epochs}} epochs, is right on
# {{record:lab01-people.test_accuracy.mean|.1%}} ± {{record:lab01-people.test_accuracy.std|.1p}} of the test images, and its mean answers rank the wrong classes
# as people do with a rank correlation of {{record:lab01-people.agreement.mean|.2f}} ± {{record:lab01-people.agreement.std|.2f}} at $T = 1$ ({{record:lab01-people.test_accuracy.n}} seeds;
# {{record:lab01-people.data}}). Nobody told it what people find alike.


# %%
def confused(temperature):
    p = evaluation.class_similarity(test_logits, test_labels, temperature=temperature)
    return figures.kd.similarity(p, names, temperature, truth=people, source="what people say")


if dataset.name == "cifar10":
    test_logits, test_labels = evaluation.predict(teacher, dataset, "test"), dataset.test.labels
    answers = data.human_labels(dataset, "test").clamp_min(1e-9)  # [N, C] shares of people
    people = evaluation.class_similarity(answers.log(), test_labels, temperature=1.0)  # [C, C]
    display(widgets.explore(confused, name="people", temperature=widgets.temperature(1.0)))
else:
    print('Set DATASET = "cifar10" in the parameters cell to compare the teacher with people.')

# %% [markdown]
# ## 4. The equation, executed
#
# The student's logits $z_i$ are softened by the same $T$ into $q_i$. Distillation asks for
# $q \approx p$ by their Kullback-Leibler divergence, times $T^2$:
#
# $$L = T^2 \cdot \frac{1}{B} \sum_{b=1}^{B} \sum_{i=1}^{C} p_{bi} \log \frac{p_{bi}}{q_{bi}}$$
#
# with $B$ examples in the batch and $C$ classes. On three classes you can check every number:

# %% tags=["nbval-check-output", "name:by-hand"]
v = torch.tensor([[5.0, 3.0, -1.0]])  # [B, C] the teacher: disc, ellipse, star
z = torch.tensor([[2.0, 0.0, 1.0]])  # [B, C] the student
for T in (1.0, TEMPERATURE):
    p = (v / T).softmax(dim=1)  # [B, C]
    q = (z / T).softmax(dim=1)  # [B, C]
    loss = T**2 * (p * (p / q).log()).sum(dim=1).mean()
    print(f"T = {T:g}: p = {p[0].numpy().round(3)}, q = {q[0].numpy().round(3)}, L = {loss:.4f}")

# %% [markdown]
# `labkit.losses.kd` computes the same from log-softmax, which stays accurate when a probability
# underflows. The two must agree:

# %% tags=["nbval-check-output", "name:agrees"]
torch.testing.assert_close(losses.kd(z, v, temperature=T), loss)
print(f"losses.kd agrees: {losses.kd(z, v, temperature=T):.4f} nats")

# %% [markdown]
# ### What the student is told
#
# Gradient descent does not see the loss, only its gradient. For one example it is
#
# $$\frac{\partial L}{\partial z_i} = T\,(q_i - p_i)$$
#
# You will derive it in exercise 2. The figure follows it over $T$ for an untrained student and
# splits it into the part on the true class ("be right") and the part on the wrong classes ("and
# this is what it resembles"). **Predict** which part wins at high $T$, then drag. At low $T$
# being right is most of the news to an untrained student; the other part stays when that is learnt.

# %%
student = models.build(STUDENT, dataset.classes, seed=SEED)
student_logits = evaluation.predict(student, dataset, "val")


def gradient(temperature):
    return figures.kd.gradient_sizes(student_logits, teacher_logits, labels, temperature)


widgets.explore(gradient, name="gradient", temperature=widgets.temperature(TEMPERATURE))

# %% [markdown]
# The black curve shows **why the factor $T^2$ is there**: without it the gradient falls off as
# $1/T^2$, so turning the temperature would silently turn the teacher's weight down too. (The
# paper says so in a remark; many programs forget it.)
#
# ### The limit of high temperature
#
# When $T$ is large, $\exp(v/T) \approx 1 + v/T$, and for logits with mean 0 the gradient becomes
# $(z_i - v_i)/C$: the student simply matches logits. Drag $T$ from 4 upwards and watch the cloud fall
# onto the line. The table below it does the same with small random logits, where less $T$ is enough.


# %%
def match(temperature):
    return figures.kd.limit(student_logits, teacher_logits, temperature)


widgets.explore(match, name="limit", temperature=widgets.temperature(TEMPERATURE, high=256.0))

# %% tags=["nbval-check-output", "name:limit"]
draw = {"generator": torch.Generator().manual_seed(0), "dtype": torch.float64}
random_z, random_v = torch.randn(2, 200, 10, **draw)  # [B, C] each
random_z -= random_z.mean(1, keepdim=True)
random_v -= random_v.mean(1, keepdim=True)
line = (random_z - random_v) / 10
for t in (1, 4, 20, 100):
    slope = evaluation.gradient(random_z, random_v, temperature=t)  # [B, C]
    error = (slope - line).norm() / line.norm()
    print(f"T = {t:3}: relative distance from (z - v) / C = {error:.3f}")

# %% [markdown]
# ## 5. Train it
#
# A *method* is a function from two networks' answers to named loss terms. This one is the whole
# of distillation:


# %%
def distil(student, teacher, batch, knobs):
    alpha, T = knobs["alpha"], knobs["temperature"]
    return {
        "labels": (1 - alpha) * F.cross_entropy(student.logits, batch.labels),
        "teacher": alpha * losses.kd(student.logits, teacher.logits, temperature=T),
    }


def begin(control, data=dataset, budget=budget):
    student = models.build(STUDENT, data.classes, seed=SEED)
    return training.fit(
        student, distil, data, teacher=teacher, epochs=budget.epochs, batch_size=budget.batch_size,
        learning_rate=0.3, seed=SEED, control=control, device=device,
        config={"student": STUDENT, "teacher": "resnet20", "method": "kd"},  # names for the record
    )  # fmt: skip


# %% [markdown]
# With $\alpha = 0$ this is ordinary training on labels. Both runs start from the same weights
# and see the same batches and the same crops, so any difference comes from the teacher.

# %%
yours = {}
for name, alpha in (("labels only", 0.0), ("with the teacher", ALPHA)):
    control = training.Control(temperature=TEMPERATURE, alpha=alpha)
    yours[name] = training.run(begin(control), name=name)
    print(f"{name}: {yours[name]['result']['test_accuracy']:.1%} of the test images right")
print(f"(chance is {1 / dataset.classes:.1%}; the smoke budget is too short to leave it)")

# %% [markdown]
# ### Live
#
# The same call, now in your hands, at the `lecture` budget or more. Start it, move the sliders
# while it trains (each move is marked on the curve), stop, resume, start again with other
# settings and compare. The band behind the curve is what recorded runs did. Begin with alpha 0.9, <!-- theory -->
# and compare with alpha 0 afterwards.
#
# **Predict:** stop in the middle and move T. What happens to the loss, and what to the network?
# The plot on the right measures the loss of the same images again: with the sliders as they stand now, and
# with the sliders as they stood at the first start. Which of the two moves? (The answer is below the panel.)

# %%
live = training.budget("lecture" if BUDGET == "smoke" else BUDGET)
live_data = data.load(DATASET, train=live.train, val=live.val, test=live.test)

recorded = training.reference("lab01")["by_label"]["kd"]
label = "{test_accuracy[n]} recorded runs, T = {temperature}, alpha = {alpha}".format(**recorded)
band = {"accuracy": recorded["curve"], "label": label, "run": recorded}

widgets.TrainingPanel(
    "distil",
    lambda control: begin(control, live_data, live),
    knobs={"temperature": widgets.temperature(TEMPERATURE), "alpha": widgets.alpha(ALPHA)},
    driver=DRIVER,
    reference=band if DATASET == "motif100" and live.name == "lecture" else None,
)

# %% [markdown]
# **Explain.** With the run stopped only the loss at the sliders of *now* moves: a temperature changes the ruler, not what
# is measured. That is why losses at two temperatures cannot be compared.
#
# Two things to try: move T from 4 to 16 while it runs, and watch the *loss* jump while the
# accuracy takes no notice (the loss is measured in other units now; the terms are drawn with
# their weights); set alpha to 1 and see a student learn that is never told a label.

# %% [markdown]
# ## 6. Is it really the dark knowledge?
#
# KD changes several things at once: targets are softer, they are less certain on hard images,
# *and* they carry class similarity. Each control below takes one explanation away:
#
# - **shuffled teacher**: each target keeps its confidence, but which wrong class gets which
#   probability is random. If likeness matters, this should lose.
# - **label smoothing** with the same entropy as the teacher's targets: soft, but knows nothing.
#
# The dots are means over seeds; on the right each run is compared with the labels-only run of
# the *same seed*.

# %%
widgets.predict(
    "smoothing",
    "How many points does label smoothing gain over plain labels (below 0: it loses)?",
    lambda: 100 * training.reference("lab01")["by_label"]["smoothing"]["difference"]["mean"],
    low=-30,
    high=30,
    unit="points",
)

# %%
record = training.reference("lab01")
compared = {
    "kd": "distillation (T = 4, alpha = 0.9)",
    "kd-only": "distillation, no labels at all",
    "shuffled": "control: shuffled teacher",
    "smoothing": "control: smoothed labels",
    "cross-entropy": "labels only",
}
widgets.show(
    figures.records.comparison(record["rows"], compared, baseline="cross-entropy"), name="controls"
)

# %% [markdown]
# Distillation gains {{record:lab01.by_label.kd.difference.mean|+.1p}} points over the labels
# ({{record:lab01.by_label.kd.difference.low|+.1p}} to {{record:lab01.by_label.kd.difference.high|+.1p}}, {{record:lab01.by_label.kd.test_accuracy.n}} seeds; the 95 % interval of the paired difference). <!-- theory -->
# The shuffled teacher ends at {{record:lab01.by_label.shuffled.difference.mean|+.1p}}
# ({{record:lab01.by_label.shuffled.difference.low|+.1p}} to {{record:lab01.by_label.shuffled.difference.high|+.1p}}) and smoothing at {{record:lab01.by_label.smoothing.difference.mean|+.1p}}
# ({{record:lab01.by_label.smoothing.difference.low|+.1p}} to {{record:lab01.by_label.smoothing.difference.high|+.1p}}): softness without likeness does not help here, it hurts.
# What teaches is *which* wrong classes are likely.
#
# **Was the baseline treated fairly?** Its learning rate is the best of three on validation
# images ({{record:lab01.by_label.rate-0.1.learning_rate}} gives {{record:lab01.by_label.rate-0.1.val_accuracy.mean|.1%}} ± {{record:lab01.by_label.rate-0.1.val_accuracy.std|.1p}}, {{record:lab01.by_label.cross-entropy.learning_rate}} gives {{record:lab01.by_label.cross-entropy.val_accuracy.mean|.1%}} ± {{record:lab01.by_label.cross-entropy.val_accuracy.std|.1p}},
# {{record:lab01.by_label.rate-0.5.learning_rate}} gives {{record:lab01.by_label.rate-0.5.val_accuracy.mean|.1%}} ± {{record:lab01.by_label.rate-0.5.val_accuracy.std|.1p}}: there one seed of three never learns); distillation took it
# over untuned. But it was short of
# *time*: {{record:lab01.by_label.cross-entropy-long.epochs}} epochs instead of {{record:lab01.by_label.kd.epochs}} bring labels alone to
# {{record:lab01.by_label.cross-entropy-long.test_accuracy.mean|.1%}} ± {{record:lab01.by_label.cross-entropy-long.test_accuracy.std|.1p}}, above the short distillation. Give both the long schedule, and
# distillation reaches {{record:lab01.by_label.kd-long.test_accuracy.mean|.1%}} ± {{record:lab01.by_label.kd-long.test_accuracy.std|.1p}}: {{record:lab01.by_label.kd-long.difference.mean|+.1p}} points from the labels
# ({{record:lab01.by_label.kd-long.difference.low|+.1p}} to {{record:lab01.by_label.kd-long.difference.high|+.1p}}, {{record:lab01.by_label.kd-long.test_accuracy.n}} seeds).
#
# So time replaces part of the teacher, but not all of it: each image of the teacher's says more
# than its label does, and at the long schedule it still does.

# %% [markdown]
# ### A perfect teacher
#
# How soft *should* an answer be? Of a photograph nobody knows. Here we can know: `motif100-exact`
# draws grey mosaics $x$ from {{record:motif100-facts.exact.templates|,}} templates $t$: 100 classes $c$, each in {{record:motif100-facts.exact.states}} states $s$ of
# place, turn and size, all equally likely, plus noise of known strength $\sigma$. Bayes' rule
# then gives the answer exactly, by adding up the templates of each class:
#
# $$p(c \mid x) \propto \sum_s \exp\!\left(-\frac{\lVert x - t_{c,s} \rVert^2}{2\sigma^2}\right)$$
#
# Nobody can know more about a picture than that. Is it honest? Where it says 0.9, it should be right
# on nine pictures of ten:

# %% tags=["nbval-check-output", "name:perfect"]
exact = data.load("motif100-exact", train=budget.train, val=1000, test=budget.test)
posterior = data.motif.bayes_posterior(exact.val.images)  # [N, C]
sure = posterior.amax(1)  # [N]
hit = (posterior.argmax(1) == exact.val.labels).float()  # [N]
for low, high in ((0, 0.6), (0.6, 0.9), (0.9, 1)):
    some = (sure > low) & (sure <= high)
    print(f"between {low} and {high}: {int(some.sum()):3} of 1000 images,", end=" ")
    print(f"sure of {sure[some].mean():.2f}, right on {hit[some].mean():.2f}")

# %% [markdown]
# Beside it stands a ResNet-20 that was *trained* on such mosaics with labels only. **Predict:** is
# it softer than the truth, or too sure? At which $T$ is it nearest? **Then drag**, and try several
# images.

# %%
trained = models.load_teacher("resnet20-exact")
trained_logits = evaluation.predict(trained, exact, "val")  # [N, C]
right = evaluation.accuracy(trained_logits, exact.val.labels)
print(f"the trained teacher is right on {right:.0%}, the posterior on {hit.mean():.0%}")


def beside_truth(image, temperature):
    label = int(exact.val.labels[image])
    return figures.exact.answers(
        trained_logits[image], posterior[image], exact.class_names, label, temperature,
        picture=exact.val.images[image],
    )  # fmt: skip


widgets.explore(
    beside_truth,
    name="perfect",
    image=widgets.slider("image", 0, 0, 99, 1),
    temperature=widgets.temperature(1.0, low=0.125, high=8.0),
)


# %%
def how_soft(temperature):
    return figures.exact.softness(trained_logits, posterior, temperature)


widgets.explore(
    how_soft, name="softness", temperature=widgets.temperature(1.0, low=0.125, high=8.0)
)

# %% [markdown]
# **Explain.** Networks are known for being too sure, and yet this teacher is *softer* than the
# truth at $T = 1$: it sees less in a picture than there is to see, and a temperature near 1 already
# says so. No $T$ brings it to the truth. Temperature repairs how *sure* an answer is, never what is
# missing in it: the distance left at the best $T$ is knowledge.
#
# Now let both teach. The student is told the whole posterior, nothing else ($\alpha = 1$,
# $T = 1$); the images are neither moved nor mirrored, since a moved image has another posterior.

# %%
student = models.build(STUDENT, exact.classes, seed=SEED)
events = training.fit(
    student, distil, exact, teacher=training.bayes_teacher(exact), augment="none",
    epochs=budget.epochs, batch_size=budget.batch_size, learning_rate=0.3, seed=SEED,
    control=training.Control(temperature=1.0, alpha=1.0), device=device,
)  # fmt: skip
result = training.run(events, name="taught by the posterior")["result"]
print(f"{result['test_accuracy']:.1%} right; nobody can exceed {hit.mean():.0%} or so")

# %%
widgets.predict(
    "better teacher",
    "Taught at T = 1: how far is the trained teacher's student ahead of the exact posterior's?",
    lambda: (
        100
        * training.reference("lab01-exact")["by_label"]["trained-or-bayes"]["difference"]["mean"]
    ),
    low=-20,
    high=10,
    unit="points",
)

# %%
perfect = training.reference("lab01-exact")
taught = {
    "bayes": "taught by the exact posterior, T = 1",
    "bayes-4": "taught by the exact posterior, T = 4",
    "trained": "taught by the trained teacher, T = 1",
    "trained-4": "taught by the trained teacher, T = 4",
    "labels": "labels only",
}
widgets.show(figures.records.comparison(perfect["rows"], taught, baseline="labels"), name="taught")

# %% [markdown]
# At $T = 1$ the perfect teacher gains {{record:lab01-exact.by_label.bayes.difference.mean|+.1p}} points over the labels
# ({{record:lab01-exact.by_label.bayes.difference.low|+.1p}} to {{record:lab01-exact.by_label.bayes.difference.high|+.1p}}, {{record:lab01-exact.by_label.bayes.test_accuracy.n}} seeds) and the trained one
# {{record:lab01-exact.by_label.trained.difference.mean|+.1p}} ({{record:lab01-exact.by_label.trained.difference.low|+.1p}} to {{record:lab01-exact.by_label.trained.difference.high|+.1p}}, {{record:lab01-exact.by_label.trained.test_accuracy.n}} seeds). At $T = 4$ they gain
# {{record:lab01-exact.by_label.bayes-4.difference.mean|+.1p}} ({{record:lab01-exact.by_label.bayes-4.difference.low|+.1p}} to {{record:lab01-exact.by_label.bayes-4.difference.high|+.1p}}, {{record:lab01-exact.by_label.bayes-4.test_accuracy.n}} seeds) and
# {{record:lab01-exact.by_label.trained-4.difference.mean|+.1p}} ({{record:lab01-exact.by_label.trained-4.difference.low|+.1p}} to {{record:lab01-exact.by_label.trained-4.difference.high|+.1p}}, {{record:lab01-exact.by_label.trained-4.test_accuracy.n}} seeds).
#
# Two surprises. **The best teacher is not the one who knows most**: at $T = 1$ the trained one,
# wrong almost every other time, brings its student {{record:lab01-exact.by_label.trained-or-bayes.difference.mean|+.1p}} points
# ({{record:lab01-exact.by_label.trained-or-bayes.difference.low|+.1p}} to {{record:lab01-exact.by_label.trained-or-bayes.difference.high|+.1p}}) further than the one that cannot be beaten. And **the best target is not the truth**:
# softened to $T = 4$ the posterior is no longer anybody's probability of anything. A student that
# learns to imitate it is further from the truth ({{record:lab01-exact.by_label.bayes-4.test_loss.mean|.2f}} nats of cross-entropy on test images against
# {{record:lab01-exact.by_label.bayes.test_loss.mean|.2f}}), and right more often. In a short training, readable likeness is worth more than
# exact probability. Nothing here says that this holds for long ones.

# %% [markdown]
# ## 7. What the paper reports, what we measured, what you got
#
# The numbers of Hinton et al. were not available to us. The nearest published figures are the CIFAR-100 benchmark's (RepDistiller, README): other images, other networks,
# 240 epochs. They are **not comparable** with ours except in kind.


# %%
measured = record["by_label"]
print(f"{'':18}{'published*':>14}{'measured**':>16}{'you, ' + BUDGET:>16}")
for name, label, published in (
    ("labels only", "cross-entropy", "69.06"),
    ("with the teacher", "kd", "70.66"),
):
    ours = training.percent(measured[label]["test_accuracy"])
    own = 100 * yours[name]["result"]["test_accuracy"]
    print(f"{name:18}{published:>14}{ours:>16}{own:>16.1f}")
print("*  CIFAR-100, resnet56 to resnet20, mean of the last epoch")
print(f"** Motif-100, resnet20 to {STUDENT}, lecture budget, mean ± std over seeds")

# %% [markdown]
# ## 8. Turn the knobs
#
# Every cell is a setting that was really trained, {{record:lab01.spec.rows.grid.seeds}} seeds each; the frame is the one
# nearest to your parameters. Ask of it: does a wrong T cost more than a wrong alpha?

# %%
grid = [row for row in record["rows"] if row["label"] == "grid"]
widgets.show(
    figures.records.surface(grid, yours={"temperature": TEMPERATURE, "alpha": ALPHA}),
    name="surface",
)

# %% [markdown]
# Read along a row. At $T = 1$ the teacher adds nothing to the labels: its answer *is* nearly a
# label, as the puzzle showed. The gain opens as the wrong classes become readable, is largest at
# moderate $T$, and shrinks again when every class looks alike, sooner the more the student
# depends on the teacher. Up to $T = 4$ the temperature decides and alpha hardly matters; above
# it, both do.
#
# Do not carry these numbers away as constants: this teacher is very sure of itself, and how much
# softening is right depends on that.

# %% [markdown]
# ## 9. Where it breaks
#
# The most common bug in public distillation code is one word. `reduction="mean"` averages over
# the batch *and the classes*, so the loss is too small by exactly $C$:

# %% tags=["nbval-check-output", "name:reduction"]
C = 100
soft_v, soft_z = (torch.randn(2, 8, C, **draw) / 4).softmax(2)  # [B, C] each
parts = soft_v * (soft_v / soft_z).log()  # [B, C]
summed = parts.sum() / len(parts)  # "batchmean"
averaged = parts.mean()  # "mean"
print(f"batchmean / mean = {summed / averaged:.6f}")

# %% [markdown]
# The program runs and the loss falls; torch prints one warning that is easily overlooked. But the teacher is now a hundred times
# too quiet, and since the labels only have weight 1 - alpha the whole gradient is small. With
# alpha = {{record:lab01.by_label.mean-bug.alpha}} the bug reached {{record:lab01.by_label.mean-bug.test_accuracy.mean|.1%}} where the correct loss reached
# {{record:lab01.by_label.kd.test_accuracy.mean|.1%}} and labels alone {{record:lab01.by_label.cross-entropy.test_accuracy.mean|.1%}}. When somebody reports that
# "distillation does not help", look at the reduction first.
#
# The sliders show the weights you asked for beside the weights you get:


# %%
def share(alpha, classes):
    return figures.kd.reduction_bug(alpha, classes)


widgets.explore(
    share,
    name="bug",
    alpha=widgets.alpha(ALPHA),
    classes=widgets.negatives(100, [2, 10, 100, 1000], label="classes C"),
)

# %% [markdown]
# ## 10. Your turn
#
# Replace the `raise` line, run the cell, then run its check. The checks compute the usual wrong
# answers too, so they can often name what went wrong.
#
# ### Exercise 1 - the loss
#
# Given logits `z` (student) and `v` (teacher), both [B, C], return $T^2\,\mathrm{KL}(p\,\|\,q)$,
# averaged over the batch.


# %% tags=["exercise"]
def my_kd(z, v, T):
    # BEGIN SOLUTION
    log_q = F.log_softmax(z / T, dim=1)  # [B, C]
    log_p = F.log_softmax(v / T, dim=1)  # [B, C]
    return T**2 * F.kl_div(log_q, log_p, reduction="batchmean", log_target=True)
    # END SOLUTION


# %% tags=["check", "nbval-check-output", "name:kd"]
exercises.lab01.kd.check(my_kd)

# %% [markdown]
# <details><summary>Hint</summary>
#
# `F.kl_div(input, target)` wants the *student's log-probabilities* first and, with
# `log_target=True`, the teacher's log-probabilities second. What does its `reduction` divide by?
#
# </details>

# %% [markdown]
# ### Exercise 2 - the gradient
#
# Return $\partial L / \partial z$, [B, C], for the loss of exercise 1, without autograd.


# %% tags=["exercise"]
def my_gradient(z, v, T):
    # BEGIN SOLUTION
    q = (z / T).softmax(dim=1)  # [B, C]
    p = (v / T).softmax(dim=1)  # [B, C]
    return T * (q - p) / len(z)
    # END SOLUTION


# %% tags=["check", "nbval-check-output", "name:gradient"]
exercises.lab01.gradient.check(my_gradient)

# %% [markdown]
# <details><summary>Hint</summary>
#
# The gradient of cross-entropy with respect to its logits is $q - p$. Here the logits are
# $z / T$: the chain rule brings one $1/T$. And the loss is an average over $B$ examples.
#
# </details>

# %% [markdown]
# ### Exercise 3 - the limit of high temperature
#
# Return the value that $L$ tends to as $T \to \infty$ (a scalar; `T` is passed but not needed).


# %% tags=["exercise"]
def my_limit(z, v, T):
    # BEGIN SOLUTION
    z = z - z.mean(dim=1, keepdim=True)
    v = v - v.mean(dim=1, keepdim=True)
    return ((z - v) ** 2).sum(dim=1).mean() / (2 * z.shape[1])
    # END SOLUTION


# %% tags=["check", "nbval-check-output", "name:limit-check"]
exercises.lab01.limit.check(my_limit)

# %% [markdown]
# <details><summary>Hint</summary>
#
# Integrate the gradient $(z_i - v_i)/C$. Why must the logits be centred first? Add a constant to all
# logits of one example: what happens to its probabilities?
#
# </details>

# %% [markdown]
# ### Exercise 4 - dark knowledge alone
#
# Return the teacher's softened probabilities of the *wrong* classes given that the true class is
# out: [B, C], 0 at the label, each row summing to 1.


# %% tags=["exercise"]
def my_dark(v, labels, T):
    # BEGIN SOLUTION
    p = (v / T).softmax(dim=1)  # [B, C]
    p = p.scatter(1, labels[:, None], 0.0)
    return p / p.sum(dim=1, keepdim=True)
    # END SOLUTION


# %% tags=["check", "nbval-check-output", "name:dark"]
exercises.lab01.dark.check(my_dark)

# %% [markdown]
# <details><summary>Hint</summary>
#
# `p.scatter(1, labels[:, None], 0.0)` writes 0 at each row's label. What is left no longer sums to 1.
#
# </details>

# %% [markdown]
# ## 11. Recap
#
# - A teacher's small probabilities rank the wrong classes by likeness; the temperature makes
#   them readable, $T^2$ keeps their weight when you turn it.
# - The gradient per example is $T(q - p)$; at high $T$ it tends to logit matching, $(z - v)/C$.
# - `reduction="batchmean"`, always. A control that keeps the softness but shuffles the classes
#   tells dark knowledge from regularisation.
#
# **Words.** *Logit*: a class's score before the softmax. *Temperature T*: what the logits are
# divided by. *Dark knowledge*: the information in the probabilities of wrong classes. *Teacher,
# student*: the network that is imitated, and the one that learns. *alpha*: the teacher's weight.
#
# **Next.** Distillation compares the two networks image by image. The later labs *contrast*
# images with each other; lab 02 asks what such a contrast measures, and what it costs.
#
# **References.** G. Hinton, O. Vinyals, J. Dean (2015), *Distilling the Knowledge in a Neural
# Network*. Y. Tian, D. Krishnan, P. Isola (2020), *Contrastive Representation Distillation*,
# and its code base RepDistiller, the source of the published column.
