"""The one road from ONNX to torch."""

from entoptic.formats.onnx.build import Imported, from_graph
from entoptic.formats.onnx.reading import external_files, load_graph

__all__ = ["Imported", "external_files", "from_graph", "load_graph"]
