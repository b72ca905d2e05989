"""BatchAugmentation: one fused warp of image and labels, then changes of intensity.

Everything happens on a whole batch, on its device, from an explicit random generator.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from napari_unetpick.settings import AugmentSettings

ELASTIC_GRID = 4  # control points of the elastic displacement along each side of a patch
SPECTRUM_KNOTS = 5  # of the random gain, evenly over the logarithm of frequency
SPECTRUM_STEPS = 64
WIDEST = 4.0  # diameters: wider detail is background, and has the gain of this


class BatchAugmentation:
    """Rotation by any angle, flips, scale, elastic; noise, contrast, blur, spectrum, ice.

    Parameters
    ----------
    settings
        Strengths; `probability` is that of each change of intensity.
    diameter
        Particle diameter in network pixels.
    """

    def __init__(self, settings: AugmentSettings, diameter: float) -> None:
        self.settings = settings
        self.diameter = diameter

    def source_size(self, patch: int) -> int:
        """Side of the square to cut so that a warped patch of side `patch` is filled."""
        reach = patch * (math.sqrt(2) if self.settings.rotation else 1.0)
        reach *= 1 + self.settings.scale
        reach += 2 * self.settings.elastic * self.diameter * 2
        return math.ceil(reach) // 2 * 2 + 2 if reach > patch else patch

    def __call__(
        self, stack: Tensor, patch: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Augment a batch.

        Parameters
        ----------
        stack
            (B, 3, S, S) image, target in [0, 1] and weight in [0, 1], S >= patch; a fourth plane is
            junk, in [0, 1].
        patch
            Side of the result.

        Returns
        -------
        image, target, weight
            Each (B, 1, patch, patch); the target is 0 or 1, and has junk as its second plane where
            the stack has a fourth one; the weight is 0 outside the micrograph.
        """
        warped = self.warp(stack, patch, generator)
        image, target, weight, junk = (warped[:, k:m] for k, m in ((0, 1), (1, 2), (2, 3), (3, 4)))
        target, junk = ((each > 0.5).to(image.dtype) for each in (target, junk))
        if self.settings.ice > 0:
            image, weight, cover = self.add_ice(image, target, weight, generator)
            junk = torch.maximum(junk, cover)
        if self.settings.spectrum > 0:
            image = self.change_spectrum(image, generator)
        if self.settings.blur > 0:
            image = self.blur(image, generator)
        if self.settings.contrast > 0:
            image = self.change_contrast(image, generator)
        if self.settings.noise > 0:
            image = self.add_noise(image, generator)
        return image, torch.cat([target, junk], 1), weight

    def warp(self, stack: Tensor, patch: int, generator: torch.Generator) -> Tensor:
        """Rotate, flip, scale and bend in a single interpolation."""
        batch, _, size, _ = stack.shape
        s = self.settings
        if not (s.rotation or s.flip or s.scale or s.elastic):
            start = (size - patch) // 2
            return stack[:, :, start : start + patch, start : start + patch]
        angle = self._uniform(batch, 0, 2 * math.pi, generator) * float(s.rotation)
        zoom = torch.exp(self._uniform(batch, -1, 1, generator) * math.log1p(s.scale))
        mirror = 1 - 2 * (self._uniform(batch, 0, 1, generator) < 0.5).float() * float(s.flip)
        cos, sin = torch.cos(angle) * zoom, torch.sin(angle) * zoom
        matrix = torch.stack([cos * mirror, -sin, sin * mirror, cos], 1).view(batch, 2, 2)
        axis = torch.arange(patch, dtype=torch.float32) - (patch - 1) / 2
        col, row = torch.meshgrid(axis, axis, indexing="xy")
        places = torch.stack([col, row], -1).view(1, -1, 2) @ matrix.transpose(1, 2)
        grid = places.view(batch, patch, patch, 2).to(stack.device)
        if s.elastic > 0:
            knots = torch.randn(batch, 2, ELASTIC_GRID, ELASTIC_GRID, generator=generator)
            bend = stretch(knots.to(stack.device), patch)
            grid = grid + bend.permute(0, 2, 3, 1) * (s.elastic * self.diameter)
        # (x, y) in pixels from the centre to grid_sample's -1..1 (align_corners=False)
        return functional.grid_sample(
            stack, grid * (2 / size), mode="bilinear", padding_mode="zeros", align_corners=False
        )

    def add_ice(
        self, image: Tensor, target: Tensor, weight: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Lay a dark, rarely bright, blob over some patches; particles under it are ignored.

        Return image, weight, and where the blobs are, 0 or 1; each (B, 1, size, size).
        """
        batch, _, size, _ = image.shape
        chosen = self._uniform(batch, 0, 1, generator) < self.settings.ice
        centre = self._uniform(batch * 2, 0, size, generator).view(batch, 2)
        radius = self._uniform(batch, 0.4, 1.6, generator) * self.diameter
        elongation = torch.exp(self._uniform(batch, -0.5, 0.5, generator))
        turn = self._uniform(batch, 0, math.pi, generator)
        depth = self._uniform(batch, 1.0, 4.0, generator)
        sign = torch.where(self._uniform(batch, 0, 1, generator) < 0.8, -1.0, 1.0)
        ripple = torch.randn(batch, 1, 6, 6, generator=generator)
        if not bool(chosen.any()):
            return image, weight, torch.zeros_like(image)
        shape = torch.stack([*centre.T, radius, elongation, turn, sign * depth, chosen.float()])
        row, col, radius, elongation, turn, depth, chosen = shape.to(image.device).view(7, -1, 1, 1)
        axis = torch.arange(size, dtype=torch.float32, device=image.device)
        dy, dx = axis.view(1, -1, 1) - row, axis.view(1, 1, -1) - col
        cos, sin = torch.cos(turn), torch.sin(turn)
        u, v = (cos * dx + sin * dy), (cos * dy - sin * dx)
        reach = torch.sqrt((u * elongation) ** 2 + (v / elongation) ** 2)
        rough = stretch(ripple.to(image.device), size)[:, 0]
        cover = torch.sigmoid((radius - reach) / (0.12 * self.diameter) + rough) * chosen
        shade = (cover * (1 + 0.25 * rough) * depth).unsqueeze(1)
        under = cover.unsqueeze(1) > 0.3
        covered = under & (target > 0.5)
        weight = torch.where(covered, torch.zeros_like(weight), weight)
        return image + shade, weight, under.to(image.dtype)

    def blur(self, image: Tensor, generator: torch.Generator) -> Tensor:
        """Gaussian blur, each patch by its own width."""
        batch = len(image)
        sigma = self._uniform(batch, 0, self.settings.blur, generator) * self.diameter
        sigma = torch.where(self._chosen(batch, generator), sigma, torch.zeros(batch)) + 1e-3
        half = max(1, math.ceil(2 * self.settings.blur * self.diameter))
        axis = torch.arange(-half, half + 1, dtype=torch.float32)
        kernel = torch.exp(-0.5 * (axis.view(1, -1) / sigma.view(-1, 1)) ** 2)
        kernel = (kernel / kernel.sum(1, keepdim=True)).to(image.device)
        flat = image.transpose(
            0, 1
        )  # one channel a patch, so that one grouped convolution does all
        flat = functional.pad(flat, (half, half, half, half), mode="reflect")
        flat = functional.conv2d(flat, kernel.view(batch, 1, -1, 1), groups=batch)
        flat = functional.conv2d(flat, kernel.view(batch, 1, 1, -1), groups=batch)
        return flat.transpose(0, 1)

    def change_spectrum(self, image: Tensor, generator: torch.Generator) -> Tensor:
        """Make details of some widths stronger and of others weaker, each patch by its own gain.

        Microscopes, defocus, dose weighting and denoising differ by such a gain. Mean and standard
        deviation of a patch stay.
        """
        batch, _, rows, cols = image.shape
        knots = torch.randn(batch, 1, SPECTRUM_KNOTS, generator=generator) * self.settings.spectrum
        knots = knots * self._chosen(batch, generator).view(-1, 1, 1).float()
        steps = functional.interpolate(knots, SPECTRUM_STEPS, mode="linear", align_corners=True)
        row, col = torch.fft.fftfreq(rows).view(-1, 1), torch.fft.rfftfreq(cols).view(1, -1)
        finest = math.log2(math.sqrt(0.5) * self.diameter * WIDEST)  # the corner of Fourier space
        octave = torch.log2((torch.hypot(row, col) * self.diameter * WIDEST).clamp_min(1.0))
        place = (octave * ((SPECTRUM_STEPS - 1) / finest)).round().long()
        gain = torch.exp(steps)[:, :, place].to(image.device)
        gain[..., 0, 0] = 1.0
        made: Tensor = torch.fft.irfft2(torch.fft.rfft2(image) * gain, s=(rows, cols))
        mean = image.mean((2, 3), keepdim=True)
        before, after = (x.std((2, 3), keepdim=True).clamp_min(1e-6) for x in (image, made))
        return (made - mean) * (before / after) + mean

    def change_contrast(self, image: Tensor, generator: torch.Generator) -> Tensor:
        """Multiply and shift, each patch by its own amount."""
        batch = len(image)
        strength = self.settings.contrast
        chosen = self._chosen(batch, generator).float()
        gain = torch.exp(self._uniform(batch, -strength, strength, generator) * chosen)
        shift = self._uniform(batch, -strength, strength, generator) * chosen
        shape = (-1, 1, 1, 1)
        return image * gain.view(shape).to(image.device) + shift.view(shape).to(image.device)

    def add_noise(self, image: Tensor, generator: torch.Generator) -> Tensor:
        """Add white noise, each patch with its own strength."""
        batch = len(image)
        sigma = self._uniform(batch, 0, self.settings.noise, generator)
        sigma = sigma * self._chosen(batch, generator).float()
        noise = torch.randn(image.shape, generator=generator)
        return image + (noise * sigma.view(-1, 1, 1, 1)).to(image.device)

    def _chosen(self, batch: int, generator: torch.Generator) -> Tensor:
        return self._uniform(batch, 0, 1, generator) < self.settings.probability

    @staticmethod
    def _uniform(n: int, low: float, high: float, generator: torch.Generator) -> Tensor:
        return torch.rand(n, generator=generator) * (high - low) + low


def stretch(knots: Tensor, size: int) -> Tensor:
    """Draw a smooth field through (B, C, k, k) knots: (B, C, size, size)."""
    return functional.interpolate(knots, (size, size), mode="bicubic", align_corners=True)
