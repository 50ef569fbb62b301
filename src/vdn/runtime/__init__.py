"""Run the shipped networks on an ordinary CPU: cards, engines, exact tiling."""

from vdn.runtime.cards import Card, find_model, list_models

__all__ = ["Card", "find_model", "list_models"]
