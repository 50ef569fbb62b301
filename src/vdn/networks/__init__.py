"""Pure architectures: no loss, no data, no files."""

from vdn.networks.cbdnet import CBDNet, CBDNetRelease
from vdn.networks.dependence import dependence_radius
from vdn.networks.dncnn import DnCNN
from vdn.networks.enlarge import enlarge
from vdn.networks.estimate import Estimate
from vdn.networks.ffdnet import FFDNet
from vdn.networks.gray import gray_weights
from vdn.networks.growth import grown_weights
from vdn.networks.kernel import KNet
from vdn.networks.light import LightDNet, LightSNet, UNetSNet
from vdn.networks.paper import DNet, SNet

__all__ = [
    "CBDNet",
    "CBDNetRelease",
    "DNet",
    "DnCNN",
    "Estimate",
    "FFDNet",
    "KNet",
    "LightDNet",
    "LightSNet",
    "SNet",
    "UNetSNet",
    "dependence_radius",
    "enlarge",
    "gray_weights",
    "grown_weights",
]
