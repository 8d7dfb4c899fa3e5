"""Sphinx's configuration of the site: ``sphinx-build -W docs docs/_build``."""

import re
import sys
from collections import namedtuple
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

DOCS = Path(__file__).parent
ROOT = DOCS.parent
sys.path[:0] = [str(ROOT), str(DOCS)]

from site_pages import write_pages  # noqa: E402  # It lies beside this file.

from mpi_cascade import __version__  # noqa: E402

project = "mpi_cascade"
author = "The mpi_cascade developers"
copyright = f"2026, {author}"
release = version = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
    "sphinx-mathjax-offline",
    "matplotlib.sphinxext.plot_directive",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "lessons/**/*.ipynb", "lessons/**/*.py"]
suppress_warnings = ["config.cache"]  # sphinx_gallery_conf holds a class, which is not pickled.

myst_enable_extensions = ["dollarmath", "amsmath", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_inherit_docstrings = False
python_maximum_signature_line_length = 80
napoleon_custom_sections = [("Source", "notes_style")]
napoleon_use_ivar = True
napoleon_use_rtype = False

sphinx_gallery_conf = {
    "examples_dirs": str(ROOT / "lessons"),
    "gallery_dirs": "lessons",
    "filename_pattern": r"/lesson_",
    "ignore_pattern": r"my_parts",
    "within_subsection_order": "FileNameSortKey",
    "copyfile_regex": r".*my_parts\.py",
    "parallel": 2,
    "download_all_examples": False,
    "remove_config_comments": True,
    "show_signature": False,
    "plot_gallery": "True",
}

plot_formats = [("png", 120)]
plot_html_show_formats = False
plot_html_show_source_link = False
plot_include_source = False
plot_rcparams = {"figure.constrained_layout.use": True, "font.size": 10}
plot_apply_rcparams = True

html_theme = "pydata_sphinx_theme"
html_title = "mpi_cascade"
html_show_sourcelink = False
html_theme_options = {
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": True,
    "header_links_before_dropdown": 7,
}

write_pages(ROOT)

_FIELD = type(namedtuple("_", "field").field)  # Its class has no other name.


def setup(app: Sphinx) -> None:
    """Connects what changes texts before they are read."""
    app.connect("source-read", _lead_to_pages)
    # Before napoleon, which reads the sections of a docstring.
    app.connect("autodoc-process-docstring", _escape, priority=100)
    app.connect("autodoc-skip-member", _skip_fields)


def _lead_to_pages(app: Sphinx, name: str, source: list[str]) -> None:
    """Lets links to the weights, which lie outside ``docs``, lead to their page."""
    source[0] = re.sub(r"\]\((?:\.\./)*weights/(?:README\.md)?\)", "](/weights.md)", source[0])


def _escape(
    app: Sphinx, what: str, name: str, of: object, options: object, lines: list[str]
) -> None:
    """Keeps |x| and * in a docstring what they are: formulas, no markup."""
    for number, line in enumerate(lines):
        if what in ("attribute", "property"):
            line = line.replace(": ", " – ")  # Napoleon takes what stands before for a type.
        parts = line.split("``")
        parts[::2] = [re.sub(r"([|*])", r"\\\1", part) for part in parts[::2]]
        lines[number] = "``".join(parts)


def _skip_fields(
    app: Sphinx, what: str, name: str, member: object, skip: bool, options: Any
) -> bool | None:
    """Leaves out the fields of named tuples, which the docstring of the class describes."""
    return True if isinstance(member, _FIELD) else None
