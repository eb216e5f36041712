"""What a training of text classifiers is made of: its knobs, and a step on words with a graph."""

import torch
import torch.nn.functional as F
from torch import Tensor

from labkit.data import Batch
from labkit.errors import between, positive
from labkit.losses.wigraph import wigraph_terms
from labkit.models.text import TextClassifier
from labkit.models.wigraph import WIGRAPH
from labkit.training.loop import Loop
from labkit.training.method import Knobs, Terms

KNOBS: dict[str, float] = {
    "beta_graph": 0.0, "beta_sparsity": 0.3, "temperature": 1.0, "hard": 1.0,
}  # fmt: skip


def knobs_of(model: TextClassifier) -> dict[str, float]:
    """The knobs a training of that model has, as they stand at its start; none without a graph."""
    if model.graph is None:
        return {}
    return KNOBS | ({"beta_mask": 0.0} if model.graph.mask is not None else {})


class TextLoop(Loop):
    """A `Loop` whose network reads words: knobs reach its graph before it draws, and the graph
    the loss. Its batches hold tokens [B, L] in the place of pictures."""

    def __init__(
        self,
        model: TextClassifier,
        normalisation: str,
        *,
        device: torch.device,
        rate: float,
        edge_rate: float,
        weight_decay: float,
        optimiser: str,
        schedule: str,
    ) -> None:
        super().__init__(
            model,
            _unasked,
            None,
            device=device,
            precision="fp32",
            learning_rate=rate,
            weight_decay=weight_decay,
            optimiser=optimiser,
            schedule=schedule,
        )
        self.reader, self.normalisation = model, normalisation
        if model.graph is not None:
            _apart(self.optimiser, model.graph.logits, edge_rate / rate)

    def terms(self, batch: Batch, knobs: Knobs, taught: object = None) -> Terms:
        """The weighted terms of a batch, scalars in float32."""
        graph, betas = self.reader.graph, graph_knobs(knobs, self.reader.graph)
        if graph is not None:
            graph.temperature = knobs["temperature"]
            graph.train(self.reader.training and knobs["hard"] >= 0.5)
        read = self.reader.read(batch.images)
        if read.graph is None:
            return {"prediction": F.cross_entropy(read.logits, batch.labels)}
        all_terms = wigraph_terms(
            read.logits, batch.labels, read.graph, normalisation=self.normalisation
        )
        scale = len(batch.labels) if self.normalisation == "published" else 1
        return {
            name: betas.get(f"beta_{name}", 1.0) * term / scale
            for name, term in all_terms._asdict().items()
            if name == "prediction" or f"beta_{name}" in betas
        }


def _unasked(*_: object) -> Terms:
    """`TextLoop.terms` asks the losses itself; a `Loop` wants a method all the same."""
    raise AssertionError("a text training has no method")


def _apart(optimiser: torch.optim.Optimizer, edges: Tensor, times: float) -> None:
    """Give `edges` a group of its own, `times` faster than the others, without decay."""
    (group,) = optimiser.param_groups
    group["params"] = [p for p in group["params"] if p is not edges]
    optimiser.add_param_group({"params": [edges], "weight_decay": 0.0, "times": times})

    def faster(*_: object) -> None:  # `Loop` sets one rate for all before each step
        own = optimiser.param_groups[1]
        own["lr"] *= own["times"]

    optimiser.register_step_pre_hook(faster)


def graph_knobs(knobs: Knobs, graph: WIGRAPH | None) -> dict[str, float]:
    """The betas; ValueError for a knob that cannot be used."""
    if graph is None:
        return {}
    positive("temperature", knobs["temperature"])
    between("hard", knobs["hard"], 0, 1)
    names = ["beta_graph", "beta_sparsity", *(["beta_mask"] if graph.mask is not None else [])]
    return {name: between(name, knobs[name], 0, 1e6) for name in names}
