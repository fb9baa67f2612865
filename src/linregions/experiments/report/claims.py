"""What the paper says of its figures, and who checks it: every verdict is a function of saved tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from linregions.experiments.findings import Finding
from linregions.experiments.report import checks, weight_sharing
from linregions.experiments.saved import AbsentFileError, Saved
from linregions.experiments.theorems import checks as theorems

#: Under this name stand statements on all experiments together.
SETUP = "setup"
#: So begins what is said of a statement whose files are not there.
UNKNOWN = ("Not reproduced yet.", "Not checked: ")


@dataclass(frozen=True)
class Claim:
    """A statement that tables can confirm or contradict."""

    about: str  # the experiment it is reported with, or `SETUP`
    quote: str  # the paper's words, or our own where the place says so
    place: str  # where it says so
    criterion: str  # when the statement counts as holding here
    check: Callable[..., Finding]  # saved experiments -> Finding
    # Experiments whose tables are looked at: those of them that are there, by default the one it is about.
    needs: tuple[str, ...] = ()

    def judge(self, results: Mapping[str, Saved]) -> Finding:
        """Return what the tables of experiments, by name, say; nothing is known without any."""
        there = [results[name] for name in self.needs or (self.about,) if name in results]
        if not there:
            return Finding(UNKNOWN[0], None)
        try:
            return self.check(*there)
        except AbsentFileError as error:
            return Finding(f"{UNKNOWN[1]}{error}", None)


_TURN = "the change to the extreme and the change back exceed two standard errors of the mean over runs"

#: In the order of the paper's figures.
CLAIMS = (
    Claim(
        SETUP,
        "All networks attain test accuracy in the range 95 – 98%.",
        "section 3",
        "the mean over runs at the end of training, to a tenth of a percent, lies in this range for every architecture",
        checks.accuracy,
        ("fig5", "fig6", "fig7", "fig8"),
    ),
    Claim(
        "fig1",
        "Our theory suggests that, even after training, the number of linear regions is far below exponential.",
        "abstract; eq. (1)",
        "there are at most #neurons² regions in the square",
        checks.far_below_exponential,
    ),
    Claim(
        "fig2",
        "Each neuron in the first layer defines a linear boundary that partitions the input space into two regions.",
        "caption of figure 2",
        "all corners on the boundary of a neuron lie on one line, up to rounding",
        checks.straight_first_layer,
    ),
    Claim(
        "fig2",
        "Ultimately, the input space is partitioned into a number of convex regions, on each of which the neural "
        "network is given by a (different) linear function.",
        "caption of figure 2",
        "no corner of any activation region points inwards",
        checks.convex_regions,
    ),
    Claim(
        "fig3",
        "… a sawtooth function with 2ⁿ teeth can be expressed exactly using only 3n + 4 neurons.",
        "section 1",
        "the network has 3n + 4 hidden ReLU units, and two linear regions for each of 2ⁿ teeth, for every n",
        checks.sawtooth_size,
    ),
    Claim(
        "fig3",
        "However, even slightly perturbing this network (by adding noise to the weights and biases) ruins this "
        "beautiful structure and severely reduces the number of linear pieces.",
        "section 1",
        "at the largest n the mean with noise, plus two standard errors, is below half the number without",
        checks.noise_ruins_the_sawtooth,
    ),
    Claim(
        "fig4",
        "… we believe that at initialization the mean total number of linear regions 𝒩 is proportional to the number "
        "of neurons.",
        "section 2.1",
        "mean regions per neuron on the whole axis differ by less than 10 % between architectures",
        checks.proportional_to_neurons,
    ),
    Claim(
        "fig5",
        "… all networks start out with the number of regions along a line equal to a constant times the number of "
        "neurons in the network (the constant in fact appears very close to 1 in this case).",
        "section 3.1",
        "the mean before training is within 10 % of one region per neuron for every architecture",
        checks.one_region_per_neuron,
    ),
    Claim(
        "fig5",
        "… a shallow network and a deep network will have the same complexity, by this measure, as long as they have "
        "the same total number of neurons.",
        "section 2.1, on theorem 1",
        "before training, means of architectures with equally many neurons are within 10 % of each other",
        checks.only_neurons_count,
    ),
    Claim(
        "fig5",
        "Throughout training, the number of regions does not deviate significantly from the number of neurons in the "
        "network, staying within a small constant of the value at initialization.",
        "section 3.1",
        "the mean stays between half and twice its value before training, at every moment and for every architecture",
        checks.near_the_start,
    ),
    Claim(
        "fig5",
        "The number of regions actually decreases during the initial part of training, then increases again.",
        "section 3.1",
        f"for every architecture with more than one hidden layer, {_TURN}",
        checks.dips_and_rebounds,
    ),
    Claim(
        "fig6",
        "Throughout training, we find that it approximately varies between the curves 0.4/#{neurons} and "
        "1.5/#{neurons}.",
        "section 3.2",
        "for normal points, mean distance times #neurons lies between 0.4 and 1.5, give or take a tenth of these, for "
        "every architecture and moment",
        checks.within_the_band,
    ),
    Claim(
        "fig6",
        "At initialization, as we predict, all networks have the same value for the product of number of neurons and "
        "distance to the nearest region boundary.",
        "section 3.2",
        "the largest and the smallest mean of an architecture differ by at most 20 % of their average",
        checks.same_product_at_the_start,
    ),
    Claim(
        "fig6",
        "… the distance to the nearest boundary first increases then decreases during training.",
        "section 3.2",
        f"for every architecture, {_TURN}",
        checks.grows_then_shrinks,
    ),
    Claim(
        "fig6",
        "Rerunning these experiments with sample points selected randomly from (i) the training data or (ii) the test "
        "data yielded similar results to random sample points.",
        "section 3.2",
        "mean distances are between half and twice those of normal points, for every architecture and moment",
        checks.alike_on_data,
    ),
    Claim(
        "fig7",
        "… this distribution does not significantly change during training.",
        "section 3.2",
        "the histogram of each later moment shares at least 80 % of its area with the one before training",
        checks.same_distribution,
    ),
    Claim(
        "fig7",
        "… there appears to be a slight skew towards larger regions.",
        "section 3.2",
        "the mean log distance is larger than before training by more than two standard errors, at each later moment",
        checks.towards_larger_regions,
    ),
    Claim(
        "fig7",
        "… distance to the nearest region boundary varies over many orders of magnitude.",
        "section 3.2",
        "99.9 % of the distances at a moment span at least two orders of magnitude",
        checks.orders_of_magnitude,
    ),
    Claim(
        "fig8",
        "… the regions expand initially during training and then contract again.",
        "section 3.3",
        f"the number of regions in the square falls and rises again: {_TURN}",
        checks.expand_then_contract,
    ),
    Claim(
        "fig8",
        "We expect the number of regions within a 2-dimensional subspace to be on the order of the square of the "
        "number of neurons.",
        "section 3.3",
        "in the square drawn, the mean is within a factor of √10 of #neurons² at every moment",
        checks.order_of_neurons_squared,
    ),
    Claim(
        "fig8",
        "… that is, (64 · 3)² ≈ 4 × 10⁴, which we indeed find.",
        "section 3.3; the size of the square is not given",
        "some square, of whatever size, has at least three quarters of #neurons² regions",
        checks.forty_thousand,
    ),
    Claim(
        "theorems",
        "… the average (n_in − k)-dimensional volume E[vol(B_{N,k} ∩ K)] is ∑ ∫_K E[Y_{z_1,…,z_k}(x)] dx.",
        "theorems 3 and 6, eqs. (8), (12), (13)",
        "measured and predicted means differ by less than four standard errors in every case",
        theorems.volume_formula,
    ),
    Claim(
        "theorems",
        "… the average number of linear regions inside I is proportional to the number of neurons …",
        "theorem 1; also along curves",
        "at depth 3, breakpoints go as the number of neurons to a power within 0.1 of 1, on every curve",
        theorems.regions_grow_linearly,
    ),
    Claim(
        "theorems",
        "… proportional to the number of neurons, but independent of the arrangement of those neurons.",
        "section 2.1, on theorem 1, at the paper's initialisation",
        "means of arrangements with equally many neurons and a sum of inverse widths of at most 1/2 differ by at most "
        "10 %, for every curve",
        theorems.only_neurons_count,
    ),
    Claim(
        "theorems",
        "… proportional to the number of neurons, but independent of the arrangement of those neurons.",
        "section 2.1, on theorem 1, with biases uniform on [-2, 2] in every layer",
        "means of arrangements with equally many neurons and a sum of inverse widths of at most 1/2 differ by at most "
        "10 %, for every curve",
        theorems.only_neurons_count_with_wide_biases,
    ),
    Claim(
        "theorems",
        "E[#{regions in I}] ≈ |I| · T · #{neurons}.",
        "theorem 1, the factor T",
        "breakpoints per neuron and T differ by at most a factor of 1.5 between T = 1, 2 and 3",
        theorems.proportional_to_breakpoints,
    ),
    Claim(
        "theorems",
        "E[vol(B_N ∩ K) / vol(K)] ≈ T · #{neurons}.",
        "theorem 2",
        "at depth 3, the density goes as the number of neurons to a power within 0.1 of 1, for every law",
        theorems.density_grows_linearly,
    ),
    Claim(
        "theorems",
        "E[distance(x, B_N)] ≥ C (#{neurons})^{-1}.",
        "theorem 2",
        "at depth 3, the mean distance goes as the number of neurons to a power within 0.1 of -1, for every law",
        theorems.distance_shrinks,
    ),
    Claim(
        "theorems",
        "E[vol(B_{N,k} ∩ K)] / vol(K) ≤ binom(#{neurons}, k) (T · 2 C_grad C_bias)^k.",
        "corollaries 4 and 7, eqs. (9), (15)",
        "no measured mean exceeds the bound, even without the factor 2, by four standard errors",
        theorems.upper_bound,
    ),
    Claim(
        "theorems",
        "C_grad ≤ C exp(C ∑ 1/n_j).",
        "corollary 4",
        "fitted slopes do not exceed those of the limit of wide layers by four standard errors",
        theorems.gradient_constant,
    ),
    Claim(
        "theorems",
        "Moreover, we also have similar lower bounds binom(#{neurons}, k) c_bias^k.",
        "corollary 4, eq. (10), k = 1, with the constants of its proof",
        "no measured mean is below the bound of the proof by four standard errors",
        theorems.lower_bound,
    ),
    Claim(
        "theorems",
        "E[distance(x, B_N)] ≥ c / (C_bias C_grad #{neurons}).",
        "corollaries 5 and 8; the latter prints T in the numerator",
        "no mean distance is below the bound with c = 1/4 and T in the denominator by four standard errors",
        theorems.distance_bound,
    ),
    Claim(
        "theorems",
        "vol_n(T_ε(S)) ≤ ∑ ω_{n−k} ε^{n−k} vol_k(S_k).",
        "lemma 12, with the vertices as S_0",
        "no area exceeds the bound by four standard errors",
        theorems.tube_bound,
    ),
    Claim(
        "theorems",
        "At initialization … P(z is good at x), E[z(x)²], E[‖∇z(x)‖²] and E[log(n_in (∂z/∂x_j)²)].",
        "appendix D, eqs. (31) to (34)",
        "in the right reading, all means are within four standard errors",
        theorems.initialisation,
    ),
    Claim(
        "conv",
        "Moreover, the upper bounds we present in Theorems 1, 2, and 3 … can also be generalized to hold for "
        "feed-forward networks with arbitrary connectivity …",
        "section 2; weights that are shared are not independent, as the paper's are",
        "on lines, CNN and ResNet have at most twice as many regions as dense networks with as many neurons in every "
        "layer, for every size, kind of line and moment",
        weight_sharing.not_more_than_dense,
    ),
    Claim(
        "conv",
        "… the constant in fact appears very close to 1 in this case …",
        "section 3.1, on dense networks",
        "the means of CNN and ResNet before training are within 10 % of one region per neuron, for every size and kind "
        "of line",
        weight_sharing.one_region_per_neuron,
    ),
    Claim(
        "conv",
        "… the number of regions along a line equal to a constant times the number of neurons in the network …",
        "section 3.1, on dense networks",
        "for CNN and ResNet, before training and at its end, regions go as the number of neurons to a power within "
        "0.25 of 1, for every kind of line; with a single run nothing is decided",
        weight_sharing.grows_with_neurons,
    ),
    Claim(
        "conv",
        "… staying within a small constant of the value at initialization.",
        "section 3.1, on dense networks",
        "the means of CNN and ResNet stay between half and twice their value before training, for every size, kind of "
        "line and moment",
        weight_sharing.near_the_start,
    ),
    Claim(
        "conv",
        "Experimentally, distance(x, B_N) remains comparable to (#{neurons})⁻¹ throughout training (see Figure 6).",
        "section 2.2, on dense networks",
        "mean distance times #neurons of CNN and ResNet lies between 0.4 and 1.5, give or take a tenth of these, for "
        "every size, kind of point and moment",
        weight_sharing.within_the_band,
    ),
    Claim(
        "conv",
        "Weights that are shared and local leave both laws as they are; what breaks them are dark margins, where "
        "neurons see next to nothing.",
        "our own reading, not the paper's",
        "on inputs without dark margins, regions on lines and mean distances of CNN and ResNet lie between half and "
        "twice those of dense networks with as many neurons in every layer, for every size and moment; on others, not "
        "all do",
        weight_sharing.only_dark_margins,
    ),
)
