"""ONNX files -> Network, by a reader of our own, checked against onnx's reference implementation."""

from linregions.networks.importers.onnx.from_file import from_onnx

__all__ = ["from_onnx"]
