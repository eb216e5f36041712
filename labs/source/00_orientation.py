# %% [markdown]
# # Lab 00 - Orientation
#
# {{colab_badge}}
#
# **Paper.** None. This lab shows the instruments that all others use.
#
# **Claim.** A set of pictures whose truth is known lets you *check* what a network has learnt,
# instead of believing its accuracy.
#
# | budget | time on {{record:times.cores}} CPU cores | what you get |
# |---|---|---|
# | `smoke` | {{record:times.lab00.smoke|.0f}} s | everything runs; its accuracies mean nothing yet |
# | `lecture` | {{record:times.lab00.lecture|.0f}} s | the effect itself, one seed |
# | `paper` | a GPU; not timed yet | more images, many more epochs |
#
# **Afterwards you can** tell whether your machine is ready, use the pictures and their truth, load
# real ones, start and stop a training, find its record, and catch a network that cheats.

# %% [markdown]
# ## 1. Set-up
#
# Press the double arrow in the toolbar (*Restart the kernel and run all cells*), or run cell by
# cell with Shift+Enter. The numbers in the second code cell steer the lab: change one and run
# again.

# %% tags=["bootstrap"]

# %% tags=["parameters"]
BUDGET = "smoke"  # "smoke", "lecture" or "paper"
DIFFICULTY = 0.3  # 0..1: how much everything but shape and texture varies
BIAS = 0.95  # 0..1: how often the background has the colour that belongs to the shape
SEED = 0
DEVICE = "auto"  # "auto", "cpu", "cuda" or "mps"
DRIVER = "auto"  # how the training panel runs: "auto", "thread", "tick" or "blocking"

# %%
import math

import torch
import torch.nn.functional as F

from labkit import data, evaluation, exercises, figures, models, training, widgets
from labkit.data import captions, motif
from labkit.errors import between, whole

between("DIFFICULTY", DIFFICULTY, 0, 1)
between("BIAS", BIAS, 0, 1)
whole("SEED", SEED, 0)
training.pick_driver(DRIVER)  # a mistake in any of them shows here
budget = training.budget(BUDGET)
device = training.pick_device(DEVICE)

# %% [markdown]
# ### Is the machine ready?
#
# The doctor looks at what is installed, what the machine grants, and what your browser answers.
# A line marked *problem* says what to do about it; *note* can wait.

# %%
widgets.doctor(training.doctor())

# %% [markdown]
# ## 2. A puzzle
#
# Two networks of one kind were trained with one budget, each on {{record:lab00.spec.data.train}} pictures of a set of its own, and asked
# about new pictures of the *same* set. Chance is one in a hundred.
#
# - Network A is right on {{record:lab00.by_label.bias-0.val_accuracy.mean|.1%}} ± {{record:lab00.by_label.bias-0.val_accuracy.std|.1p}} of them.
# - Network B is right on {{record:lab00.by_label.bias-1.val_accuracy.mean|.1%}} ± {{record:lab00.by_label.bias-1.val_accuracy.std|.1p}} ({{record:lab00.by_label.bias-1.val_accuracy.n}} seeds each).
#
# Below are pictures from each set. Move the mouse over one to read what it is. **Which network would you
# rather use, and why is B so much better?** Note down your guess; section 9 has the answer.


# %%
widgets.explore(figures.motif.two_sets, name="sets")

# %% [markdown]
# ## 3. The set that draws itself
#
# **Motif-100** has 100 classes: 20 shapes, each in 5 textures. Nothing is downloaded; a picture
# is computed from a few numbers, its *factors*, and these come from a seed. So we know of every
# picture what is in it, where, and which pixels belong to it.
#
# **Predict:** what will the pictures look like at difficulty 0, and at 1? Which factors move?
# **Then drag.** *object only* shows the mask, the pixels that belong to the shape.


# %%
def tour(difficulty, bias, seed, view, told):
    shown = motif.render(32, difficulty=difficulty, bias=bias, seed=seed)
    own = (shown.factors["background"] == shown.factors["shape"]).sum()
    return figures.motif.gallery(
        shown.images,
        captions.write(shown.factors, told),
        masks=shown.masks if view == "object only" else None,
        title=f"Motif-100 at difficulty {difficulty:.2f}, bias {bias:.2f}, seed {seed}",
        caption=f"{own} of 32 have the background colour that belongs to their shape.",
    )


widgets.explore(
    tour,
    name="tour",
    difficulty=widgets.slider("difficulty", DIFFICULTY, 0.0, 1.0, 0.05),
    bias=widgets.slider("bias", 0.0, 0.0, 1.0, 0.05),
    seed=widgets.slider("seed", SEED, 0, max(20, SEED), 1),
    view=widgets.choice("view", "picture", ["picture", "object only"]),
    told=widgets.choice("caption", "scene", list(captions.LEVELS)),
)

# %% [markdown]
# **Explain.** Difficulty scales every *nuisance* at once: position, rotation, size, the colours'
# shades, uneven light, noise, and distractors, small simple forms that mean nothing. The class
# never changes. Each picture below is *the same one* at growing difficulty, since its random numbers
# depend only on seed and number.


# %%
def ladder(image):
    steps = (0.0, 0.15, 0.3, 0.5, 0.75, 1.0)
    drawn = [motif.render(image + 1, difficulty=d, seed=SEED) for d in steps]
    name = motif.class_name(int(drawn[0].labels[image]))
    return figures.motif.gallery(
        torch.stack([split.images[image] for split in drawn]),
        [f"difficulty {d}" for d in steps],
        columns=6,
        title="One picture at difficulty " + ", ".join(f"{d:g}" for d in steps),
        caption=f"Six times the same {name}.",
        height=200,
    )


widgets.explore(ladder, name="ladder", image=widgets.slider("image", 0, 0, 99, 1))

# %% [markdown]
# The factors are ordinary tensors beside the pictures. Colours are numbers in a palette of 20
# (`motif.COLOURS`); x, y and scale, the radius, are in pixels, x and y from the centre; rotation is in
# degrees; light is the relative gain from border to border, across and down; noise is a standard
# deviation, of 255. Captions are written from them at three levels:

# %% tags=["nbval-check-output", "name:factors"]
first = motif.render(1, difficulty=0.3, seed=0)
for name, values in first.factors.items():
    print(f"{name:12}", *[f"{value:.4g}" for value in values.flatten().tolist()])
for level in captions.LEVELS:
    print(f"{level:12} {captions.write(first.factors, level)[0]}")

# %% [markdown]
# How alike are two classes *truly*? For shapes we take the overlap of their outlines, turned and
# scaled to fit best: the common area divided by the area that either covers (*intersection over
# union*). Labs compare this truth with what a network finds alike.

# %%
widgets.show(
    figures.motif.overlap(motif.shape_overlap(), motif.SHAPES, title="Overlap of shapes"),
    name="overlap",
)

# %% [markdown]
# ## 4. The equation, executed
#
# How much does one thing tell about another? The **entropy** $H$ of a factor $a$ is how uncertain
# it is, and the **mutual information** $I$ how much of that uncertainty $b$ removes:
#
# $$H(a) = -\sum_a p(a) \log p(a) \qquad I(a; b) = \sum_{a, b} p(a, b) \log \frac{p(a, b)}{p(a)\,p(b)}$$
#
# Logarithms are natural, so both are in **nats**. Labs 02 to 07 are about this one quantity.
# Here it can be counted: how much does the background's colour tell about the shape?
#
# Such questions come with a box for your guess from here on: *Lock in* makes it final and shows the answer, and
# `labkit progress` lists your guesses, which stay on this machine.

# %%
widgets.predict(
    "background",
    f"At bias {BIAS:g}, how much of the 3 nats of a shape does the background's colour tell?",
    lambda: evaluation.background_information(BIAS),
    low=0,
    high=3,
    unit="nats",
)

# %% tags=["nbval-check-output", "name:information"]
factors = motif.render(20_000, difficulty=0.0, bias=BIAS, seed=1).factors
shape, ground = factors["shape"], factors["background"]
joint = torch.zeros(20, 20).index_put_((shape, ground), torch.ones(()), accumulate=True)
p = joint / joint.sum()  # [20, 20]
independent = p.sum(1, keepdim=True) * p.sum(0, keepdim=True)
information = torch.where(p > 0, p * (p / independent).log(), 0.0).sum()
print(f"I(shape; background) = {information:.3f} nats; a shape holds {math.log(20):.3f}")

# %% [markdown]
# `labkit.evaluation.mutual_information` counts the same. And because we know how pictures are
# drawn, there is an exact value to hold it against. With $C = 20$ colours, the background is the shape's
# own with probability $u = \beta + (1 - \beta)/C$ at bias $\beta$, and any other with $w = (1 - \beta)/C$, so
#
# $$I = \log C + u \log u + (C - 1)\, w \log w$$

# %% tags=["nbval-check-output", "name:agrees"]
counted = evaluation.mutual_information(shape, ground)
assert abs(counted - information.item()) < 1e-4
exact = evaluation.background_information(BIAS)
print(f"counted {counted:.3f}, exact {exact:.3f} nats")


# %%
def without_bias(pictures=200):
    chance = motif.render(pictures, difficulty=0.0, bias=0.0, seed=2).factors
    return evaluation.mutual_information(chance["shape"], chance["background"])


widgets.predict(
    "coincidence",
    "At bias 0 the background tells nothing of the shape. How many nats do 200 pictures show?",
    without_bias,
    low=0,
    high=3,
    unit="nats",
)


# %%
def leak(bias, pictures):
    some = motif.render(pictures, difficulty=0.0, bias=bias, seed=2).factors
    counted = evaluation.mutual_information(some["shape"], some["background"])
    return figures.motif.leak(bias, counted, pictures)


widgets.explore(
    leak,
    name="leak",
    bias=widgets.slider("bias", BIAS, 0.0, 1.0, 0.05),
    pictures=widgets.negatives(500, [100, 200, 500, 1000, 2000], label="pictures"),
)

# %% [markdown]
# **Set the bias to 0, then drag the number of pictures down.** Counted from few examples the
# information is too high: chance coincidences look like knowledge. Remember this when a later lab
# *estimates* information with a network.

# %% [markdown]
# ## 5. Train it
#
# Training is a generator of events: one after each step. `training.run` takes them to the end.
# The first run sees fair pictures, the second biased ones; weights, order and crops are the same.
# `smoke` stops long before the first can tell anything: `BUDGET = "lecture"` shows both sides.


# %%
def learn(student, teacher, batch, knobs):
    smoothing = knobs["smoothing"]
    loss = F.cross_entropy(student.logits, batch.labels, label_smoothing=smoothing)
    return {"labels": loss}


def begin(control, bias=BIAS, budget=budget):
    pictures = data.load(
        "motif100", train=budget.train, val=budget.val, test=budget.test,
        difficulty=DIFFICULTY, bias=bias,
    )  # fmt: skip
    student = models.build("convnet", pictures.classes, seed=SEED)
    events = training.fit(
        student, learn, pictures, epochs=budget.epochs, batch_size=budget.batch_size,
        learning_rate=0.3, seed=SEED, control=control, device=device,
    )  # fmt: skip
    return events, student


# %%
yours, networks = {}, {}
for bias in (0.0, BIAS):
    events, networks[bias] = begin(training.Control(smoothing=0.0), bias)
    yours[bias] = training.run(events, name=f"bias {bias:g}")
    result = yours[bias]["result"]
    print(f"  {result['val_accuracy']:.1%} on pictures like these", end=", ")
    print(f"{result['test_accuracy']:.1%} on fair ones")

# %% [markdown]
# ### Live: start, stop, resume
#
# The same call in a panel, at the `lecture` budget or more, on pictures with your `BIAS`: the
# accuracy it shows is on pictures *like the training ones*. **Start** it, **Stop** it in the
# middle, **Resume**: nothing is lost. **Step** takes a single step. `smoothing` gives that share of the target to all
# classes alike instead of the true one; **predict** what it does to the loss, and to the accuracy, then move it while
# it runs: the move is marked on the curve. **Start** again keeps the first curve underneath to
# compare with. The kernel stays free: run other cells meanwhile.

# %%
live = training.budget("lecture" if BUDGET == "smoke" else BUDGET)
widgets.TrainingPanel(
    "learn",
    lambda control: begin(control, budget=live)[0],
    knobs={"smoothing": widgets.slider("smoothing", 0.0, 0.0, 0.5, 0.05)},
    driver=DRIVER,
)

# %% [markdown]
# ### Where results go
#
# Every finished training leaves a *record*: settings, versions, hardware, seconds, the curve, the
# result. `training.keep` writes it to the folder `runs` of the course (the variable `LABKIT_RUNS`
# names another). Delete it whenever you like.

# %%
path = training.keep(yours[BIAS], "lab00")
print(f"{path}\nholds: {', '.join(yours[BIAS])}")

# %% [markdown]
# Budgets are the same in every lab: `smoke` shows that all runs, `lecture` shows the effect in
# minutes on a laptop, `paper` is for a GPU. **Conclusions in the text never come from your run but
# from recorded ones**, with several seeds; the text says which.

# %% [markdown]
# ## 6. Real data in three clicks
#
# Choose, press *Load*, look. CIFAR-10 and CIFAR-100 are fetched once (about 140 MB each) and kept; <!-- published -->
# progress, rate and time left are shown, and a transfer that breaks off goes on where it stopped.
# *folder* takes your own images, one folder per class; where no folders are called train, val and
# test, a tenth of each class is held out for either. Without a network, Motif-100 needs nothing. The
# digest names the exact content: equal digests, equal data. The panel only looks: nothing below
# uses what it loads.

# %%
dataset = data.load("motif100", train=budget.train, val=budget.val, test=budget.test)
widgets.data_panel(dataset, driver=DRIVER)

# %% [markdown]
# In other labs the same is one parameter: `DATASET = "cifar10"`, or `"folder:~/pictures"`.

# %% [markdown]
# ## 7. What was measured, what you got
#
# Your two runs beside the recorded ones: {{record:lab00.spec.data.train}} pictures of difficulty 0.3, {{record:lab00.spec.epochs}} epochs, mean ± std
# over {{record:lab00.by_label.bias-0.test_accuracy.n}} seeds. At another budget or difficulty yours are not comparable.

# %%
record = training.reference("lab00")["by_label"]


kinds = {"val_accuracy": "pictures alike", "test_accuracy": "fair pictures"}
print(f"{'trained at':12}{'tested on':16}{'measured':>14}{'you, ' + BUDGET:>14}")
for bias in yours:
    for kind, name in kinds.items():
        row = record.get(f"bias-{bias:g}")
        measured = training.percent(row[kind]) if row else "not recorded"
        own = 100 * yours[bias]["result"][kind]
        print(f"bias {bias:<7g}{name:16}{measured:>14}{own:>14.1f}")

# %% [markdown]
# How hard is the set itself? Trained on {{record:motif100.spec.data.train}} fair pictures for {{record:motif100.spec.epochs}} epochs, test
# accuracy of
#
# | network | test accuracy | seeds |
# |---|---|---|
# | a linear map of the pixels | {{record:motif100.by_label.linear.test_accuracy.mean|.1%}} | {{record:motif100.by_label.linear.test_accuracy.n}} |
# | convnet (our student) | {{record:motif100.by_label.convnet.test_accuracy.mean|.1%}} | {{record:motif100.by_label.convnet.test_accuracy.n}} |
# | ResNet-8 | {{record:motif100.by_label.resnet8.test_accuracy.mean|.1%}} | {{record:motif100.by_label.resnet8.test_accuracy.n}} |
# | ResNet-20 | {{record:motif100.by_label.resnet20.test_accuracy.mean|.1%}} | {{record:motif100.by_label.resnet20.test_accuracy.n}} |
# | ResNet-56 | {{record:motif100.by_label.resnet56.test_accuracy.mean|.1%}} | {{record:motif100.by_label.resnet56.test_accuracy.n}} |
#
# No weighted sum of pixels says anything, a few layers of convolution nearly everything: the set
# separates networks by what they *compute*. More in the data card, `data/cards/motif100.md`.

# %% [markdown]
# ## 8. Turn the knobs
#
# The knob is the bias, and every point is a setting that was really trained. **Predict first:**
# how much of a bias does it take until the network stops looking at shapes?


# %%
def what_is_left():
    half, none = (record[f"bias-{bias}"]["test_accuracy"]["mean"] for bias in ("0.5", "0"))
    return 100 * half / none


widgets.predict(
    "half a bias",
    "Trained at bias 0.5: how much of an unbiased network's accuracy on fair pictures is left?",
    what_is_left,
    low=0,
    high=100,
    unit="%",
)

# %%
widgets.show(figures.motif.shortcut(training.reference("lab00")["rows"]), name="shortcut")

# %% [markdown]
# A bias of 0.1 does no visible harm ({{record:lab00.by_label.bias-0.1.test_accuracy.mean|.1%}} ± {{record:lab00.by_label.bias-0.1.test_accuracy.std|.1p}} on fair pictures), 0.25 costs more than half
# ({{record:lab00.by_label.bias-0.25.test_accuracy.mean|.1%}} ± {{record:lab00.by_label.bias-0.25.test_accuracy.std|.1p}}), and at 0.5 the network has stopped looking at shapes ({{record:lab00.by_label.bias-0.5.test_accuracy.mean|.1%}} ± {{record:lab00.by_label.bias-0.5.test_accuracy.std|.1p}}).
# Watch the other curve: on pictures like the training ones accuracy *dips* at 0.5, where the
# shortcut is taken but right only half the time, and then rises with the bias as if all were well.
#
# ## 9. Where it breaks
#
# Here is the answer to the puzzle. Network B was trained at bias 1: its background *names* the
# shape, and that is far easier to learn than outlines. (What is left is the texture, one of five: who
# only guesses it is right once in five, and B has learnt some of it.) On fair pictures, where the background says
# nothing, B is right on {{record:lab00.by_label.bias-1.test_accuracy.mean|.1%}} ± {{record:lab00.by_label.bias-1.test_accuracy.std|.1p}} of the test pictures, A on
# {{record:lab00.by_label.bias-0.test_accuracy.mean|.1%}} ± {{record:lab00.by_label.bias-0.test_accuracy.std|.1p}}. **Held-out pictures did not warn us: they were
# collected the same careless way.** A shortcut is invisible to any test that shares it.
#
# You can catch it because the factors are known. Show fair pictures to your own two networks, and
# count how often the *shape* they name is the one whose colour the background has. There are 20
# shapes, so chance is 1 in 20. This works even at `smoke`: the shortcut is learnt first.

# %%
fair = data.load("motif100", train=100, val=100, test=1000, difficulty=DIFFICULTY)
behind = fair.test.factors["background"]
for bias, network in networks.items():
    named = evaluation.predict(network, fair, "test").argmax(1) // 5  # [N] shape
    followed = (named == behind).float().mean()
    print(f"trained at bias {bias:g}: {followed:.1%} follow the background")

# %% [markdown]
# ## 10. Your turn
#
# Replace the `raise` line, run the cell, then run its check. The checks compute the usual wrong
# answers too, so they can often name what went wrong.
#
# ### Exercise 1 - entropy
#
# Given counts `n` [cells], return the entropy of their frequencies in nats. Some counts are 0.


# %% tags=["exercise"]
def my_entropy(n):
    # BEGIN SOLUTION
    p = n / n.sum()  # [cells]
    p = p[p > 0]
    return -(p * p.log()).sum()
    # END SOLUTION


# %% tags=["check", "nbval-check-output", "name:entropy"]
exercises.lab00.entropy.check(my_entropy)

# %% [markdown]
# <details><summary>Hint</summary>
#
# $0 \log 0$ is 0 by its limit, but floating point makes it NaN: keep only the cells with a count.
#
# </details>

# %% [markdown]
# ### Exercise 2 - how alike are two masks?
#
# Given two stacks of masks `a` and `b` (bool [N, H, W]), return the intersection over union of
# each pair, [N].


# %% tags=["exercise"]
def my_iou(a, b):
    # BEGIN SOLUTION
    common = (a & b).flatten(1).sum(1)  # [N]
    either = (a | b).flatten(1).sum(1)  # [N]
    return common / either
    # END SOLUTION


# %% tags=["check", "nbval-check-output", "name:iou"]
exercises.lab00.iou.check(my_iou)

# %% [markdown]
# <details><summary>Hint</summary>
#
# `a & b` is true where both are, `a | b` where at least one is. `flatten(1)` keeps the first
# dimension.
#
# </details>

# %% [markdown]
# ### Exercise 3 - mutual information
#
# Given a table of counts `n` [rows, columns] of two factors together, return $I$ in nats. Some counts are 0.


# %% tags=["exercise"]
def my_information(n):
    # BEGIN SOLUTION
    p = n / n.sum()  # [rows, columns]
    independent = p.sum(1, keepdim=True) * p.sum(0, keepdim=True)
    return torch.where(p > 0, p * (p / independent).log(), 0.0).sum()
    # END SOLUTION


# %% tags=["check", "nbval-check-output", "name:mutual-information"]
exercises.lab00.mutual_information.check(my_information)

# %% [markdown]
# <details><summary>Hint</summary>
#
# Divide by the sum to get the joint probability. Its sums over columns and over rows are the two
# single ones; `keepdim=True` lets them multiply to a table.
#
# </details>

# %% [markdown]
# ## 11. Recap
#
# - Motif-100 draws itself: factors, masks, captions and class likeness are known, not guessed.
# - Mutual information, in nats, is how much one thing tells of another; counted from few examples
#   it comes out too high.
# - A network learns whatever is easiest. Held-out accuracy cannot see a shortcut that the
#   held-out pictures share; known factors can.
# - `smoke` proves that it runs; conclusions come from recorded runs with seeds and spread.
#
# **Words.** *Factor*: a number a picture was drawn from. *Nuisance*: a factor that does not decide
# the class. *Mask*: the pixels of the object. *Bias*: here, how often background and shape go together. *Nat*: the unit of
# information with the natural logarithm. *Record*: what a training leaves behind.
#
# **Next.** [Lab 01 - Dark knowledge](01_dark_knowledge.ipynb): a small network learns more from a
# large one's answers than from the labels.
#
# **References.** Motif-100 is described in `data/cards/motif100.md`, CIFAR in `data/cards/cifar.md`.
