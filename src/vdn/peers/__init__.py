"""Networks of others, and runs of one's own, as functions that denoise arrays."""

from vdn.peers.denoiser import Peer, load_peer

__all__ = ["Peer", "load_peer"]
