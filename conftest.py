"""What is not collected where the packages of an extra are missing."""

from importlib.util import find_spec

collect_ignore = (
    [] if find_spec("magicgui") else ["src/vdn/napari/screen.py", "src/vdn/napari/widget.py"]
)
