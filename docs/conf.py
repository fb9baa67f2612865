import sys
from importlib.metadata import version as installed
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

project = "linregions"
copyright = "2026, the linregions founders"
version = release = installed("linregions")
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_parser",
    "mathml",
    "rooms",
    "example_page",
]
templates_path = ["_templates"]
autosummary_generate = True
myst_enable_extensions = ["dollarmath"]
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
autodoc_typehints = "none"
exclude_patterns = ["_build"]
html_math_renderer = "mathml"
html_static_path = ["_static"]
html_css_files = ["math.css"]
html_theme = "furo"
html_title = "linregions"
