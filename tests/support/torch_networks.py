"""Small networks of every kind of connectivity, as PyTorch modules, trained a few steps on MNIST."""

from __future__ import annotations

import torch

import linregions as lr

nn, F = torch.nn, torch.nn.functional


class LeNet(nn.Module):
    """Convolutions with overlapping max pooling."""

    shape = (1, 14, 14)

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 4, 5, padding=2), nn.Conv2d(4, 6, 3)
        self.head = nn.Sequential(nn.Linear(24, 12), nn.ReLU(), nn.Linear(12, 10))

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.first(x)), 3, 2)
        x = F.max_pool2d(F.relu(self.second(x)), 3, 2, padding=1)
        return self.head(x[:, :, :2, :2].flatten(1))


class VGG(nn.Module):
    """Convolutions with batch norm and max pooling, in place."""

    shape = (1, 14, 14)

    def __init__(self):
        super().__init__()
        layers, before = [], 1
        for width in (4, 6):
            for _ in range(2):
                layers += [nn.Conv2d(before, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
                before = width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Dropout(), nn.Linear(6 * 9, 10))

    def forward(self, x):
        return self.classifier(torch.flatten(self.features(x), 1))


class Block(nn.Module):
    def __init__(self, before, width, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(before, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)
        self.shortcut = None
        if stride != 1 or before != width:
            self.shortcut = nn.Sequential(nn.Conv2d(before, width, 1, stride, bias=False), nn.BatchNorm2d(width))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        y += x if self.shortcut is None else self.shortcut(x)
        return F.relu(y)


class ResNet(nn.Module):
    """Residual blocks, one of them strided, and a global average."""

    shape = (1, 10, 10)

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU())
        self.blocks = nn.Sequential(Block(4, 4, 1), Block(4, 8, 2))
        self.pool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(8, 10)

    def forward(self, x):
        return self.fc(self.pool(self.blocks(self.stem(x))).flatten(1))


class DenseNet(nn.Module):
    """Each layer reads all before it."""

    shape = (1, 10, 10)

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(
            [
                nn.Sequential(nn.BatchNorm2d(1 + 3 * k), nn.ReLU(), nn.Conv2d(1 + 3 * k, 3, 3, padding=1))
                for k in range(3)
            ]
        )
        self.transition = nn.Sequential(nn.Conv2d(10, 4, 1), nn.AvgPool2d(2))
        self.fc = nn.Linear(100, 10)

    def forward(self, x):
        features = [x]
        for layer in self.layers:
            features.append(layer(torch.cat(features, 1)))
        return self.fc(F.relu(self.transition(torch.cat(features, 1))).flatten(1))


class UNet(nn.Module):
    """Down and up again, with concatenation; the output is an image."""

    shape = (1, 8, 8)

    def __init__(self):
        super().__init__()
        self.down1, self.down2 = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 6, 3, padding=1)
        self.middle = nn.Conv2d(6, 6, 3, padding=1)
        self.up = nn.ConvTranspose2d(6, 4, 2, stride=2)
        self.merge1, self.merge2 = nn.Conv2d(10, 4, 3, padding=1), nn.Conv2d(8, 4, 3, padding=1)
        self.out = nn.Conv2d(4, 1, 1)

    def forward(self, x):
        one = F.relu(self.down1(x))
        two = F.relu(self.down2(F.max_pool2d(one, 2)))
        low = F.relu(self.middle(F.avg_pool2d(two, 2)))
        up = F.interpolate(low, scale_factor=2, mode="bilinear", align_corners=False)
        up = F.relu(self.merge1(torch.cat([up, F.relu(self.up(low))], 1)))
        up = F.interpolate(up, scale_factor=2)
        return self.out(F.relu(self.merge2(torch.cat([up, one], 1))))


class Mixer(nn.Module):
    """Tokens and channels mixed in turn, without norms."""

    shape = (1, 8, 8)

    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(1, 6, 4, stride=4)
        self.tokens = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 4))
        self.channels = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 6))
        self.fc = nn.Linear(6, 10)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = x + self.tokens(x.transpose(1, 2)).transpose(1, 2)
        x = x + self.channels(x)
        return self.fc(x.mean(1))


class Shared(nn.Module):
    """One layer used three times."""

    shape = (1, 6, 6)

    def __init__(self):
        super().__init__()
        self.stem, self.layer, self.fc = (
            nn.Conv2d(1, 4, 3, padding=1),
            nn.Conv2d(4, 4, 3, padding=1),
            nn.Linear(144, 10),
        )

    def forward(self, x):
        x = self.stem(x)
        for _ in range(3):
            x = F.leaky_relu(self.layer(x), 0.1)
        return self.fc(x.flatten(1))


class Recurrent(nn.Module):
    """The rows of an image read one after the other."""

    shape = (1, 6, 6)

    def __init__(self):
        super().__init__()
        self.read, self.keep, self.fc = nn.Linear(6, 8), nn.Linear(8, 8), nn.Linear(8, 10)

    def forward(self, x):
        state = x.new_zeros(x.shape[0], 8)
        for t in range(x.shape[2]):
            state = F.relu(self.read(x[:, 0, t]) + self.keep(state))
        return self.fc(state)


class Maxout(nn.Module):
    """Largest of three affine functions, twice."""

    shape = (1, 6, 6)

    def __init__(self):
        super().__init__()
        self.first, self.second, self.fc = nn.Linear(36, 24), nn.Linear(8, 12), nn.Linear(4, 10)

    def forward(self, x):
        x = self.first(x.flatten(1)).view(-1, 8, 3).amax(2)
        return self.fc(self.second(x).view(-1, 4, 3).max(2).values)


NETWORKS = {kind.__name__: kind for kind in (LeNet, VGG, ResNet, DenseNet, UNet, Mixer, Shared, Recurrent, Maxout)}


def images(shape, n):
    """Return MNIST images, averaged down to a shape, and their labels."""
    data = lr.load_dataset("mnist")
    x = torch.tensor(data.x_train[:n].reshape(n, 1, 28, 28), dtype=torch.float32)
    return F.adaptive_avg_pool2d(x, shape[1:]), torch.tensor(data.y_train[:n].astype("int64"))


def trained(name, steps=4, seed=0):
    """Return one of the networks after a few steps of Adam, in evaluation mode."""
    torch.manual_seed(seed)
    module = NETWORKS[name]()
    x, y = images(module.shape, 64 * steps)
    optimizer = torch.optim.Adam(module.parameters(), 5e-3)
    module.train()
    for step in range(steps):
        part = slice(64 * step, 64 * step + 64)
        output = module(x[part])
        loss = F.mse_loss(output, x[part]) if output.ndim == 4 else F.cross_entropy(output, y[part])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return module.eval()
