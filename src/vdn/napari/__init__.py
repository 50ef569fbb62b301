"""The plugin of the viewer napari: a widget that denoises image layers."""
