# %% [markdown]
# # Lab 06 - WCoRD: contrast through transport
#
# {{colab_badge}}
#
# **Paper.** Chen, Wang, Gan, Liu, Henao, Carin, *Wasserstein Contrastive Representation Distillation*
# (arXiv 2012.08674; CVPR 2021). <!-- published -->
#
# **Claim.** CRD (lab 05) compares student and teacher by a divergence, which may see no difference between *far apart* and *very far apart*. The
# *earth mover's distance* sees it. WCoRD uses it twice: once with a critic over all pictures (*global*), once as a plan that carries one batch of features onto another (*local*).
#
# **What is whose.** No official code is public, and the paper's text was not available to us. From its abstract we know the two terms: dual and global,
# primal and local, the second inside a mini-batch. *All else in this lab is our reading*: the shape of the critic, which heads learn, where its negatives come from, the cosine as a cost, the solver, both weights. Where it matters we say so again.
#
# | budget | time on {{record:times.cores}} CPU cores | what you get |
# |---|---|---|
# | `smoke` | {{record:times.lab06.smoke|.0f}} s | everything runs; its accuracies mean nothing yet |
# | `lecture` | {{record:times.lab06.lecture|.0f}} s | the effect itself, one seed |
# | `paper` | a GPU; not timed yet | more images, many more epochs |
#
# **Afterwards you can** compute an earth mover's distance in three ways, say why a divergence goes blind where it does not, write both terms of WCoRD,
# and name two students that the local term adores and that know nothing.

# %% [markdown]
# ## 1. Set-up
#
# These numbers steer the lab: change one and *Run All*. All of them are also sliders later on.

# %% tags=["bootstrap"]

# %% tags=["parameters"]
DATASET = "motif100"  # or "cifar10", "cifar100", or "folder:PATH" with one sub-folder per class
BUDGET = "smoke"  # "smoke", "lecture" or "paper"
TEMPERATURE = 4.0  # T > 0: of KD, where WCoRD is compared with it or joined by it
NEGATIVES = 63  # K, 1..63: other pictures of the batch per anchor, for the global term
EPSILON = 0.5  # > 0: how soft a plan of the local term may be
LAMBDA_GLOBAL = 5.0  # >= 0: weight of the global term; ours
LAMBDA_LOCAL = 0.05  # >= 0: weight of the local term; ours
SEED = 0
DEVICE = "auto"  # "auto", "cpu", "cuda" or "mps"
DRIVER = "auto"  # how the training panel runs: "auto", "thread", "tick" or "blocking"

# %%
import functools

import torch
import torch.nn.functional as F

from labkit import data, evaluation, exercises, figures, losses, models, training, widgets
from labkit.errors import between, positive, whole
from labkit.training.replay import Replay

positive("TEMPERATURE", TEMPERATURE), positive("EPSILON", EPSILON)
between("LAMBDA_GLOBAL", LAMBDA_GLOBAL, 0, 100), between("LAMBDA_LOCAL", LAMBDA_LOCAL, 0, 100)
between("NEGATIVES", whole("NEGATIVES", NEGATIVES), 1, 63), whole("SEED", SEED, 0)
training.pick_driver(DRIVER)  # a mistake in any of them shows here
STUDENT = "convnet"
budget = training.budget(BUDGET)
device = training.pick_device(DEVICE)
dataset = data.load(DATASET, train=budget.train, val=budget.val, test=budget.test)

# %% [markdown]
# A teacher for Motif-100 ships with the lab; for your own images one is trained now. The student is small and, so far, untrained.
#
# Before its classifier a network turns a picture into one vector, its *features*. Student and teacher have features of different kinds, so each gets a **head**, a
# linear layer to 128 numbers, scaled to length 1: the **embedding**, $s_i$ of the student and $t_i$ of the teacher for picture $i$. The student's head is trained with the student; the teacher's stays as it was drawn (our reading: section 9 shows what happens otherwise). Most of this lab looks at
# one **batch** of $B$ pictures, up to four of each of 16 classes, ordered by class so that neighbours are alike.

# %%
if dataset.name == "motif100":
    teacher = models.load_teacher("wrn_16_2")
else:
    teacher = training.teach("resnet20", dataset, epochs=2 * budget.epochs, device=device)
teacher.to(device)

untrained = models.build(STUDENT, dataset.classes, seed=SEED)
student_features = evaluation.pooled(untrained, dataset, "val")  # [N, Ds]
teacher_features = evaluation.pooled(teacher, dataset, "val")  # [N, Dt]
some = [(dataset.val.labels == c).nonzero()[:4, 0] for c in range(min(16, dataset.classes))]
batch = torch.cat(some)  # [B] their places among the validation pictures
labels = dataset.val.labels[batch]
fixed = [b.images for b in data.batches(dataset, "val", batch_size=500, order=None, augment=None)]
pictures, taught = torch.cat(fixed)[batch].to(device), teacher_features[batch].to(device)

# %% [markdown]
# `losses.WCoRD` holds what the method needs: both heads, and the critic of section 4.

# %%
sizes = student_features.shape[1], teacher_features.shape[1]
torch.manual_seed(SEED)
heads = losses.WCoRD(*sizes)
with torch.no_grad():
    s_all, t_all = heads.embed(student_features, teacher_features, len(student_features))
s, t = s_all[batch], t_all[batch]  # [B, 128]
print(f"a batch of {len(batch)} pictures; embeddings of {s.shape[1]} numbers")

# %% [markdown]
# ## 2. A puzzle
#
# Three students that we made up. The first is untrained. The second has the teacher's embeddings, with much noise added. The third has the teacher's embeddings without any noise, but
# *each picture has another one's*. Left: for how many pictures is the nearest of all teacher embeddings the right one? Right: the earth mover's distance between the
# student's embeddings and the teacher's, which is WCoRD's local term. It is to be minimised.

# %%
draw = torch.Generator().manual_seed(SEED)
blur = F.normalize(torch.randn(s.shape, generator=draw))  # [B, 128]
made_up = {
    "untrained": s,
    "noisy copy": figures.ckd.imitate(blur, t, 0.6),
    "another's": t.roll(len(t) // 2, 0),
}
widgets.show(figures.wcord_batch.puzzle(made_up, t), name="puzzle")

# %% [markdown]
# The loss is best where not one picture is right. **What is this distance measuring, and how could it ever teach?** Note down your guess before you go on.

# %% [markdown]
# ## 3. The idea you can drag
#
# ### Heaps and holes
#
# Seven heaps of earth, seven holes, all of one size. Carrying a heap from place $a_i$ to hole $b_j$ costs $C_{ij}$, here the distance. A **plan** $P$ says how
# much of each heap goes where: a matrix of numbers from 0 on, where each of the $N$ rows adds up to $1/N$ (the heap is used up) and each of the $M$ columns to $1/M$ (the hole is full). The cheapest plan costs
#
# $$D = \min_{P} \sum_{ij} P_{ij} C_{ij} = \min_P \langle P, C \rangle$$
#
# the **earth mover's distance**, also called Wasserstein-1. **Predict** for points on a line: which heap goes to the hole furthest right? **Then drag** the holes; then choose the plane, and
# another way to find the plan. Arrows are as thick as what they carry.


# %%
def move(where, apart, spread, solver, epsilon):
    return figures.transport.mover(where, apart, spread, solver, epsilon)


widgets.explore(
    move,
    name="mover",
    where=widgets.choice("points on a", "line", figures.transport.PLACES),
    apart=widgets.slider("holes moved by", 2.0, -2, 5, 0.25),
    spread=widgets.slider("spread of holes", 1.0, 0, 2, 0.1),
    solver=widgets.choice("solver", "exact", figures.transport.SOLVERS),
    epsilon=widgets.temperature(EPSILON, low=0.0078125, high=8.0, label="epsilon"),
)

# %% [markdown]
# **Explain.** On a line a best plan keeps the order: the first heap to the first hole, and so on (sorting solves it, exercise 1). Where all walk the same way, overtaking costs nothing, and there are many best plans; IPOT then mixes them. In the plane there is no order, but still: with as many heaps
# as holes, all alike, some best plan splits no heap. It is a *permutation*: the heat map has one bright cell in each row and column.
#
# An exact plan jumps when you drag: tiny moves leave it as it is, then two heaps swap their holes. The other two solvers have something softer.
#
# ### Three ways to find a plan
#
# **Sinkhorn** does not look for the cheapest plan but for a compromise, cheap *and* spread out: it minimises $\langle P, C \rangle + \epsilon \sum P \log P$. Start with $e^{-C/\epsilon}$, then scale rows and columns in turn until
# both sums are right. $\epsilon$ is what a temperature is in a softmax: a small one makes the plan sharp, and slow to find; a large one sends everything everywhere.
#
# **IPOT** repeats: scale as Sinkhorn does, then start again from $e^{-C/\epsilon}$ times *the plan just found*. Round after round the plan gets sharper, whatever $\epsilon$ was.
# **Exact** is an assignment solver; its time grows with the cube of $N$, and it gives no gradient through the plan.
#
# **Predict:** at $\epsilon = 0.5$ and 50 rounds, which of the two is nearer to the exact cost? Drag $\epsilon$, then the rounds.

# %%
a, b = figures.transport.points("plane", 1.0, 1.2)
cost = 0.5 * figures.transport.distances(a, b)  # about as large as cosine costs: 0 to 2


@functools.cache
def swept(rounds):
    return figures.transport.swept(cost, rounds)


def compare(epsilon, rounds):
    return figures.transport.ways(cost, swept(rounds), epsilon, rounds)


widgets.explore(
    compare,
    name="ways",
    epsilon=widgets.temperature(EPSILON, low=0.0078125, high=8.0, label="epsilon"),
    rounds=widgets.negatives(50, [1, 5, 20, 50, 100], label="rounds"),
)

# %% [markdown]
# **Explain.** Sinkhorn pays too much unless $\epsilon$ is small against the differences of cost. Make it very small, and 50 rounds are too few for either: the right part shows sums that are still wrong, and a plan that fills no hole may well cost less than the cheapest real one.
# In between IPOT is on the exact cost over two decades of $\epsilon$, where Sinkhorn is not; a very large one takes it more rounds. That is why our local term uses IPOT with $\epsilon = 0.5$ and 50 rounds. It is what *other* published code of WCoRD's first author does; for WCoRD itself, it is our reading. <!-- theory -->
#
# A practical trap: $e^{-C/\epsilon}$ at $C = 2$ and $\epsilon = 0.01$ is $e^{-200}$, which single precision rounds to 0. Everything here is computed in logarithms. <!-- theory -->

# %% [markdown]
# ### Why not a divergence?
#
# KL, which KD minimises, and Jensen-Shannon compare two densities *place by place*. Where one of them is zero and the other is not, KL is infinite; how far away the next mass lies, it does not ask. **Predict**
# for two boxes that no longer overlap: what does each distance say, and what is its slope? A loss without a slope teaches nothing. **Then drag**; try the bell too, and make it narrow.

# %%
widgets.predict(
    "two boxes",
    "Two boxes no longer overlap: what does the Jensen-Shannon divergence between them say?",
    lambda: torch.tensor(2.0).log().item(),
    low=0,
    high=3,
    unit="nats",
)


# %%
def pull_apart(shape, shift, width):
    return figures.transport_apart.apart(shape, shift, width)


widgets.explore(
    pull_apart,
    name="apart",
    shape=widgets.choice("densities", "box", figures.transport_apart.SHAPES),
    shift=widgets.slider("Q moved by", 1.5, -4, 4, 0.125),
    width=widgets.temperature(0.5, low=0.125, high=2.0, label="width"),
)

# %% [markdown]
# **Explain.** For boxes KL is infinite at once. Jensen-Shannon says $\log 2$ and stays there: it knows that they differ, and not how to mend it. The earth mover's distance is simply how far everything has to walk, with slope 1
# everywhere. Narrow bells are boxes with a tail: the KL is finite, and enormous.
#
# A batch is the extreme case. Two sets of $B$ embeddings are points without width, so they never overlap: KL is infinite or undefined, Jensen-Shannon always $\log 2$. KD escapes because it compares probabilities of *classes*, which are
# all above 0; CRD escapes because a critic smooths. For points themselves, transport is the distance that still works. Mind its unit: it is *not* in nats, so never put it on an axis with mutual information.
#
# ### Back to the batch
#
# Heaps are now the teacher's embeddings, holes the student's; carrying $t_i$ to $s_j$ costs $C_{ij} = 1 - \cos(t_i, s_j)$, from 0 to 2. To drag before anything is trained, a mixture of the untrained student and the teacher.
# **Predict:** how much must be copied until the plan finds who is who?


# %%
def join(copy, solver, epsilon):
    mixed = figures.ckd.imitate(s, t, copy)
    return figures.wcord_batch.plan(mixed, t, solver, epsilon, labels)


widgets.explore(
    join,
    name="join",
    copy=widgets.slider("share copied", 0.3, 0, 1, 0.05),
    solver=widgets.choice("solver", "IPOT", figures.transport.SOLVERS),
    epsilon=widgets.temperature(EPSILON, low=0.0078125, high=8.0, label="epsilon"),
)

# %% [markdown]
# **Explain.** First the plan finds the class (blocks of four along the diagonal), then the picture; with a large $\epsilon$ not all of them even for a perfect copy, as *Exact* does. Before that it is some permutation that is cheap by luck, and it pulls each student towards a picture
# that is not its own. With Sinkhorn at a large $\epsilon$ every student is pulled to all teachers at once, which is their mean.

# %% [markdown]
# ## 4. The equation, executed
#
# ### The global term: a critic
#
# Duality turns the least cost of a plan into a largest difference. Let $g$ be a function of a pair, the **critic**, that is nowhere steeper than 1: *1-Lipschitz*. Then
#
# $$D = \sup_{g} \; \mathbb{E}_\text{joint}[g(t, s)] - \mathbb{E}_\text{product}[g(t, s)]$$
#
# is the earth mover's distance between *pairs that belong together* (joint) and *pairs put together at random* (product). If it is 0, student and teacher embeddings have nothing to do with each other; so the student makes it large, and minimises $L_g = \mathbb{E}_\text{product}[g] - \mathbb{E}_\text{joint}[g]$.
#
# **Our reading** of the critic: the plain score $g(t, s) = t^\top W s / \lVert W \rVert$, with a trained matrix $W$ divided by its *spectral norm*, by how much it stretches an arrow at most. It is one kind of 1-Lipschitz function among many, so $-L_g$ is at most $D$. In two dimensions it can be looked at. Arrows of length 1 are angles; the colour is $g$. **Predict:** the student's arrows are the teacher's, turned by 60 degrees.
# Which $W$ puts the black pairs onto the hills? Drag the critic's turn. Then choose *sign lost*: every second student arrow points the other way. (*2nd singular* is the smaller stretch of $W$, whose larger one is 1: at 1 the wave runs along one diagonal, at -1 along the other, at 0 it is a product of two waves.)


# %%
def landscape(kind, student_turn, critic_turn, second):
    return figures.wcord.critic(kind, student_turn, critic_turn, second)


widgets.explore(
    landscape,
    name="critic",
    kind=widgets.choice("pairs", "turned", figures.wcord.KINDS),
    student_turn=widgets.slider("student turned", 60, -180, 180, 5),
    critic_turn=widgets.slider("critic turned", 0, -180, 180, 5),
    second=widgets.slider("2nd singular", 1.0, -1, 1, 0.05),
)

# %% [markdown]
# **Explain.** The landscape is one hill and one valley, a wave. Turned like the pairs it gives them the top. With *sign lost* no turn helps: the student knows the teacher's arrow up to its sign, which is a lot, and $g$, being a product of both, sees nothing. The best it can get over all
# $W$ is known exactly: the *nuclear norm* (sum of singular values) of the cross-covariance of $t$ and $s$. A critic that is not a product could see more; this one is simple, and it cannot cheat.
#
# ### In which metric is it 1-Lipschitz?
#
# "Nowhere steeper than 1" needs a distance between two *pairs*. Our critic is 1-Lipschitz in $t$ and in $s$, each on its own, for arrows of length 1 or less. So for both together $|g(t, s) - g(t', s')| \le \lVert t - t' \rVert + \lVert s - s' \rVert$, **the sum of both ways**.
# For the Euclidean distance of the pair, $\sqrt{\lVert t - t' \rVert^2 + \lVert s - s' \rVert^2}$, the bound is false. The distance that $L_g$ estimates is the one for the sum.


# %%
def steep(scale, divided):
    return figures.wcord.slopes(scale, divided)


widgets.explore(
    steep,
    name="slopes",
    scale=widgets.temperature(3.0, low=0.25, high=8.0, label="W made longer"),
    divided=widgets.switch("divide by the norm", True),
)

# %% [markdown]
# A curve says which share of random pairs of points is steeper than that. **Explain.** With the division the scale of $W$ does not matter. Without it the critic wins by shouting: twice the $W$, twice the term, nothing learnt. That is what the constraint is for.
#
# In plain torch, with all other pictures of the batch as the product:

# %% tags=["nbval-check-output", "name:global"]
draw = torch.Generator().manual_seed(0)
x, y, w = (torch.randn(16, 16, generator=draw, dtype=torch.float64) for _ in range(3))
u = F.normalize(x, dim=1)  # [B, D] the teacher's embeddings
v = F.normalize(x + y, dim=1)  # [B, D] the student's: half the teacher's, half noise

g = u @ (w / torch.linalg.matrix_norm(w, 2)) @ v.T  # [B, B] row i: teacher i, column j: student j
others = ~torch.eye(len(u), dtype=torch.bool)
L_global = g[others].mean() - g.diagonal().mean()
print(f"any W: L_g = {L_global:+.4f}")
g = u @ v.T
print(f"W = 1: L_g = {g[others].mean() - g.diagonal().mean():+.4f}")
print(f"the best W: {-losses.wcord_supremum(v, u):+.4f}, and 0 where t and s are independent")

# %% [markdown]
# `labkit.losses` has the same. They must agree:

# %% tags=["nbval-check-output", "name:agrees"]
critic = losses.LipschitzCritic(16, 16).double()
with torch.no_grad():
    critic.weight.copy_(w)
    scores = critic(u, v)  # [B, B]
    ours = losses.wcord_global(scores.diagonal(), scores[others])
torch.testing.assert_close(ours, L_global)
print(f"losses.wcord_global agrees: {ours:+.4f}")

# %% [markdown]
# ### How many negatives?
#
# For InfoNCE and CRD more negatives change the *value*: what is paid at chance grows with $\log(K + 1)$, and so does the most information they can show. Here negatives only estimate a mean. **Predict** what $K$ changes, and what it does not; then drag. The student is the half-copied one.


# %%
def how_many(negatives):
    return figures.wcord.noise(figures.ckd.imitate(s_all, t_all, 0.5), t_all, negatives)


COUNTS = [1, 3, 7, 15, 31, 63]
widgets.explore(how_many, name="noise", negatives=widgets.negatives(NEGATIVES, COUNTS))

# %% [markdown]
# **Explain.** The value stays, its spread falls as $1/\sqrt{K}$, until the positives' own spread is what is left. So there is no ceiling $\log(K + 1)$, and the weight means the same for any $K$. Noise is no detail, though: a large weight makes it large too (section 6 tries one negative). In exchange the number has no meaning in nats.
# (Whether the paper multiplies the product's mean by $K$ we could not read; the mean is our reading.)
#
# **Why not CRD's memory bank?** A bank buys many negatives, and here they buy little. It also costs something: joint and product must come from the *same* two networks, and a bank's slots are older than what the student says now. Let all
# its arrows be one arrow, the same for every picture, and *turn* it as the training goes: own pairs, of now, agree, and pairs with old slots do not. $L_g$ falls, and nothing was learnt. CRD's classifier is
# less easily fooled, because it has to be right about each pair. So our negatives are the other pictures of the batch.

# %% tags=["nbval-check-output", "name:negatives"]
spread = scores[0, 1:].std(correction=0)  # of one teacher's scores with the 15 other students
print(f"K = {NEGATIVES}: drawn with replacement, the mean's standard deviation is")
print(f"{spread / NEGATIVES**0.5:.5f} for one anchor; for K = 1 {spread:.5f}")

# %% [markdown]
# ### The local term: a plan
#
# IPOT, as it is published: $A = e^{-C/\epsilon}$, and each round scales the columns, then the rows, of $A$ times the last plan. The plan is then taken as *given*: the gradient goes through the cost only. For the exact plan that is right,
# because at the best plan a small change of the plan costs nothing (the *envelope theorem*).

# %% tags=["nbval-check-output", "name:local"]
C = 1 - u @ v.T  # [B, B]
A, P, n = (-C / EPSILON).exp(), torch.ones_like(C), len(C)
rows = torch.full((n, 1), 1 / n, dtype=C.dtype)
for _ in range(50):
    Q = A * P  # [B, B]
    columns = 1 / (n * (rows * Q).sum(0, keepdim=True))  # [1, B]
    rows = 1 / (n * (columns * Q).sum(1, keepdim=True))  # [B, 1]
    P = rows * Q * columns
L_local = (P * C).sum()
best = figures.transport_exact.exact(C)
print(f"epsilon = {EPSILON:g}: IPOT pays {L_local:.4f}, the exact plan {(best * C).sum():.4f}")
print(f"each with its own: {C.diagonal().mean():.4f}")

# %% tags=["nbval-check-output", "name:permuted"]
torch.testing.assert_close(losses.wcord_local(v, u, epsilon=EPSILON), L_local)
mixed = v[torch.randperm(n, generator=draw)]
again = losses.wcord_local(mixed, u, epsilon=EPSILON)
print(f"losses.wcord_local agrees: {L_local:.4f}; with the students shuffled {again:.4f}")

# %% [markdown]
# The second number is the puzzle's answer: *the local term does not know who is who*. It compares two **sets**. A set that is shuffled is the same set.
#
# ### The whole
#
# $$L = \text{cross-entropy} + \lambda_g L_g + \lambda_l L_l \;(+\; \alpha T^2 \mathrm{KL})$$
#
# $\lambda_g$ = 5 and $\lambda_l$ = 0.05 are ours, not numbers that we could read in the paper: of those we tried, the best on validation pictures and the quietest (section 8). The last term is KD's (lab 01), for the "+ KD" row of the tables.

# %% tags=["nbval-check-output", "name:whole"]
z, z_teacher = 3 * v[:, :10], 6 * u[:, :10]  # [B, 10] some logits
answers = torch.arange(len(z)) % 10
terms = {
    "labels": F.cross_entropy(z, answers),
    "global": LAMBDA_GLOBAL * L_global,
    "local": LAMBDA_LOCAL * L_local,
    "kd": losses.kd(z, z_teacher, temperature=TEMPERATURE),
}
print(", ".join(f"{name} {value:+.4f}" for name, value in terms.items()))
print(f"T = {TEMPERATURE:g}: {sum(terms.values()):+.4f} in all")

# %% [markdown]
# Look at the sizes. $L_g$ is never below -2 and $L_l$ never above 2, so the weights decide who is heard. The global term gets a hundred times the weight of the local one. **Why should the local term be kept so quiet?** Note down a guess; sections 8 and 9 turn it up. <!-- theory -->

# %% [markdown]
# ## 5. Train it
#
# One class holds all that is compared. Any weight may be 0: with both lambdas it is WCoRD, with `beta` CRD, with `alpha` KD.


# %%
class Mixture(torch.nn.Module):
    generator = None  # the run's own, set by the training: it draws the negatives

    def __init__(self, sizes, labels):
        super().__init__()
        self.wcord = losses.WCoRD(*sizes)
        self.crd = losses.CRD(*sizes, len(labels), negatives=1, labels=labels)

    def prepare(self, student, teacher, batch):  # CRD's banks, lab 05
        self.crd.fill(batch.index, student.pooled, teacher.pooled)

    def forward(self, student, teacher, batch, knobs):
        for loss in (self.wcord, self.crd):
            loss.negatives, loss.generator = round(knobs["negatives"]), self.generator
        self.wcord.epsilon = knobs["epsilon"]
        vectors = student.pooled, teacher.pooled
        dual, primal = self.wcord(*vectors)
        soft = {"temperature": knobs["temperature"]}
        return {
            "labels": F.cross_entropy(student.logits, batch.labels),
            "global": knobs["lambda_global"] * dual,
            "local": knobs["lambda_local"] * primal,
            "crd": knobs["beta"] * self.crd(*vectors, batch.index),
            "kd": knobs["alpha"] * losses.kd(student.logits, teacher.logits, **soft),
        }


# %% [markdown]
# While it trains we look at the batch of section 3 again and again: `watched` hands every event of the training on and now and then keeps the student's embeddings. The
# teacher's stand still, as its head does.

# %%
OFF = {"lambda_global": 0.0, "lambda_local": 0.0, "beta": 0.0, "alpha": 0.0}
SHARED = {"negatives": NEGATIVES, "epsilon": EPSILON, "temperature": TEMPERATURE}
moments = []  # (step, student's embeddings)


def watched(events, student, method, times=40):
    moments[:] = [(0, s)]
    for event in events:
        if isinstance(event, training.Start):
            every = max(1, event.steps // times)
        if isinstance(event, training.Step) and event.step % every == 0:
            student.eval()
            with torch.no_grad():
                seen = method.wcord.embed(student(pictures).pooled.float(), taught, len(taught))[0]
            moments.append((event.step, seen.cpu()))
            joining.redraw()
        yield event


def begin(student, method, guide, data=dataset, budget=budget, **settings):
    return training.distill(
        student, guide, method, data, epochs=budget.epochs, batch_size=budget.batch_size,
        learning_rate=0.3, seed=SEED, device=device, **settings,
    )  # fmt: skip


# %%
def fresh(data=dataset, filled=True):
    torch.manual_seed(SEED)
    method = Mixture(sizes, data.train.labels)
    if not filled:
        method.prepare = None  # a look at every picture, which only CRD needs
    return models.build(STUDENT, data.classes, seed=SEED), method


def joined(moment, solver, epsilon):
    step, student = moments[round(moment * (len(moments) - 1))] if moments else (0, s)
    say = f"The batch after {step} steps"
    return figures.wcord_batch.plan(student, t, solver, epsilon, labels, say)


joining = widgets.explore(
    joined,
    name="joining",
    moment=widgets.slider("moment", 1.0, 0, 1, 0.05),
    solver=widgets.choice("solver", "IPOT", figures.transport.SOLVERS),
    epsilon=widgets.temperature(EPSILON, low=0.0078125, high=8.0, label="epsilon"),
)

# %% [markdown]
# Five students, each with the same pictures, crops and start; `Replay` remembers the teacher's answers, which are the same for all of them. The last run is the one we watch.

# %%
guide, yours = Replay(teacher), {}
for name, chosen in (
    ("KD", {"alpha": 1.0}),
    ("CRD", {"beta": 0.8}),
    ("global only", {"lambda_global": LAMBDA_GLOBAL}),
    ("local only", {"lambda_local": LAMBDA_LOCAL}),
    ("WCoRD", {"lambda_global": LAMBDA_GLOBAL, "lambda_local": LAMBDA_LOCAL}),
):
    student, method = fresh(filled=name == "CRD")
    events = begin(student, method, guide.rewind("lab"), knobs={**SHARED, **OFF, **chosen})
    events = watched(events, student, method) if name == "WCoRD" else events
    yours[name] = training.run(events, name=name)
    print(f"{name}: {yours[name]['result']['test_accuracy']:.1%} of the test images right")
print(f"(chance is {1 / dataset.classes:.1%}; the smoke budget is too short to leave it)")
joining

# %% [markdown]
# Left end of the slider: before training. Right end: now. The sentence below the figure has the cost and who is joined with whom. Watch two numbers: what the *plan* pays and what *each picture with itself* pays. The first can be small while the second is not, and then the batch looks like the teacher's, and nobody knows who is who. Train longer, here:
#
# ### Live
#
# Press *Start*: the curves grow, and the plan shown again below them redraws. A whole run is the 12 epochs of the standard bench, even at `smoke`: some minutes on two cores, but three epochs are enough to see something.
# Moving a knob is felt by the training at its next step. The third part of the figure measures the *whole* loss, all terms with their weights, on the same pictures, at your knobs and at the first ones. Things to try:
#
# - *Global only*: set `lambda_local` to 0. *Local only*: the other way round. *CRD*: both 0, `beta` 0.8. *KD*: all 0, `alpha` 1. Start each anew and compare the curves.
# - Stop in the middle and move **negatives** from 63 to 1. For WCoRD the loss hardly moves. Do the same with CRD (`beta` above 0): it falls at once, and nobody has learnt anything.
# - Start with `lambda_global` 0 and `lambda_local` 5, and watch the plan's cost and the accuracy. What has the student learnt when the cost is small? (Section 9.)
# - Move the **temperature** with `alpha` at 1: it is KD's. WCoRD has none; what comes nearest is epsilon.


# %%
@functools.cache
def bench():
    if BUDGET == "paper":
        return dataset
    return data.load(DATASET, train=10_000, val=1000, test=5000)  # of the recorded runs


def live(control):
    student, method = fresh(bench())
    spent = training.budget("lecture" if BUDGET == "smoke" else BUDGET)
    return watched(
        begin(student, method, teacher, bench(), spent, control=control), student, method
    )


# %%
recorded = training.reference("lab06")["by_label"]["wrn_16_2-convnet/both"]
band = {"accuracy": recorded["curve"], "label": "recorded WCoRD runs", "run": recorded}
widgets.TrainingPanel(
    "transport",
    live,
    knobs={
        "lambda_global": widgets.slider(
            "lambda_global", LAMBDA_GLOBAL, 0, max(20, LAMBDA_GLOBAL), 0.1
        ),
        "lambda_local": widgets.slider("lambda_local", LAMBDA_LOCAL, 0, max(5, LAMBDA_LOCAL), 0.05),
        "epsilon": widgets.temperature(EPSILON, low=0.015625, high=8.0, label="epsilon"),
        "negatives": widgets.negatives(NEGATIVES, COUNTS),
        "beta": widgets.slider("CRD beta", 0, 0, 2, 0.1),
        "alpha": widgets.slider("KD alpha", 0, 0, 2, 0.1),
        "temperature": widgets.temperature(TEMPERATURE, label="KD temperature T"),
    },
    driver=DRIVER,
    reference=band if DATASET == "motif100" and BUDGET != "paper" else None,
)

# %%
joining  # the figure from above again: both places show the same

# %% [markdown]
# ## 6. Is it really the transport?
#
# Recorded runs, {{record:lab06.by_label.wrn_16_2-convnet/both.test_accuracy.n}} seeds; same student, batches and crops for all. First the terms (figure), then four controls (the lines below it). **Predict** the first and the second: who is better, a student that is carried to where the *plan* says, or one that is told which teacher embedding is its own?
#
# - **local, loud**: the local term only, at $\lambda_l = 5$;
# - **identity, loud**: the same, but each student is carried to its own teacher: no plan, no transport, a plain cosine;
# - **one negative**: global only, with $K = 1$;
# - **two heads**: both terms, and the teacher's head is trained too.

# %%
lab06 = training.reference("lab06")
measured = lab06["by_label"]
pair = [row for row in lab06["rows"] if row["pair"] == "wrn_16_2-convnet"]
methods = {
    "both + kd": "WCoRD + KD", "crd + kd": "CRD + KD", "both": "WCoRD (both terms)",
    "global": "global only", "local": "local only",
    "crd": "CRD (256 negatives)", "kd": "KD (T = 4, alpha = 0.9)", "cross-entropy": "labels only",
}  # fmt: skip
widgets.show(figures.records.comparison(pair, methods, baseline="crd"), name="controls")


# %% tags=["nbval-check-output", "name:ablation"]
for label, name in (
    ("both over labels", "WCoRD minus labels only"),
    ("both over global", "WCoRD minus global only"),
    ("local over labels", "local only minus labels"),
    ("local-5", "local, loud, minus labels"),
    ("identity-5", "identity, loud, minus labels"),
    ("one-negative", "one negative minus global only"),
    ("collapsing", "two heads minus WCoRD"),
):
    print(f"{name:30} {training.told(measured[f'wrn_16_2-convnet/{label}']['difference'])}")

# %% [markdown]
# In brackets: the interval that holds the true difference with 95 % confidence. If it holds 0, so few seeds cannot tell the two apart; that does not say that they are equal. <!-- theory -->
#
# **Explain.** It is the global term that teaches. The local term is content with any order: loud, it is obeyed, and the labels are not. The *same* cosine at the *same* weight, with each student sent to its own teacher, teaches a lot: what counts is to know who is who, and a plan between two sets does not know it.
# One negative gives the same value on average (section 4), but at this weight its noise drowns the labels. And two heads that may both move agree on something empty (section 9).

# %% [markdown]
# ## 7. What the paper reports, what we measured, what you got
#
# The paper's own table was not available to us. What other projects' tables print as "WCoRD" is, as far as we can tell, its **WCoRD + KD** row; the numbers for WCoRD alone we could not check, so we do not print them. Percent of the test images of CIFAR-100:
#
# | teacher to student | KD | CRD | CRD + KD | WCoRD + KD |
# |---|---|---|---|---|
# | source | CRD's README | CRD's README | secondary | secondary |
# | WRN-40-2 to WRN-16-2 | 74.92 | 75.48 | 75.64 | 76.11 <!-- published --> |
# | WRN-40-2 to WRN-40-1 | 73.54 | 74.14 | 74.38 | 74.72 <!-- published --> |
# | ResNet-56 to ResNet-20 | 70.66 | 71.16 | 71.63 | 71.92 <!-- published --> |
# | ResNet-32x4 to ResNet-8x4 | 73.33 | 75.51 | 75.46 | 76.15 <!-- published --> |
# | VGG-13 to VGG-8 | 72.98 | 73.94 | 74.29 | 74.72 <!-- published --> |
#
# *Secondary*: copied by a later project's README (ITRD and RLTF for WCoRD + KD, RLTF for CRD + KD), there without the "+ KD". Read the table by columns that may be compared: WCoRD + KD belongs beside CRD + KD, not beside CRD. Differences under half a point are within what
# seeds do in this benchmark. "Measured" below is our standard bench, untuned: 10,000 pictures of Motif-100, 12 epochs, the same recipe for all. <!-- theory -->


# %%
print(f"{'':14}{'published':>15}{'wrn_16_2-convnet':>18}{'resnet56-resnet8':>18}{'you':>7}")
for name, row in (
    ("labels only", "cross-entropy"), ("KD", "kd"), ("CRD", "crd"), ("CRD + KD", "crd + kd"),
    ("global only", "global"),
    ("local only", "local"), ("WCoRD", "both"), ("WCoRD + KD", "both + kd"),
):  # fmt: skip
    both = [measured[f"{pair}/{row}"] for pair in ("wrn_16_2-convnet", "resnet56-resnet8")]
    cells = "".join(f"{training.percent(pair['test_accuracy']):>18}" for pair in both)
    own = f"{100 * yours[name]['result']['test_accuracy']:.1f}" if name in yours else "-"
    print(f"{name:14}{'not this pair':>15}{cells}{own:>7}")
print(f"Motif-100, % of test images, mean ± std over seeds; yours at the {BUDGET} budget")

# %% [markdown]
# **Does WCoRD beat CRD?** CRD with 256 negatives and filled banks (lab 05); alone, and with KD added to both:

# %% tags=["nbval-check-output", "name:beats"]
for pair in ("wrn_16_2-convnet", "resnet56-resnet8"):
    for name, row in (
        ("WCoRD minus CRD", "both"), ("WCoRD + KD minus CRD + KD", "both + kd over crd + kd"),
        ("WCoRD + KD minus KD", "both + kd over kd"),
        ("WCoRD minus global only", "both over global"),
    ):  # fmt: skip
        print(f"{pair}: {name:26} {training.told(measured[f'{pair}/{row}']['difference'])}")

# %% [markdown]
# Only an interval wholly on one side of 0 answers the question at our budget. One such interval, on the second pair, speaks *against* the local term: with it the student is worse than with the global one alone. And it would answer it for *our reading* of WCoRD: a plain bilinear critic, a teacher's head that stands still, weights chosen on this bench; CRD has its published weight and fewer negatives than its authors use.

# %% [markdown]
# ## 8. Turn the knobs
#
# Each cell was trained, one seed; settings are compared on *validation* images, as one would choose them. The corner at 0 and 0 is the labels alone. **Predict** before you look: the local term gets louder from row to row. Is louder better?


# %%
def both_loud():
    rows = training.reference("lab06-surface")["rows"]
    cell = next(r for r in rows if (r["lambda_global"], r["lambda_local"]) == (20, 5))
    return 100 * cell["val_accuracy"]["mean"]


widgets.predict(
    "both loud",
    "WCoRD with both terms far too loud, global 20 and local 5: how accurate is the student?",
    both_loud,
    low=0,
    high=100,
    unit="%",
)

# %%
surface = training.reference("lab06-surface")["rows"]
crd_row = measured["wrn_16_2-convnet/crd"]


def knobs_measured(lambda_global, lambda_local):
    mine = {"lambda_global": lambda_global, "lambda_local": lambda_local}
    return figures.wcord_records.surface(surface, yours=mine, rival=crd_row)


widgets.explore(
    knobs_measured,
    name="surface",
    lambda_global=widgets.slider("lambda_global", LAMBDA_GLOBAL, 0, max(20, LAMBDA_GLOBAL), 0.1),
    lambda_local=widgets.slider("lambda_local", LAMBDA_LOCAL, 0, max(5, LAMBDA_LOCAL), 0.05),
)

# %% [markdown]
# **Explain.** Along the bottom row the global term is by itself: it helps, and when too loud it ruins the training. Up the left column the local term is by itself, and louder is worse, on this seed down to chance (section 9 says why). The right column is a surprise: beside a global term that is too loud, a loud local one repairs much. Why, we have not tested.
# One seed a cell: neighbours that differ by a point may be the same. So whether the local term adds anything to a good global one is not for this figure to say; section 6 has more seeds.
#
# ### What the weight meets
#
# The terms are bounded, $L_g$ within $\pm 2$ and $L_l$ within 0 and 2, while cross-entropy starts at $\log C$. In your last run of section 5, weights included, at its first and at its last epoch: <!-- theory -->

# %%
for point in (yours["WCoRD"]["curve"][0], yours["WCoRD"]["curve"][-1]):
    sizes_now = ", ".join(
        f"{k} {v:+.3f}" for k, v in point["terms"].items() if k not in ("crd", "kd")
    )
    print(f"epoch {point['epoch']}: {sizes_now}")

# %% [markdown]
# ## 9. Where it breaks
#
# ### The permutation trap, and the collapse
#
# The puzzle's third student is one of *two* that the local term adores. The other is the **collapse**: if both heads may move, they can agree to map every picture to the same arrow. All costs are then 0. Here is a made-up student that is a perfect copy; swap pictures, and let
# everything fall onto one arrow. **Predict** for each of the three losses which of the two it notices.

# %%
few = t[::4]  # one picture of each class


def trapped(share, collapse):
    return figures.wcord_batch.trap(few, few, share, collapse)


widgets.explore(
    trapped,
    name="trap",
    share=widgets.slider("pictures swapped", 0.5, 0, 1, 0.1),
    collapse=widgets.slider("collapse", 0.0, 0, 1, 0.1),
)

# %% [markdown]
# **Explain.** The local term stays at 0 however many are swapped, and collapse pleases it too. *Each with its own* (the mean cost on the diagonal, no plan at all) sees the swap and not the collapse. The global term sees **both**: it needs pairs to stand out from random pairs, so it is 0 for the wrong pairs, and 0 for one arrow.
#
# *Local, loud* in section 6 is the swap in a training: nothing in the term says which teacher embedding is whose, so at a large weight it works against the labels. Start it live in section 5, and see the plan's cost fall while the accuracy stays where it is. Both extremes can be computed:

# %% tags=["nbval-check-output", "name:traps"]
one = figures.wcord_batch.collapsed(u, 1.0)  # [B, D] every row the same arrow
for name, left, right in (
    ("a copy", u, u),
    ("next one's", u.roll(-1, 0), u),
    ("collapsed", one, one),
):
    local = figures.wcord_batch.measure(left, right).local
    own = (1 - (left * right).sum(1)).mean()
    best_g = losses.wcord_supremum(left, right)
    print(f"{name:11} local {local:.3f}, own {own:.3f}".replace("-0.000", "0.000"), end=", ")
    print(f"global at the best W {-best_g:+.3f}".replace("-0.000", "+0.000"))

# %% [markdown]
# The second line holds a surprise: with the *best* $W$ the global term likes the swap nearly as well as a copy! A shuffle inside the batch is itself a relation, and a critic with as many dimensions as pictures can learn it. It is no way out in training, because there the critic has 10,000 pictures to fit and few dimensions. <!-- theory -->
# With $W = 1$, as in the figure, there is nothing to learn, and the swap shows.
#
# ### Two heads that move
#
# CRD trains both heads. Do the same here, with the local term and nothing else: two networks that stand still (the untrained student and the teacher), two heads, a few seconds. **Predict** what two heads do that may agree on anything; and one head alone, that has to come to the other.


# %%
def train_heads(both_heads, steps=100):
    torch.manual_seed(SEED)
    wcord, kept = losses.WCoRD(*sizes, both_heads=both_heads), []
    downhill = torch.optim.SGD(wcord.parameters(), lr=0.3, momentum=0.9)
    for step in range(steps + 1):
        if step % 10 == 0:
            with torch.no_grad():
                seen = wcord.embed(student_features[batch], teacher_features[batch], len(batch))
            kept.append((step, *seen))
        some = torch.randint(len(student_features), (64,))
        downhill.zero_grad()
        wcord(student_features[some], teacher_features[some]).primal.backward()
        downhill.step()
    return kept


heads_alone = {"one head": train_heads(False), "two heads": train_heads(True)}
widgets.show(figures.wcord_batch.course(heads_alone), name="heads")

# %% [markdown]
# **Explain.** Two heads agree on one arrow for all pictures: cost 0, and the teacher has been forgotten by its own head. That is why ours stands still; with it the cost cannot reach 0, as the teacher's arrows stay apart. But look at the student's: they gather too. Its features
# hardly tell pictures apart yet, so all costs in a column are nearly alike, the plan sends every student a little to everybody, and that is the teachers' mean. CRD may train both heads, because its classifier pays for *every* pair that it cannot tell apart.
#
# ### Plans that are not finished
#
# 50 rounds at $\epsilon = 0.5$ are enough where costs differ by much. As embeddings come nearer to each other all costs shrink, and the same $\epsilon$ becomes coarse. A plan that is not finished is not the best plan, and then the envelope theorem does not hold exactly: <!-- theory -->

# %% tags=["nbval-check-output", "name:unfinished"]
near = F.normalize(u + 3 * u.mean(0) / u.mean(0).norm(), dim=1)  # all near one arrow
student = F.normalize(near + 0.3 * v, dim=1).requires_grad_()
for epsilon in (0.5, 0.05, 0.005):
    slopes = []
    for detached in (True, False):
        loss = losses.wcord_local(student, near, epsilon=epsilon, detached=detached)
        slopes.append(torch.autograd.grad(loss, student)[0])
    gap = (slopes[0] - slopes[1]).norm() / slopes[1].norm()
    print(
        f"epsilon = {epsilon:g}: plan as given against plan followed, gradients differ by {gap:.1%}"
    )

# %% [markdown]
# ## 10. Your turn
#
# Replace the `raise` line, run the cell, then run its check. The checks compute the usual wrong
# answers too, so they can often name what went wrong.
#
# ### Exercise 1 - earth on a line
#
# Given places `a` of heaps and `b` of holes on a line, both [N] and all of one size, return the earth mover's distance. No solver needed.


# %% tags=["exercise"]
def my_line(a, b):
    # BEGIN SOLUTION
    return (a.sort().values - b.sort().values).abs().mean()
    # END SOLUTION


# %% tags=["check", "nbval-check-output", "name:line"]
exercises.lab06.line.check(my_line)

# %% [markdown]
# <details><summary>Hint</summary>
#
# If two paths of the plan cross, uncrossing them never costs more. So the order stays: who goes with whom? Each heap carries $1/N$.
#
# </details>

# %% [markdown]
# ### Exercise 2 - Sinkhorn's plan
#
# Given a cost [N, M], return Sinkhorn's plan [N, M] after `rounds` rounds; in each round scale first the columns, then the rows.


# %% tags=["exercise"]
def my_sinkhorn(cost, epsilon, rounds):
    # BEGIN SOLUTION
    plan = (-cost / epsilon).exp()
    for _ in range(rounds):
        plan = plan / plan.sum(0, keepdim=True) / plan.shape[1]  # columns to 1 / M
        plan = plan / plan.sum(1, keepdim=True) / plan.shape[0]  # rows to 1 / N
    return plan
    # END SOLUTION


# %% tags=["check", "nbval-check-output", "name:sinkhorn"]
exercises.lab06.sinkhorn.check(my_sinkhorn)

# %% [markdown]
# <details><summary>Hint</summary>
#
# Start from $e^{-C/\epsilon}$. To scale a column, divide it by its sum and multiply by what the sum should be: $1/M$ for a column, $1/N$ for a row.
#
# </details>

# %% [markdown]
# ### Exercise 3 - the global term
#
# Given embeddings `t`, `s` [B, D] (teacher, student; row $i$ of both belongs to picture $i$) and a matrix `w` [D, D], return $L_g$ with all pairs $i \ne j$ as the product.


# %% tags=["exercise"]
def my_global(t, s, w):
    # BEGIN SOLUTION
    g = t @ (w / torch.linalg.matrix_norm(w, 2)) @ s.T  # [B, B]
    others = ~torch.eye(len(t), dtype=torch.bool)
    return g[others].mean() - g.diagonal().mean()
    # END SOLUTION


# %% tags=["check", "nbval-check-output", "name:dual"]
exercises.lab06.dual.check(my_global)

# %% [markdown]
# <details><summary>Hint</summary>
#
# `torch.linalg.matrix_norm(w, 2)` is the spectral norm; without the 2 it is another one. A picture is no negative of itself.
#
# </details>

# %% [markdown]
# ### Exercise 4 - the gradient of the local term
#
# Given a plan `p` [B, B], rows for teachers, that counts as constant, and embeddings `t`, `s` [B, D] of length 1, so that $C_{ij} = 1 - t_i \cdot s_j$: return the gradient of $\langle P, C \rangle$ with respect to `s`, [B, D], without autograd.


# %% tags=["exercise"]
def my_gradient(p, t, s):
    # BEGIN SOLUTION
    return -p.T @ t  # student j is pulled to the teachers that the plan sends to it
    # END SOLUTION


# %% tags=["check", "nbval-check-output", "name:gradient"]
exercises.lab06.gradient.check(my_gradient)

# %% [markdown]
# <details><summary>Hint</summary>
#
# Write the loss as $\sum_{ij} P_{ij} (1 - t_i \cdot s_j)$ and look at one $s_j$: which terms hold it?
#
# </details>

# %% [markdown]
# ## 11. Recap
#
# - The earth mover's distance asks how far mass has to walk. It has a slope where two sets do not overlap, and divergences have none.
# - A plan can be found exactly, softly (Sinkhorn; epsilon is its temperature) or exactly in the end (IPOT).
# - WCoRD's global term is its dual, with a critic that is 1-Lipschitz for the *sum* of both distances. Negatives reduce its noise and do not change its value; it is not in nats.
# - Its local term is its primal, in the batch. It compares sets, not pairs: a shuffle and a collapse both please it. Only the global term and the labels hold identities, and two heads that are both trained give in.
# - Before you believe a table: is there code? which row was copied? is "+ KD" compared with "+ KD"?
#
# **Words.** *Plan*: who sends how much to whom. *Marginals*: a plan's row and column sums. *Primal, dual*: the least cost of a plan; the largest difference that a 1-Lipschitz function can show. *1-Lipschitz*: nowhere steeper than 1, in a stated distance. *Spectral norm*: the most that a matrix stretches. *Nuclear norm*: the sum of its singular values.
# *Envelope theorem*: at the best plan, the plan's own change costs nothing. *Collapse*: all embeddings equal.
#
# **Next.** Lab 07, MIMKD, goes back to information: three estimates of it, on maps, vectors and places.
#
# **References.** L. Chen, D. Wang, Z. Gan, J. Liu, R. Henao, L. Carin (2021), *Wasserstein Contrastive Representation Distillation*, arXiv 2012.08674. Y. Tian, D. Krishnan, P. Isola (2020), *Contrastive Representation Distillation*, and its code. <!-- published -->
# M. Cuturi (2013), *Sinkhorn Distances*. Y. Xie, X. Wang, R. Wang, H. Zha (2020), *A Fast Proximal Point Method for Computing Exact Wasserstein Distance*. M. Arjovsky, S. Chintala, L. Bottou (2017), *Wasserstein GAN*. S. Ozair et al. (2019), *Wasserstein Dependency Measure for Representation Learning*. C. Villani (2009), *Optimal Transport: Old and New*.
