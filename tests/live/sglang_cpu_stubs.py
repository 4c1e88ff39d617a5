"""Empty stand-ins for GPU and vision packages, which SGLang imports at start even for a text model on a CPU.

It never calls them there. `servers.py` puts this module into SGLang's own environment, where a `.pth` file loads it at
interpreter start; it belongs nowhere else. A package that is installed wins over its stand-in.
"""

import importlib.abc
import importlib.machinery
import sys
import types
from collections.abc import Sequence
from typing import Any

ABSENT = frozenset(
    {
        "cuda",
        "cutlass",
        "decord",
        "deep_gemm",
        "flash_mla",
        "flashinfer",
        "humming",
        "kernels",
        "modelscope",
        "quack",
        "sgl_kernel",
        "smg_grpc_proto",
        "smg_grpc_servicer",
        "tilelang",
        "timm",
        "torch_memory_saver",
        "torchaudio",
        "torchvision",
    }
)


class _AnyAttribute(type):
    def __getattr__(cls, name: str) -> "_AnyAttribute":
        if name.startswith("__"):
            raise AttributeError(name)
        return cls


class StandIn(metaclass=_AnyAttribute):
    """Anything one could import: a class to inherit from, a decorator, a value with every attribute."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        pass

    def __call__(self, *args: object, **kwargs: object) -> object:
        return args[0] if len(args) == 1 and callable(args[0]) else self


class _Module(types.ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return StandIn


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname.partition(".")[0] in ABSENT:
            return importlib.machinery.ModuleSpec(fullname, self, is_package=True)
        return None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        module = _Module(spec.name)
        module.__path__ = []
        module.__version__ = "0.0.0"  # type: ignore[attr-defined]
        return module

    def exec_module(self, module: types.ModuleType) -> None:
        pass


sys.meta_path.append(_Finder())
