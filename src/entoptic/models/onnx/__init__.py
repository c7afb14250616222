"""The one road from ONNX to torch."""

from entoptic.models.onnx.build import Imported, from_graph
from entoptic.models.onnx.graph import external_files, load_graph

__all__ = ["Imported", "external_files", "from_graph", "load_graph"]
