"""The kinds of value that objectives' settings hold."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

STRICT = ConfigDict(strict=True, extra="forbid")
Weight = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Seed = Annotated[int, Field(ge=0)]
Centers = Literal["hadamard", "bernoulli"]
