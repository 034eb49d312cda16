"""Golden values for packages/metrics, by scikit-image, scipy and pytorch-msssim.

    pip install numpy==2.4.6 scipy==1.17.1 scikit-image==0.26.0 pytorch-msssim==1.0.0 torch==2.13.0
    python models/golden_metrics.py

writes packages/metrics/test/golden/{pictures,statistics,features}.json. The photograph is a
crop of scikit-image's `astronaut`: Eileen Collins, by NASA, in the public domain.
"""

import base64
import functools
import json
from pathlib import Path

import numpy as np
import pytorch_msssim
import scipy
import skimage
import torch
from scipy import ndimage, stats
from skimage.metrics import _structural_similarity, peak_signal_noise_ratio

GOLDEN = Path(__file__).parent.parent / "packages" / "metrics" / "test" / "golden"
SIGMA = 1.5
MS_WEIGHTS = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333]


def window_size(picture):
    return 11 if min(picture.shape[:2]) >= 128 else 7


def ssim(a, b, size):
    """scikit-image's SSIM, its window cut at `size` pixels.

    scikit-image takes the window's reach as a constant 3.5 sigma (11 pixels at sigma 1.5);
    `win_size` alone moves the crop, not the window.
    """
    original = _structural_similarity.gaussian
    truncate = ((size - 1) / 2) / SIGMA

    @functools.wraps(original)
    def gaussian(image, **options):
        return original(image, **{**options, "truncate": truncate})

    _structural_similarity.gaussian = gaussian
    try:
        value, full = _structural_similarity.structural_similarity(
            a,
            b,
            win_size=size,
            gaussian_weights=True,
            sigma=SIGMA,
            use_sample_covariance=False,
            data_range=255,
            channel_axis=-1,
            full=True,
        )
    finally:
        _structural_similarity.gaussian = original
    return value, full.mean(axis=-1)


def masked_ssim(full, mask, size):
    margin = (size - 1) // 2
    inside = (slice(margin, -margin),) * 2
    weights = mask[inside].astype(float)
    return (full[inside] * weights).sum() / weights.sum()


def low_pass_ssim(a, b, size, sigma):
    blurred = [
        ndimage.gaussian_filter(
            p.astype(float), (sigma, sigma, 0), mode="reflect", truncate=4
        )
        for p in (a, b)
    ]
    return ssim(*blurred, size)[0]


def ms_ssim_of_three(a, b):
    """Three scales with a 7-pixel window, from the SSIM factors by scipy's filters."""
    window = np.exp(-0.5 * (np.arange(-3, 4) / SIGMA) ** 2)
    window /= window.sum()
    weights = np.array(MS_WEIGHTS[:3]) * (sum(MS_WEIGHTS) / sum(MS_WEIGHTS[:3]))

    def smooth(plane):
        for axis in (0, 1):
            plane = ndimage.correlate1d(plane, window, axis=axis)
        return plane[3:-3, 3:-3]

    values = []
    for channel in range(3):
        x, y = (p[..., channel].astype(float) for p in (a, b))
        value = 1.0
        for scale, weight in enumerate(weights):
            mx, my = smooth(x), smooth(y)
            vx, vy = smooth(x * x) - mx**2, smooth(y * y) - my**2
            contrast = (2 * (smooth(x * y) - mx * my) + 58.5225) / (vx + vy + 58.5225)
            if scale == 2:
                contrast *= (2 * mx * my + 6.5025) / (mx**2 + my**2 + 6.5025)
            value *= max(contrast.mean(), 0) ** weight
            x, y = (
                p[: p.shape[0] // 2 * 2, : p.shape[1] // 2 * 2]
                .reshape(p.shape[0] // 2, 2, p.shape[1] // 2, 2)
                .mean(axis=(1, 3))
                for p in (x, y)
            )
        values.append(value)
    return float(np.mean(values))


def ms_ssim_of_five(a, b):
    """pytorch-msssim, with a window in float64: its own is rounded to float32.

    Sides are multiples of 16, as it pads odd sides before it halves them.
    """
    reach = (window_size(a) - 1) // 2
    window = np.exp(-0.5 * (np.arange(-reach, reach + 1) / SIGMA) ** 2)
    win = torch.tensor(window / window.sum()).repeat(3, 1, 1, 1)
    x, y = (torch.tensor(p.transpose(2, 0, 1)[None], dtype=torch.float64) for p in (a, b))
    return pytorch_msssim.ms_ssim(x, y, data_range=255, win=win, weights=MS_WEIGHTS).item()


def pattern(width, height, variant):
    """A large picture by integer arithmetic, so that the test can draw it too."""
    y, x = np.mgrid[0:height, 0:width]
    wave = ((x * x // 24 + y * 3) % 256) // 2 + ((x // 9 + y // 7) % 5) * 25
    grain = ((x * 31 + y * 17 + x * y * 7) % 64) * variant // 3
    channels = [(wave + grain) % 256, (wave * 2 // 3 + grain + x) % 256, (255 - wave + grain) % 256]
    return np.stack(channels, axis=-1).astype(np.uint8)


def encode(picture):
    return base64.b64encode(np.ascontiguousarray(picture).tobytes()).decode()


def pictures():
    rng = np.random.default_rng(7)
    photo = skimage.data.astronaut()[90:130, 200:248]
    noisy = np.clip(photo + rng.normal(0, 18, photo.shape), 0, 255).astype(np.uint8)
    blurry = ndimage.gaussian_filter(photo, (1.2, 1.2, 0))
    shifted = np.roll(photo, 3, axis=1)
    negative = 255 - photo
    mask = (np.hypot(*np.mgrid[-20:20, -24:24]) < 11).astype(np.uint8)
    cases = []
    for name, other in [
        ("noisy", noisy),
        ("blurry", blurry),
        ("shifted", shifted),
        ("negative", negative),
        ("darker", (photo * 0.6).astype(np.uint8)),
    ]:
        value, full = ssim(photo, other, 7)
        cases.append(
            {
                "name": name,
                "picture": encode(other),
                "ssim": value,
                "maskedSsim": masked_ssim(full, mask, 7),
                "lowPassSsim": low_pass_ssim(photo, other, 7, 40 / 16),
                "lowPassSsimSigma1": low_pass_ssim(photo, other, 7, 1.0),
                "msSsim": ms_ssim_of_three(photo, other),
                "psnr": peak_signal_noise_ratio(photo, other, data_range=255),
                "meanAbsoluteError": np.abs(photo.astype(float) - other).mean(),
            }
        )
    large = []
    for width, height in [(112, 128), (127, 200), (128, 140), (192, 176)]:
        a, b = pattern(width, height, 0), pattern(width, height, 1)
        size = window_size(a)
        case = {"width": width, "height": height, "windowSize": size, "ssim": ssim(a, b, size)[0]}
        if width % 16 == height % 16 == 0:
            case["msSsim"] = ms_ssim_of_five(a, b)
        large.append(case)
    return {
        "width": 48,
        "height": 40,
        "picture": encode(photo),
        "mask": encode(mask),
        "cases": cases,
        "patterns": large,
    }


def statistics():
    rng = np.random.default_rng(11)
    values = rng.gamma(2.0, 3.0, 37).round(3)
    other = (values * 0.5 + rng.normal(0, 2, 37)).round(1)
    ties = rng.integers(0, 6, 37)
    shares = [0, 0.025, 0.1, 0.25, 0.5, 0.9, 0.975, 1]
    p_values = rng.uniform(0, 0.2, 9).round(4)
    order = np.argsort(p_values)
    adjusted = np.empty(9)
    adjusted[order] = np.minimum(
        1, np.maximum.accumulate(p_values[order] * np.arange(9, 0, -1))
    )
    numerator = rng.lognormal(2.2, 0.1, 60).round(4)
    denominator = rng.lognormal(2.0, 0.1, 60).round(4)

    def interval(data, statistic):
        result = stats.bootstrap(
            (data,), statistic, n_resamples=200_000, method="percentile",
            rng=np.random.default_rng(1), vectorized=True, batch=10_000,
        )
        return [result.confidence_interval.low, result.confidence_interval.high]

    return {
        "values": values.tolist(),
        "other": other.tolist(),
        "ties": ties.tolist(),
        "mean": values.mean(),
        "median": np.median(values),
        "shares": shares,
        "quantiles": np.quantile(values, shares).tolist(),
        "spearman": stats.spearmanr(values, other).statistic,
        "spearmanTies": stats.spearmanr(values, ties).statistic,
        "pValues": p_values.tolist(),
        "holm": adjusted.tolist(),
        "meanInterval": interval(values, np.mean),
        "numerator": numerator.tolist(),
        "denominator": denominator.tolist(),
        "medianRatio": np.median(numerator / denominator),
        "medianRatioInterval": interval(numerator / denominator, np.median),
    }


def features():
    rng = np.random.default_rng(23)
    a = (rng.normal(size=(60, 6)) @ rng.normal(size=(6, 6))).round(4)
    b = (rng.normal(size=(50, 6)) @ rng.normal(size=(6, 6)) + 0.3).round(4)
    covariance_a, covariance_b = np.cov(a.T), np.cov(b.T)
    root = scipy.linalg.sqrtm(covariance_a @ covariance_b).real
    shift = a.mean(0) - b.mean(0)
    frechet = shift @ shift + np.trace(covariance_a + covariance_b - 2 * root)

    def kernel(x, y):
        return (x @ y.T / x.shape[1] + 1) ** 3

    def within(x):
        k = kernel(x, x)
        return (k.sum() - np.trace(k)) / (len(x) * (len(x) - 1))

    return {
        "a": a.tolist(),
        "b": b.tolist(),
        "frechetDistance": frechet,
        "kernelDistance": within(a) + within(b) - 2 * kernel(a, b).mean(),
    }


def main():
    GOLDEN.mkdir(parents=True, exist_ok=True)
    made_by = {
        "command": "python models/golden_metrics.py",
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "scikit-image": skimage.__version__,
        "pytorch-msssim": "1.0.0",
    }
    for make in (pictures, statistics, features):
        path = GOLDEN / f"{make.__name__}.json"
        path.write_text(json.dumps({"madeBy": made_by, **make()}, indent=1) + "\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
