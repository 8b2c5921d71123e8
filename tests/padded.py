"""Two texts of the tiny models' ids, the first of them padded: as ids, as a forward takes them, and as a batch."""

import torch

from limbeck.text.tokens import TokenBatch

IDS = torch.tensor([[2, 50, 51, 52, 3, 0, 0], [2, 50, 55, 60, 65, 70, 3]])
MASK = (IDS != 0).long()
INPUTS = {"input_ids": IDS, "attention_mask": MASK}
BATCH = TokenBatch(IDS.numpy(), MASK.numpy(), torch.zeros_like(IDS).numpy())
