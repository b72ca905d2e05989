"""MONAI's side of picking_speed.py: its attention U-Net over one image of the network's size.

Run by the interpreter of MONAI's own environment (see `_record.Worker`), in float32, as a user of
MONAI would: `SlidingWindowInferer`, windows of 256 that overlap by a quarter, four at a time.

Question: `{"shape": [rows, cols], "count": N}`.
"""

from __future__ import annotations

import json
import os
import sys
import time

import monai
import torch
from monai.inferers import SlidingWindowInferer
from monai.networks.nets import AttentionUnet

THREADS = int(os.environ["UNETPICK_BENCHMARK_THREADS"])


def main() -> None:
    torch.set_num_threads(THREADS)
    torch.manual_seed(1)
    network = AttentionUnet(2, 1, 1, channels=(32, 64, 128, 256), strides=(2, 2, 2)).eval()
    inferer = SlidingWindowInferer(roi_size=(256, 256), sw_batch_size=4, overlap=0.25)
    answers = sys.stdout
    sys.stdout = sys.stderr
    for line in sys.stdin:
        question = json.loads(line)
        image = torch.randn(1, 1, *question["shape"])
        start = time.perf_counter()
        with torch.inference_mode():
            for _ in range(question["count"]):
                inferer(image, network)
        answer = {
            "seconds": time.perf_counter() - start,
            "monai": monai.__version__,
            "parameters": sum(each.numel() for each in network.parameters()),
        }
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
