"""Networks without first weights."""

from typing import Any

from torch import Tensor
from torch.nn import init
from torch.overrides import TorchFunctionMode


class Unfilled(TorchFunctionMode):
    """Leaves fresh weights as they are in memory, for those of a file to take their place, or to be counted only.

    Drawing them takes as long as reading a file, and memory that nothing was written to is not there yet. (On torch's
    meta device the first norm loads a thousand modules: 10 seconds.)
    """

    _DRAWS = (Tensor.normal_, Tensor.uniform_, init.normal_, init.uniform_, init.kaiming_uniform_)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Skip what draws."""
        kwargs = kwargs or {}
        if func in self._DRAWS:
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)
