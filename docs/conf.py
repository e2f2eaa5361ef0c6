"""How the documentation site is built: `make docs`.

The source folder is the root of the repository, so README.md and its neighbours are pages where they stand, and a link
between documents is the same on the site as in the repository. Warnings are errors: a link or an anchor that leads
nowhere, and a page that docs/index.md does not list.
"""

project = "memmux"
author = "the authors of memmux"
project_copyright = "the authors of memmux, Apache-2.0"

extensions = ["myst_parser"]
include_patterns = ["*.md", "docs/**.md"]
exclude_patterns = [".*"]  # no look into .venv
root_doc = "docs/index"
nitpicky = True

myst_heading_anchors = 4  # named as GitHub names them
highlight_language = "text"
suppress_warnings = ["misc.highlighting_failure"]  # examples of JSON leave things out with an ellipsis

html_theme = "furo"
html_title = "memmux"
html_additional_pages = {"index": "to-docs.html"}
templates_path = ["templates"]
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_use_index = False
html_domain_indices = False
