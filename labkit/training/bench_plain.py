"""The loop that distillation benchmarks train with: what `labkit bench` compares ours to.

As RepDistiller trains (Tian et al. 2020, github.com/HobbitLong/RepDistiller): torchvision's
transforms on one PIL picture at a time in worker processes, float32, channels first, SGD, loss and
accuracy read at every step.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

from labkit.data import Dataset, Split


class Pictures(datasets.VisionDataset):
    """A split as torchvision's CIFAR keeps it: an array, each picture made when asked for."""

    def __init__(self, split: Split, transform: Callable[[Image.Image], Tensor]) -> None:
        super().__init__("", transform=transform)
        self.data = split.images.permute(0, 2, 3, 1).contiguous().numpy()  # [N, 32, 32, 3]
        self.targets = split.labels.tolist()

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.data[index])), self.targets[index]

    def __len__(self) -> int:
        return len(self.data)


def loader(dataset: Dataset, *, batch_size: int, workers: int) -> DataLoader:
    """Shuffled training batches, cropped, mirrored and normalised by `workers` processes."""
    steps = transforms.Compose(
        [
            transforms.RandomCrop(32, padding=4),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize(dataset.mean.tolist(), dataset.std.tolist()),
        ]
    )
    return DataLoader(
        Pictures(dataset.train, steps),
        batch_size,
        shuffle=True,
        num_workers=workers,
        persistent_workers=workers > 0,
    )


class PlainLoop:
    """Trains `model` on the batches of a loader, an epoch at a time."""

    def __init__(self, model: nn.Module, batches: DataLoader, device: torch.device) -> None:
        self.model, self.batches, self.device = model.to(device), batches, device
        self.optimiser = torch.optim.SGD(model.parameters(), 0.05, momentum=0.9, weight_decay=5e-4)
        self.right: list[Tensor] = []

    def epoch(self) -> float:
        """One pass over the pictures, without a validation after it; the mean loss in nats."""
        losses = []
        self.model.train()
        for images, labels in self.batches:
            images, labels = images.to(self.device), labels.to(self.device)
            logits = self.model(images).logits
            loss = F.cross_entropy(logits, labels)
            self._count(logits, labels)
            losses.append(loss.item())
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()
        return sum(losses) / len(losses)

    @torch.no_grad()
    def _count(self, logits: Tensor, labels: Tensor) -> None:
        """The shares right with 1 and with 5 answers, which such a loop counts at every step."""
        hits = logits.topk(5, 1).indices == labels[:, None]  # [B, 5]
        self.right = [hits[:, :answers].any(1).float().mean() for answers in (1, 5)]
