# %% [markdown]
# # Lab 08 - The bake-off
#
# {{colab_badge}}
#
# **Papers.** Those of labs 01 and 04 to 07, and four more methods that every table has: DKD (arXiv 2203.08679), DIST (arXiv 2205.10536), RKD (arXiv 1904.05068), AT (arXiv 1612.03928). How to compare: Demšar (2006), *Statistical Comparisons of Classifiers over Multiple Data Sets*. <!-- published -->
#
# **Question.** Which method, at which cost, for which pair of networks? And before that: *when may one say that a method is better?* A table with one number per method does not answer it, and most tables are of that kind.
#
# **What is whose.** Every run here was made by one program: same pictures, same recipe, same first weights for the same seed, {{record:bakeoff.by_label.wrn_16_2-convnet/kd.test_accuracy.n}} seeds, last epoch. KD, CKD and CRD have their published weights. For WCoRD, MIMKD, DKD, DIST, RKD and AT the weights were chosen here, on validation pictures of the first pair with seed 0; that run is on the board, too, and flatters them a little.
#
# | budget | time on {{record:times.cores}} CPU cores | what you get |
# |---|---|---|
# | `smoke` | {{record:times.lab08.smoke|.0f}} s | the whole board; your own runs mean nothing yet |
# | `lecture` | {{record:times.lab08.lecture|.0f}} s | your own method on the board, one seed |
# | `paper` | a GPU; not timed yet | more images, many more epochs |
#
# **Afterwards you can** compare two methods by their differences, say how many seeds a difference needs, keep many comparisons honest, read a published table for what may be compared in it, and put a method of your own on a fair board.

# %% [markdown]
# ## 1. Set-up
#
# These numbers steer the lab: change one and *Run All*. They belong to the method that *you* will add in section 5; the board is recorded.

# %% tags=["bootstrap"]

# %% tags=["parameters"]
DATASET = "motif100"  # or "cifar10", "cifar100", or "folder:PATH" with one sub-folder per class
BUDGET = "smoke"  # "smoke", "lecture" or "paper"
PAIR = "wrn_16_2-convnet"  # or "resnet56-resnet8": teacher and student
TEMPERATURE = 0.1  # tau > 0: of your own method
NEGATIVES = 63  # K, 1..63: other pictures that your own method looks at
BETA = 1.0  # >= 0: its weight
SEED = 0
DEVICE = "auto"  # "auto", "cpu", "cuda" or "mps"
DRIVER = "auto"  # how the training panel runs: "auto", "thread", "tick" or "blocking"

# %%
import functools
import itertools
import math
import statistics

import torch
import torch.nn.functional as F

from labkit import data, exercises, figures, models, training, widgets
from labkit.errors import between, positive, unknown, whole
from labkit.evaluation import comparison, power
from labkit.training.recipes import rate

PAIRS = ["wrn_16_2-convnet", "resnet56-resnet8"]
if PAIR not in PAIRS:
    raise unknown("PAIR", PAIR, PAIRS)
positive("TEMPERATURE", TEMPERATURE), between("BETA", BETA, 0, 1000), whole("SEED", SEED, 0)
between("NEGATIVES", whole("NEGATIVES", NEGATIVES), 1, 63)
training.pick_driver(DRIVER)  # a mistake in any of them shows here
TEACHER, STUDENT = PAIR.split("-")
budget = training.budget(BUDGET)
device = training.pick_device(DEVICE)
dataset = data.load(DATASET, train=budget.train, val=budget.val, test=budget.test)

# %% [markdown]
# A **run** is one training: a method, a *pair* of networks (teacher-student) and a *seed*, which fixes the student's first weights and the order and crops of the pictures. A pair with a seed is a **block**: within it, all methods had the same start and saw the same pictures.

# %% tags=["nbval-check-output", "name:runs"]
runs = training.reference_runs("bakeoff")
costs = training.reference("bakeoff-cost")["pairs"]
methods = list(dict.fromkeys(run["run"]["label"] for run in runs))
seeds = sorted({run["run"]["seed"] for run in runs})
scores = comparison.scores(runs)  # method -> (pair, seed) -> test accuracy
print(f"{len(runs)} runs: {len(methods)} methods, {len(PAIRS)} pairs, {len(seeds)} seeds")
print(", ".join(methods))

# %% [markdown]
# ## 2. A puzzle
#
# One seed of the first pair, all methods; the right part is what each has above KD. This is what most published tables look like.

# %%
first_seed = comparison.select(runs, pair=PAIRS[0], seed=0)
widgets.show(
    figures.bakeoff.board(first_seed, baseline="kd", sort="accuracy"),
    name="puzzle",
)

# %% [markdown]
# **Which method would you use? And for how many of the rows below it would you bet that it is really better?** Note down both before you go on.

# %% [markdown]
# ## 3. The idea you can drag
#
# ### Another seed
#
# The same table for other seeds. Nothing was changed but the dice. **Predict:** does the same method win? Then move *first seed*; then take more seeds together, and watch the intervals.


# %%
def more(pair, first, count, sort):
    kept = comparison.select(runs, pair=pair, seed=range(first, min(first + count, len(seeds))))
    return figures.bakeoff.board(kept, baseline="kd", sort=sort)


widgets.explore(
    more,
    name="seeds",
    pair=widgets.choice("pair", PAIRS[0], PAIRS),
    first=widgets.slider("first seed", 1, 0, len(seeds) - 1, 1),
    count=widgets.slider("how many seeds", 1, 1, len(seeds), 1),
    sort=widgets.choice("sort by", "accuracy", ["accuracy", "gain", "name"]),
)

# %% tags=["nbval-check-output", "name:winners"]
for pair in PAIRS:
    here = comparison.only(scores, pair)
    best = [max(here, key=lambda m: here[m].get((pair, seed), 0.0)) for seed in seeds]
    print(f"{pair}: the winner, seed by seed: {', '.join(best)}")

# %% [markdown]
# **Explain.** A run's accuracy is a draw. With two seeds an interval of 95 % is enormous, because two numbers hardly tell how far apart such numbers are; from three to five it shrinks quickly. A filled marker means that the difference from KD is *shown*, for all rows of the pair together (section 4 says how). <!-- theory -->
#
# ### Seed by seed
#
# Two methods with the same seed had the same start and the same pictures. If a lucky seed is lucky for both, their *difference* is steadier than either. **Predict:** is it always so? Choose two methods; the lines on the left would be parallel if the seed explained everything.


# %%
def by_seed(pair, first, second):
    return figures.bakeoff_paired.paired(comparison.only(scores, pair), first, second)


widgets.explore(
    by_seed,
    name="paired",
    pair=widgets.choice("pair", PAIRS[0], PAIRS),
    first=widgets.choice("method", "crd + kd", methods),
    second=widgets.choice("minus", "kd", methods),
)

# %% tags=["nbval-check-output", "name:pairing"]
for pair in PAIRS:
    here = comparison.only(scores, pair)
    lists = [[here[m][pair, seed] for seed in seeds] for m in methods]
    common = [statistics.correlation(a, b) for a, b in itertools.combinations(lists, 2)]
    print(f"{pair}: correlation of two methods over seeds, middle {statistics.median(common):+.2f}")

# %% [markdown]
# **Explain.** Pairing is honest in any case, but it pays only where runs of one seed rise and fall together. Where they do not, it costs a little: $n$ differences tell their spread less well than $2n$ numbers do. And where five seeds happen to fall against each other, as in the first picture, the paired interval is much wider; that may be luck, and is no reason to change the test afterwards. The numbers above say how much there is to gain here.
#
# ### How many seeds does it take?
#
# **Predict:** a method is truly one point better, and differences from seed to seed have a standard deviation of one point. How often will five seeds show it? Drag the truth, the spread and the seeds. The dots on the right are experiments that might have been yours.

# %%
widgets.predict(
    "five seeds",
    "Truly one point better, one point of spread: how often do five seeds show the difference?",
    lambda: float(power.powers(1.0, 1.0, 5)) * 100,
    low=0,
    high=100,
    unit="%",
)


# %%
def enough(difference, spread, seeds):
    return figures.bakeoff_power.power(difference, spread, int(seeds))


widgets.explore(
    enough,
    name="power",
    difference=widgets.slider("true difference", 1.0, 0, 5, 0.25),
    spread=widgets.slider("std of differences", 1.0, 0.25, 4, 0.25),
    seeds=widgets.slider("seeds n", 5, 2, 20, 1),
)

# %% [markdown]
# **Explain.** The **power** is how often a true difference is shown. Half a point with a spread of one needs dozens of seeds, and published tables argue about tenths. There is a second trap: of small differences only the lucky draws are shown, so *what is shown is exaggerated*, and now and then even the sign is wrong. "No difference shown" is not "no difference".
#
# ### Many methods at once
#
# Now let all methods be equally good: pure luck. **Predict:** in how many of such bake-offs, with as many methods as ours, is *some* method shown to differ from the baseline? And by how much does the best one seem to be better?

# %%
widgets.predict(
    "pure luck",
    "As many methods as ours, all equally good: how often is some one shown to differ?",
    lambda: 100 * figures.bakeoff_chance.drawn(len(seeds)).single[len(methods) - 2],
    low=0,
    high=100,
    unit="%",
)


# %%
def luck(count, seeds):
    return figures.bakeoff_chance.chance(int(count), int(seeds))


widgets.explore(
    luck,
    name="chance",
    count=widgets.slider("methods", len(methods) - 1, 1, 30, 1),
    seeds=widgets.slider("seeds n", len(seeds), 2, 20, 1),
)

# %% [markdown]
# **Explain.** Where nothing differs, each test is wrong one time in twenty, and with as many methods as ours a false find turns up in about two bake-offs of five. **Holm's correction** keeps the chance of *any* false find at one in twenty at most: the smallest p-value must beat $0.05 / m$, the next $0.05 / (m - 1)$, and so on; stop at the first that does not. And the winner of many is lucky: even where nothing differs, the best one stands above the baseline. More seeds make that smaller; more methods make it larger. <!-- theory -->

# %% [markdown]
# ## 4. The equation, executed
#
# Differences $d_1 \dots d_n$ of two methods, one for each seed, with mean $\bar d$ and standard deviation $s$. If each is normal around the truth, the truth is, with 95 % confidence, within <!-- theory -->
#
# $$\bar d \pm t_{n-1,\,0.975} \frac{s}{\sqrt{n}}$$
#
# where $t$ is the quantile of Student's distribution: 2.78 for five seeds, 12.7 for two. <!-- theory -->

# %% tags=["nbval-check-output", "name:interval"]
from scipy.special import stdtrit

pair, ours, theirs = PAIRS[0], "crd + kd", "kd"
d = [scores[ours][pair, seed] - scores[theirs][pair, seed] for seed in seeds]
n, mean, s = len(d), statistics.fmean(d), statistics.stdev(d)
half = float(stdtrit(n - 1, 0.975)) * s / math.sqrt(n)
print(f"{ours} minus {theirs}: {100 * mean:+.2f} points, ± {100 * half:.2f} (n = {n})")

# %% tags=["nbval-check-output", "name:agrees"]
here = comparison.only(scores, pair)
against_kd = {d.first: d for d in comparison.differences(here, "kd")}
found = against_kd[ours]
torch.testing.assert_close(
    torch.tensor([found.mean, found.high - found.mean]), torch.tensor([mean, half])
)
print(f"comparison.differences agrees; p = {found.p:.3g} alone, {found.adjusted:.3g} by Holm")
print(f"of {len(against_kd)} methods: {found.said}")

# %% [markdown]
# Holm's correction, by hand: sort, multiply by how many are left, never fall below the one before.

# %% tags=["nbval-check-output", "name:holm"]
p = sorted((d.p, name) for name, d in against_kd.items())
adjusted = 0.0
for done, (value, name) in enumerate(p):
    adjusted = max(adjusted, min(1.0, (len(p) - done) * value))
    assert math.isclose(adjusted, against_kd[name].adjusted)
    print(f"{name:14} p = {value:8.2g}, by Holm {adjusted:8.2g}  {against_kd[name].said}")

# %% [markdown]
# ### All at once: ranks
#
# Another way to look at a board: in each block give the best method rank 1, the next 2 and so on, and average. **Friedman's test** asks whether the ranks could be luck altogether; if not, **Nemenyi's critical difference** says how far apart two average ranks must be. Ranks forget how large a difference was, which is what makes them fair across pairs with different accuracies.

# %% tags=["nbval-check-output", "name:ranks"]
blocks = [(pair, seed) for pair in PAIRS for seed in seeds]
table = torch.tensor([[scores[m][block] for m in methods] for block in blocks])  # [blocks, methods]
ranks = (
    1
    + (table[:, :, None] < table[:, None, :]).sum(2)
    + 0.5 * ((table[:, :, None] == table[:, None, :]).sum(2) - 1)
)  # [blocks, methods] ties share their mean rank
average = ranks.double().mean(0)
made = comparison.ranking(scores)
for name, rank in zip(made.methods, made.ranks, strict=True):
    assert math.isclose(rank, average[methods.index(name)], abs_tol=1e-9)
print(
    f"best: {made.methods[0]}, {made.ranks[0]:.2f}; worst: {made.methods[-1]}, {made.ranks[-1]:.2f}"
)
print(f"ranks must be {made.critical:.2f} apart; {made.blocks} blocks; Friedman: p = {made.p:.1g}")

# %% [markdown]
# **Explain.** The ranks are not luck altogether. But the best method and KD, are less than the critical difference apart. Both tests take the ten blocks as independent, and seeds of one pair are not new pairs: this speaks of these two pairs only.

# %% [markdown]
# ## 5. Train it: your own method
#
# Twenty lines are enough to enter the bake-off. Here is a method that is not on the board: the student should agree with the teacher on *who is near whom*. Within a batch, each picture's cosines with $K$ others, over $\tau$, make a softmax: a distribution over neighbours. The loss is the KL divergence from the teacher's to the student's. Change it, or write another one.


# %%
class Mine(torch.nn.Module):
    def neighbours(self, vectors, knobs):
        u = F.normalize(vectors.float())  # [B, D]
        count = min(round(knobs["negatives"]), len(u) - 1)
        place = torch.arange(len(u), device=u.device)
        others = (place[:, None] + torch.arange(1, count + 1, device=u.device)) % len(u)  # [B, K]
        return ((u @ u.T).gather(1, others) / knobs["temperature"]).log_softmax(1)

    def forward(self, student, teacher, batch, knobs):
        ours, theirs = (self.neighbours(f.pooled, knobs) for f in (student, teacher))
        return {
            "labels": F.cross_entropy(student.logits, batch.labels),
            "neighbours": knobs["beta"]
            * F.kl_div(ours, theirs, log_target=True, reduction="batchmean"),
        }


KNOBS = {"beta": BETA, "temperature": TEMPERATURE, "negatives": NEGATIVES}

# %% [markdown]
# Before training, try a loss on made-up vectors. A copy of the teacher must pay nothing, a stranger something; and how many neighbours does a picture have at this temperature, when counted by $e^\text{entropy}$?

# %% tags=["nbval-check-output", "name:mine"]
draw = torch.Generator().manual_seed(0)
stranger, master = (torch.randn(64, 16, generator=draw) for _ in range(2))  # [B, D]
ours, theirs = (Mine().neighbours(v, KNOBS) for v in (stranger, master))  # [B, K]
paid = F.kl_div(ours, theirs, log_target=True, reduction="batchmean")
copied = F.kl_div(theirs, theirs, log_target=True, reduction="batchmean")
counted = (-(theirs.exp() * theirs).sum(1)).exp().mean()
print(f"tau = {TEMPERATURE:g}, K = {NEGATIVES}: a copy pays {copied:.4f}, a stranger {paid:.4f}")
print(f"{counted:.1f} neighbours of {NEGATIVES}")

# %% [markdown]
# To be compared it needs rivals of the *same* block. So three runs, same start, pictures and recipe, at your budget:

# %%
SHIPPED = dataset.name == "motif100"
teacher = (
    models.load_teacher(TEACHER)
    if SHIPPED
    else training.teach(TEACHER, dataset, epochs=2 * budget.epochs, device=device)
)
teacher.to(device)


def begin(method, source=dataset, epochs=budget.epochs, **settings):
    torch.manual_seed(SEED)
    student = models.build(STUDENT, source.classes, seed=SEED)
    return training.distill(
        student, teacher, Mine() if method == "mine" else method, source, epochs=epochs,
        batch_size=budget.batch_size, learning_rate=rate(STUDENT), seed=SEED, device=device,
        **settings,
    )  # fmt: skip


def posted(record, label, pair):
    """A run of yours as the board wants it."""
    return {"run": {"label": label, "pair": pair, "seed": SEED}, "result": record["result"]}


# %%
own = []
for name, settings in (("cross-entropy", {}), ("kd", {}), ("mine", {"knobs": KNOBS})):
    record = training.run(begin(name, **settings), name=name)
    own.append(posted(record, name, f"{PAIR}, {BUDGET}"))
    print(f"{name}: {record['result']['test_accuracy']:.1%} of the test images right")
print(f"(chance is {1 / dataset.classes:.1%}; the smoke budget is too short to leave it)")
widgets.show(figures.bakeoff.board(own, baseline="kd", yours=["mine"]), name="own")

# %% [markdown]
# A block of its own, as its pictures and epochs differ from the board's. The board below takes runs of the full bench only.
#
# ### Live
#
# Press *Start*: the whole run that everybody on the board had, {{record:bakeoff.by_label.wrn_16_2-convnet/kd.epochs}} epochs, some minutes on two cores. Move the knobs while it trains. When it is done, run the cell below the panel: your method stands on the board.


# %%
@functools.cache
def bench():
    return data.load(DATASET, train=10_000, val=1000, test=5000) if SHIPPED else dataset


def live(control):
    epochs = training.budget("lecture" if BUDGET == "smoke" else BUDGET).epochs
    return begin("mine", bench(), epochs, control=control)


recorded = training.reference("bakeoff")["by_label"][f"{PAIR}/kd"]
panel = widgets.TrainingPanel(
    "mine",
    live,
    knobs={
        "beta": widgets.slider("beta", BETA, 0, max(10, BETA), 0.1),
        "temperature": widgets.temperature(TEMPERATURE, low=0.03125, high=8.0, label="tau"),
        "negatives": widgets.negatives(NEGATIVES, [1, 3, 7, 15, 31, 63]),
    },
    driver=DRIVER,
    reference={"accuracy": recorded["curve"], "label": "recorded KD runs", "run": recorded}
    if SHIPPED and BUDGET != "paper"
    else None,
)
panel


# %%
def board(panel, methods=None):
    done = panel.state == "done" and SHIPPED and BUDGET != "paper"
    mine = [posted(panel.result(), "mine", PAIR)] if done else []
    kept = [*comparison.select(runs, pair=PAIR, label=methods), *mine]
    return figures.bakeoff.board(kept, baseline="kd", yours=["mine"], ms=costs[PAIR]["ms"])


widgets.show(board(panel), name="entered")

# %% [markdown]
# One seed of yours can be compared with their run of the same seed, and with nothing else: the board says so. For more, change `SEED` and collect.

# %% [markdown]
# ## 6. Is it the method, or what it costs?
#
# In the time that a dear method takes, a cheap one could train longer. Accuracy over the *extra milliseconds* of a step, beyond those on labels alone; the teacher's own pass is in them. The line joins the methods, ringed, that no other beats in both. **Predict** for the two pairs: is the best one expensive?


# %%
FAMILIES = {
    "all": methods,
    "alone": [m for m in methods if not m.endswith("+ kd")],
    "with KD": ["kd", *(m for m in methods if m.endswith("+ kd"))],
    "no contrast": [m for m in ("cross-entropy", "kd", "dkd", "dist", "rkd", "at") if m in methods],
}


def worth(which):
    kept = {m: scores[m] for m in FAMILIES[which]}
    return figures.bakeoff_cost.cost(kept, {pair: costs[pair]["ms"] for pair in PAIRS})


widgets.explore(worth, name="cost", which=widgets.choice("methods", "all", list(FAMILIES)))

# %% tags=["nbval-check-output", "name:cost"]
for pair in PAIRS:
    steps = {m: statistics.median(ms) for m, ms in costs[pair]["ms"].items()}
    print(f"{pair}: a step on labels alone {costs[pair]['step_ms']:.0f} ms;", end=" ")
    print(f"teacher and KD {steps['kd']:+.0f};")
    dear = sorted(steps, key=steps.get, reverse=True)[:3]
    told = (f"{m} {steps[m]:+.0f} ms and {costs[pair]['mib'][m]:.1f} MiB" for m in dear)
    print(f"   dearest: {', '.join(told)}")

# %% [markdown]
# Most of it is the teacher, which all but the labels need, and whose answers could be kept if crops were not drawn anew. Bars go from the fastest to the slowest of seven rounds on one machine. Much of their length is the teacher's own jitter, which all methods of a round share: compare round by round, as with seeds. Differences of less than a millisecond (CKD, DKD, DIST beside KD) say nothing. *MiB* is what a step keeps for the method between its forward and its backward pass, its own parameters included.
#
# ### What else did the student learn?
#
# Accuracy is one number of a student. Four more, measured on the test pictures: **agreement**, how often student and teacher have the same favourite, right or wrong; **calibration**, whether "80 % sure" is right 80 times in 100; **CKA**, how alike two layers arrange the pictures (1: alike up to turning and stretching); and **probes**, what a linear rule reads off the student's vectors about things *no label tells*: the colour, the place. The papers on CRD and WCoRD call the last one *transfer*. <!-- theory -->
#
# **Predict:** is the student that agrees most with the teacher the best one? And which methods teach what no label tells?

# %%
chance_of = {"color": 1 / 20, "background": 1 / 20}  # numbers are cut into thirds
chance_of |= dict.fromkeys(("scale", "x", "y", "rotation"), 1 / 3)
cards = {pair: models.teacher_card(pair.split("-")[0]) for pair in PAIRS}
teachers = {pair: card["result"]["test_accuracy"] for pair, card in cards.items()}
VIEWS = ("agreement", "calibration", "layers", "unseen factors")


# %%
def look_inside(view, pair, method):
    kept = comparison.select(runs, pair=pair)
    if view == "agreement":
        return figures.bakeoff_inside.fidelity(kept, teacher=teachers[pair])
    if view == "calibration":
        return figures.bakeoff_inside.reliability(kept, list(dict.fromkeys(["kd", method])))
    if view == "layers":
        return figures.bakeoff_inside.alignment(kept, method)
    few = comparison.select(kept, label=["cross-entropy", "kd", method])
    return figures.bakeoff_inside.probes(few, chance_of)


widgets.explore(
    look_inside,
    name="inside",
    view=widgets.choice("look at", "agreement", VIEWS),
    pair=widgets.choice("pair", PAIR, PAIRS),
    method=widgets.choice("method", "crd + kd", methods),
)

# %% tags=["nbval-check-output", "name:inside"]
SOFT = {"kd", "dkd", "dist", *(m for m in methods if m.endswith("+ kd"))}


def averages(pair, read):
    """method -> mean over those runs that were looked into."""
    kept = [run for run in comparison.select(runs, pair=pair) if "inside" in run]
    found = {m: [read(run["inside"]) for run in kept if run["run"]["label"] == m] for m in methods}
    return {m: statistics.fmean(values) for m, values in found.items()}


for pair in PAIRS:
    print(f"{pair}: the teacher is right in {teachers[pair]:.1%} of the test pictures")
    ece = averages(pair, lambda inside: inside["calibration"])
    for name, those in (("with soft targets", SOFT), ("without", set(methods) - SOFT)):
        errors = [ece[m] for m in those]
        print(f"   {name:17} calibration error {min(errors):.3f} to {max(errors):.3f}")
    ground = averages(pair, lambda inside: inside["probes"]["background"])
    most = max(ground, key=ground.get)
    told = ", ".join(f"{m} {ground[m]:.0%}" for m in ("cross-entropy", "kd", most))
    print(f"   background read off the vectors (chance 5%): {told}, the most")

# %% [markdown]
# **Explain.** *Agreement*: these teachers are right nearly always, so to agree is nearly to be right, and the view repeats the accuracy. It tells more where teachers err.
# *Calibration*: all students are less sure than right. Those with the teacher's soft answers among their targets (KD, DKD, DIST, all that have "+ kd") much less so than the others, the labels' own student among these.
# *Unseen factors* (two runs for most methods): colour and background are read *worse* off nearly all students with a teacher than off that of the labels; on the first pair RKD's, the least accurate, keeps the most. Rotation is read a little better off nearly all of them, on both pairs. So a teacher's student forgets some of what no label tells, and keeps more of other things. Whether it should, depends on what it is for.

# %% [markdown]
# ## 7. What the papers report, what we measured, what you got
#
# The same benchmark, CIFAR-100 with pairs of common networks, as others printed it. Nothing of it was measured here. **Predict:** how many of these numbers were made by one recipe? Then switch the others off.

# %%
printed = training.reference("published-cifar100")


def table(pair, alike):
    return figures.bakeoff_published.published(printed, pair, alike=alike)


widgets.explore(
    table,
    name="published",
    pair=widgets.choice("pair", "resnet56-resnet20", list(printed["pairs"])),
    alike=widgets.switch("one recipe only", False),
)

# %% [markdown]
# **Explain.** What looks like progress is partly bookkeeping:
#
# - *Best or last epoch.* Some print the best test epoch they saw, some the last. The first is never lower, and it chooses by the test pictures. Section 9 measures what that brings on our recipe.
# - *Epochs.* 480 against 240, with stronger augmentation, in one row; several rows do not say how many. A baseline deserves the same.
# - *Copies.* Open markers: copied from somebody else's table; each hides its recipe. At least one paper has other teachers and the KD row of the old ones, digit for digit. <!-- published -->
# - *Noise.* The author of one method reports runs from 75.9 to 76.5 for one setting; neighbours in these tables are often nearer than that. <!-- published -->
# - *Names.* "CRD" and "WCoRD" of some tables are CRD + KD and WCoRD + KD.
#
# Ours, the two pairs side by side, with yours of section 5:


# %%
def percent(label, pair):
    found = [100 * v for (p, _), v in scores.get(label, {}).items() if p == pair]
    return (
        f"{statistics.fmean(found):.1f} ± {statistics.stdev(found):.1f}" if len(found) > 1 else "-"
    )


mine = {run["run"]["label"]: 100 * run["result"]["test_accuracy"] for run in own}
print(f"{'':14}{PAIRS[0]:>18}{PAIRS[1]:>18}{'you*':>7}")
for name in (*methods, "mine"):
    cells = "".join(f"{percent(name, pair):>18}" for pair in PAIRS)
    print(f"{name:14}{cells}{f'{mine[name]:.1f}' if name in mine else '-':>7}")
print("Motif-100, % of test images, mean ± std over seeds, last epoch")
print(f"* one seed, {len(dataset.train.labels):,} pictures, {budget.epochs} epochs")

# %% [markdown]
# **So which method?** For each pair: the highest, and all that it is *not* shown to be better than. Which one is highest was seen only afterwards, so all comparisons of two methods count, not those of the highest alone. A lower method can be told apart while a higher one is not: its differences are steadier.

# %% tags=["nbval-check-output", "name:verdict"]
for pair in PAIRS:
    here = comparison.only(scores, pair)
    best = max(here, key=lambda m: statistics.fmean(here[m].values()))
    beside = [
        (set(d[:2]) - {best}).pop()
        for d in comparison.differences(here)
        if best in d[:2] and not d.shown
    ]
    print(f"{pair}: {best} is highest; not told apart from it: {', '.join(beside) or 'none'}")

# %% [markdown]
# ## 8. Turn the knobs
#
# The whole board. Filter the methods, choose the pair, sort; *cost* puts the cheapest first. **Predict:** does the order of one pair hold for the other?


# %%
def whole_board(pair, which, sort):
    chosen = PAIRS if pair == "both" else [pair]
    kept = comparison.select(runs, pair=chosen, label=FAMILIES[which])
    ms = {
        m: statistics.fmean(statistics.median(costs[p]["ms"][m]) for p in chosen) for m in methods
    }
    return figures.bakeoff.board(kept, baseline="kd", sort=sort, ms=ms)


widgets.explore(
    whole_board,
    name="board",
    pair=widgets.choice("pair", "both", ["both", *PAIRS]),
    which=widgets.choice("methods", "all", list(FAMILIES)),
    sort=widgets.choice("sort by", "gain", list(figures.bakeoff.SORTS)),
)

# %% [markdown]
# ### Everybody against everybody
#
# Grey cells: no difference shown. *Ranks* shows the critical-difference view: bars at the right join methods that are not told apart.


# %%
def apart(view, pair, which):
    kept = {m: scores[m] for m in FAMILIES[which]}
    kept = kept if pair == "both" else comparison.only(kept, pair)
    draw = figures.bakeoff_apart.matrix if view == "differences" else figures.bakeoff_apart.critical
    return draw(kept)


widgets.explore(
    apart,
    name="apart",
    view=widgets.choice("show", "differences", ["differences", "ranks"]),
    pair=widgets.choice("pair", PAIR, ["both", *PAIRS]),
    which=widgets.choice("methods", "all", list(FAMILIES)),
)

# %% [markdown]
# **Explain.** With *both*, blocks of two pairs are thrown together. That speaks of *these two pairs*: a seed is not another pair of networks. For a claim about pairs in general each pair would be one block, and two blocks are too few for any test.
#
# The temperature, the number of negatives and the weights have their own surfaces in labs 01 and 04 to 07: here every method stands at one setting, and another setting is another method.

# %% [markdown]
# ## 9. Where it breaks
#
# ### The best epoch
#
# Every run's curve was kept, on validation pictures. What if one printed the best epoch, instead of the last, of the very pictures that chose it?

# %% tags=["nbval-check-output", "name:epochs"]
for pair in PAIRS:
    kept = comparison.select(runs, pair=pair)
    rise = {m: [] for m in methods}
    for run in kept:
        accuracies = [point["accuracy"] for point in run["curve"]]
        rise[run["run"]["label"]].append(100 * (max(accuracies) - accuracies[-1]))
    means = {m: statistics.fmean(v) for m, v in rise.items()}
    least, most = min(means, key=means.get), max(means, key=means.get)
    print(
        f"{pair}: best minus last, mean {statistics.fmean(means.values()):.2f} points; from "
        f"{means[least]:.2f} ({least}) to {means[most]:.2f} ({most})"
    )

# %% [markdown]
# Next to nothing here: the learning rate ends at 0, and the curves end calmly. Where it does not, the last epochs jump up and down, the best of them is a lucky one, and methods with unsteady curves gain most. <!-- theory -->

# %% [markdown]
# ### Other people's weights
#
# Before the board was made, four methods were tried with several weights: the first pair, one seed, accuracy on validation pictures. The smallest weight stands first. **Predict:** which of DKD, DIST and AT suffers most under the weight in its authors' code? (RKD's was not tried; the 8 of DKD is its code's default.)

# %% tags=["nbval-check-output", "name:weights"]
tried = training.reference("bakeoff-tuning")["rows"]
in_the_code = {"dkd": 8, "dist": 2, "rkd": 1, "at": 1000}
for name, weight in in_the_code.items():
    knob = "nontarget" if name == "dkd" else "beta"
    found = sorted((r[knob], r["val_accuracy"]["mean"]) for r in tried if r["label"] == name)
    told = ", ".join(f"{beta:g}: {accuracy:.1%}" for beta, accuracy in found)
    print(f"{name:5} in the code {weight:4}   tried {told}")

# %% [markdown]
# **Explain.** A weight belongs to a recipe: the network, the learning rate, the number of steps. "We used the settings of the authors" sounds fair, and here it would have put AT and DKD far below training on labels alone. (DKD's recipe also lets its loss grow over the first 20 of 240 epochs; ours does not.) <!-- published -->
# Our choice is not innocent either. DIST and AT were best at the smallest weight tried, so a smaller one may be better still, and the methods with published weights had no such chance. Nor need a weight that was chosen on one pair suit another: RKD's was chosen on the first, where it ends at {{record:bakeoff.by_label.wrn_16_2-convnet/rkd.test_accuracy.mean|.1p}} % beside {{record:bakeoff.by_label.wrn_16_2-convnet/cross-entropy.test_accuracy.mean|.1p}} % of the labels alone; on the second it ends at {{record:bakeoff.by_label.resnet56-resnet8/rkd.test_accuracy.mean|.1p}} % beside {{record:bakeoff.by_label.resnet56-resnet8/cross-entropy.test_accuracy.mean|.1p}} %. Whether another weight would help there was not tried.
#
# ### One pair is not all pairs
#
# Take the order of methods on one pair, and on the other one. Even two seeds of one pair do not give quite the same order, so +1 is not to be expected.

# %% tags=["nbval-check-output", "name:orders"]
from scipy.stats import kendalltau

means = [
    [statistics.fmean(comparison.only(scores, pair)[m].values()) for m in methods] for pair in PAIRS
]
tau = kendalltau(*means)
print(f"Kendall's rank correlation of the two orders: {tau.statistic:+.2f} (p = {tau.pvalue:.2g})")
both = comparison.averaged(scores)
print(
    f"each pair as one block: {max(d.n for d in comparison.differences(both, 'kd'))} blocks,",
    end=" ",
)
print(f"{sum(d.shown for d in comparison.differences(both, 'kd'))} differences shown")

# %% [markdown]
# **Explain.** The orders agree in outline: the labels and RKD stand low on both, and most methods with KD near the top. What changes is the order near the top, and there few differences are shown. Two pairs cannot say whether it belongs to the pair or to luck.
#
# ### What this board cannot say
#
# - *Short training.* Twelve epochs; the published recipe has 240. A method that is slow to start looks bad here. <!-- theory -->
# - *Drawn pictures.* Motif-100 has 100 classes made of shapes and textures. Photographs are something else.
# - *Unequal care.* Some weights were chosen on one pair's validation pictures, others are as published for another recipe; nobody's was chosen on the second pair. Give one method a day of tuning and it may win.
# - *Two pairs*, and students much smaller than their teachers.
#
# ### Sweeps that leave the laptop
#
# The board was made by one command, and can be made again, on all cores or on a cluster; it goes on where it stopped:
#
# ```
# labkit sweep data/reference/bakeoff.yaml
# labkit sweep data/reference/bakeoff.yaml --engine ray --address auto --gpus 0.25
# ```

# %% [markdown]
# ## 10. Your turn
#
# Replace the `raise` line, run the cell, then run its check. The checks compute the usual wrong
# answers too, so they can often name what went wrong.
#
# ### Exercise 1 - the paired interval
#
# Given two lists of accuracies, same seeds in the same order, return the mean difference `ours - theirs` and both ends of its 95 % interval. <!-- theory -->


# %% tags=["exercise"]
def my_interval(ours, theirs):
    # BEGIN SOLUTION
    d = [a - b for a, b in zip(ours, theirs, strict=True)]
    mean = statistics.fmean(d)
    half = float(stdtrit(len(d) - 1, 0.975)) * statistics.stdev(d) / math.sqrt(len(d))
    return mean, mean - half, mean + half
    # END SOLUTION


# %% tags=["check", "nbval-check-output", "name:paired"]
exercises.lab08.interval.check(my_interval)

# %% [markdown]
# <details><summary>Hint</summary>
#
# First the differences, one for each seed; then forget the two lists. `stdtrit(n - 1, 0.975)` is Student's quantile.
#
# </details>

# %% [markdown]
# ### Exercise 2 - Holm's correction
#
# Given p-values, return the adjusted ones, in the order given.


# %% tags=["exercise"]
def my_holm(p):
    # BEGIN SOLUTION
    adjusted, highest = [0.0] * len(p), 0.0
    for done, place in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
        highest = max(highest, min(1.0, (len(p) - done) * p[place]))
        adjusted[place] = highest
    return adjusted
    # END SOLUTION


# %% tags=["check", "nbval-check-output", "name:corrected"]
exercises.lab08.holm.check(my_holm)

# %% [markdown]
# <details><summary>Hint</summary>
#
# Walk through the places in the order of their p-values: `sorted(range(len(p)), key=lambda i: p[i])`. Remember the largest so far.
#
# </details>

# %% [markdown]
# ### Exercise 3 - find the flaw
#
# Three invented tables. What is wrong with each?

# %%
exercises.lab08.tables()


# %% [markdown]
# Return the flaw's key for the table `"A"`, `"B"` or `"C"`.


# %% tags=["exercise"]
def my_flaw(table):
    # BEGIN SOLUTION
    return {"A": "best epoch", "B": "epochs", "C": "settings on test"}[table]
    # END SOLUTION


# %% tags=["check", "nbval-check-output", "name:flaws"]
for name, each in exercises.lab08.flaw.items():
    print(name, each.check(my_flaw))

# %% [markdown]
# <details><summary>Hint</summary>
#
# Go line by line, and ask of each: could this alone make the right column look better?
#
# </details>

# %% [markdown]
# ### Exercise 4 - design a fair comparison
#
# Given a list of runs, return those that may be compared: tuples `(method, method, pair, seed)`. Both runs must have the same pair, seed, epochs, pictures (`train`) and batch size, and different methods. Each two of them once.

# %%
exercises.lab08.runs()[:3]


# %% tags=["exercise"]
def my_comparable(runs):
    # BEGIN SOLUTION
    same = ("pair", "seed", "epochs", "train", "batch_size")
    return [
        (a["method"], b["method"], a["pair"], a["seed"])
        for a, b in itertools.combinations(runs, 2)
        if all(a[k] == b[k] for k in same) and a["method"] != b["method"]
    ]
    # END SOLUTION


# %% tags=["check", "nbval-check-output", "name:comparable"]
exercises.lab08.comparable.check(my_comparable)

# %% [markdown]
# <details><summary>Hint</summary>
#
# `itertools.combinations(runs, 2)` gives each two runs once.
#
# </details>

# %% [markdown]
# ## 11. Recap
#
# - A run is a draw. Compare methods block by block, print the interval of the difference, and say "no difference shown" when it holds 0, or when Holm takes it back.
# - Small differences need many seeds; with few, those that are shown are exaggerated.
# - Many comparisons need a correction, and the best of many is lucky.
# - A number without its epoch, recipe, teacher, seeds and source cannot be compared.
# - Cost, agreement, calibration and what else was learnt are results, too.
# - An order of methods was measured on some pairs and one recipe; another pair may keep its outline and not its top.
#
# **Words.** *Block*: a pair with a seed. *Power*: how often a true difference is shown. *Holm's correction*: keeps the chance of any false find. *Critical difference*: how far apart average ranks must be. *Fidelity*: likeness to the teacher. *Calibration*: whether confidence is earned. *Probe*: a linear rule on frozen vectors.
#
# **Next.** Lab 09 leaves teachers behind: pictures and words teach each other, with one negative.
#
# **References.** J. Demšar (2006), *Statistical Comparisons of Classifiers over Multiple Data Sets*. S. Holm (1979), *A Simple Sequentially Rejective Multiple Test Procedure*. Y. Tian, D. Krishnan, P. Isola (2020), *Contrastive Representation Distillation*, and its code RepDistiller. S. Stanton et al. (2021), *Does Knowledge Distillation Really Work?* C. Guo et al. (2017), *On Calibration of Modern Neural Networks*. S. Kornblith et al. (2019), *Similarity of Neural Network Representations Revisited*. <!-- published -->
