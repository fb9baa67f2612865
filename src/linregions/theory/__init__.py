"""The statements of Hanin & Rolnick (2019) as functions, cited by number, and bounds on the number of regions."""

from linregions.errors import FewPointsWarning
from linregions.theory.bias_laws import BiasLaw, JointNormalBiases, NormalBias, UniformBias
from linregions.theory.bound_table import RegionBound, region_bounds
from linregions.theory.boundary_integrand import boundary_integrand
from linregions.theory.boundary_volume import expected_boundary_volume, measured_boundary_volume
from linregions.theory.corollaries import (
    distance_lower_bound,
    eta,
    proved_lower_bound,
    smallest_exponent,
    volume_lower_bound,
    volume_upper_bound,
)
from linregions.theory.count_bounds import (
    arrangement_regions,
    montufar_lower_bound,
    montufar_upper_bound,
    serra_lower_bound,
    serra_upper_bound,
    trivial_upper_bound,
)
from linregions.theory.count_growth import hanin_rolnick_average, raghu_growth
from linregions.theory.ensembles import RandomNetworks
from linregions.theory.neuron_statistics import NeuronStatistics, gradient_moments, neuron_statistics
from linregions.theory.relu_moments import (
    relu_derivative_moments,
    relu_good_probabilities,
    relu_gradient_moments,
    relu_mean_log_derivative,
    relu_pre_activation_moments,
)
from linregions.theory.tube import BoundaryComplex, boundary_complex, tube_volume, tube_volume_bound, unit_ball_volume

__all__ = [
    "BiasLaw",
    "BoundaryComplex",
    "FewPointsWarning",
    "JointNormalBiases",
    "NeuronStatistics",
    "NormalBias",
    "RandomNetworks",
    "RegionBound",
    "UniformBias",
    "arrangement_regions",
    "boundary_complex",
    "boundary_integrand",
    "distance_lower_bound",
    "eta",
    "expected_boundary_volume",
    "gradient_moments",
    "hanin_rolnick_average",
    "measured_boundary_volume",
    "montufar_lower_bound",
    "montufar_upper_bound",
    "neuron_statistics",
    "proved_lower_bound",
    "raghu_growth",
    "region_bounds",
    "relu_derivative_moments",
    "relu_good_probabilities",
    "relu_gradient_moments",
    "relu_mean_log_derivative",
    "relu_pre_activation_moments",
    "serra_lower_bound",
    "serra_upper_bound",
    "smallest_exponent",
    "trivial_upper_bound",
    "tube_volume",
    "tube_volume_bound",
    "unit_ball_volume",
    "volume_lower_bound",
    "volume_upper_bound",
]
