"""
Two moons, before, during and after training
============================================

Regions gather where the function has to bend. The network is scikit-learn's; ``warm_start`` keeps its weights from
one fit to the next.
"""

import warnings

import matplotlib.pyplot as plt
from sklearn.datasets import make_moons
from sklearn.neural_network import MLPClassifier

import linregions as lr

warnings.simplefilter("ignore")  # that few iterations are few
x, y = make_moons(300, noise=0.15, random_state=0)
model = MLPClassifier((24, 24), max_iter=1, warm_start=True, random_state=0, learning_rate_init=0.01)
window = lr.PlaneWindow.of_inputs([-1.6, -1.2], [2.6, 1.7])
figure, axes = plt.subplots(1, 3, figsize=(10, 3), layout="constrained")
done = 0
for ax, epochs in zip(axes, (1, 15, 150), strict=True):
    while done < epochs:
        model.fit(x, y)
        done += 1
    part = lr.partition(lr.from_sklearn(model), window)
    part.plot(ax, color_by="class", title=f"epoch {epochs}: {part.n_regions} regions")
    ax.scatter(*part.to_axes(x).T, c=y, cmap="gray", edgecolors="k", s=8, linewidths=0.4)
