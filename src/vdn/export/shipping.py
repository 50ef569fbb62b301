"""`cards.toml` from the cards inside the ONNX files of a folder."""

import hashlib
import json
from pathlib import Path
from typing import Any

import onnx

from vdn.export.onnx_file import CARD_KEY
from vdn.runtime.cards import Card

__all__ = ["write_cards"]


def write_cards(folder: str | Path) -> Path:
    """Write `cards.toml` for all models in a folder, each with the digest of its file.

    Run it after putting an exported file among the shipped weights; it reads what
    `vdn.export.export_run` wrote into each file.
    """
    folder = Path(folder)
    lines = ["# One table a shipped model; `<name>.onnx` lies beside this file. Written by"]
    lines += ["# vdn.export.write_cards from the card inside each file.", ""]
    for path in sorted(folder.glob("*.onnx")):
        properties = {
            p.key: p.value for p in onnx.load(path, load_external_data=False).metadata_props
        }
        card = Card.from_mapping(json.loads(properties[CARD_KEY]), str(path)).to_mapping()
        card["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
        lines.append(f"[{card.pop('name')}]")
        lines += [f"{key} = {_toml(value)}" for key, value in card.items() if value not in ("", {})]
        lines.append("")
    target = folder / "cards.toml"
    target.write_text("\n".join(lines), encoding="utf-8")
    return target


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(k)} = {_toml(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
