"""Pure architectures: no loss, no data, no files."""

from vdn.networks.dependence import dependence_radius
from vdn.networks.light import LightDNet, LightSNet
from vdn.networks.paper import DNet, SNet

__all__ = ["DNet", "LightDNet", "LightSNet", "SNet", "dependence_radius"]
