import inspect
import os
import sys
from pathlib import Path

os.environ.setdefault("MPLBACKEND", "agg")
sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

from numpydoc.xref import DEFAULT_LINKS

import linregions
from linregions import errors, plotting, theory, tracking, training

project = "linregions"
copyright = "2026, the linregions founders"
version = release = linregions.__version__
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
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
exclude_patterns = [
    "_build",
    "examples/*.ipynb",
    "examples/*.py",
    "**/GALLERY_HEADER*",
    "sg_execution_times.rst",
    "examples/sg_execution_times.rst",
]
html_math_renderer = "mathml"
html_static_path = ["_static"]
html_css_files = ["math.css"]
html_theme = "furo"
html_title = f"linregions {release}"

# `name` in a docstring is a link where there is such a name, and types and errors are.
default_role = "autolink"
numpydoc_xref_param_type = True
numpydoc_xref_ignore = "all"
numpydoc_xref_aliases = {name: name for name in DEFAULT_LINKS} | {  # words of Python and numpy stay words
    name: f"linregions.{prefix}{name}"
    for prefix, module in {
        "errors.": errors,
        "plotting.": plotting,
        "theory.": theory,
        "tracking.": tracking,
        "training.": training,
        "": linregions,  # the last: what is found here has its page here
    }.items()
    for name in getattr(module, "__all__", dir(module))
    if inspect.isclass(getattr(module, name, None))
}

# Each file of examples/gallery is run, and becomes a page with its code, what it prints, and its picture.
sphinx_gallery_conf = {
    "examples_dirs": "../examples/gallery",
    "gallery_dirs": "examples",
    "filename_pattern": r"\.py$",
    "within_subsection_order": "FileNameSortKey",
    "remove_config_comments": True,
    "show_memory": False,
    "show_signature": False,
    "min_reported_time": 1e9,
    "abort_on_example_error": True,
    "backreferences_dir": None,
    "download_all_examples": False,
    "plot_gallery": "True",
}
suppress_warnings = ["config.cache"]
