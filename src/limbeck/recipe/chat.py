"""The recipe's table of a teacher that is a large language model behind an address: what it is told, and how."""

import math
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class ChatTable(BaseModel):
    """A large language model behind an OpenAI-compatible address, where the teacher is one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str | None = Field(None, description="Name of the model at the address. Needed there.")
    instructions: str | None = Field(
        None, description="What it is told first. Default: a sentence by the task; regression needs one."
    )
    descriptions: dict[str, str] = Field({}, description="Label, or digit -> what it means, in a few words.")
    scale: tuple[float, float] | None = Field(
        None, description="Least and greatest number. Regression needs it; reranking: 0 to 9."
    )
    parameters: dict[str, bool | int | float | str] | None = Field(
        None,
        description="Further fields of a request. They replace temperature 0, and max_tokens of twice a usual answer.",
    )
    api_key_env: str | None = Field(
        None, description="Environment variable that holds the key. Default: no key is sent."
    )
    concurrency: int = Field(8, ge=1, le=256, description="Calls under way at once.")
    timeout_seconds: float = Field(60.0, gt=0, description="Longest wait for an answer.")
    max_retries: int = Field(6, ge=0, le=100, description="Further attempts after 429, 5xx, a timeout or broken JSON.")
    max_unanswered: float = Field(0.05, ge=0, le=1, description="Share of texts that it may leave without an answer.")
    price_per_million_input_tokens: float | None = Field(None, ge=0)
    price_per_million_output_tokens: float | None = Field(None, ge=0)
    max_cost: float | None = Field(None, ge=0, description="Refuse to spend more, in the currency of the prices.")

    @model_validator(mode="after")
    def _a_limit_has_prices(self) -> Self:
        prices = (self.price_per_million_input_tokens, self.price_per_million_output_tokens)
        if self.max_cost is not None and None in prices:
            raise ValueError("max_cost needs price_per_million_input_tokens and price_per_million_output_tokens")
        return self

    @model_validator(mode="after")
    def _a_scale_rises(self) -> Self:
        if self.scale is not None and not (self.scale[0] < self.scale[1] and all(map(math.isfinite, self.scale))):
            raise ValueError("scale holds the least number, then a greater one")
        return self

    def cost(self, *, input_tokens: float, output_tokens: float) -> float | None:
        """What so many tokens cost, in the currency of the prices; None without prices."""
        if self.price_per_million_input_tokens is None or self.price_per_million_output_tokens is None:
            return None
        return (
            input_tokens * self.price_per_million_input_tokens + output_tokens * self.price_per_million_output_tokens
        ) / 1e6
