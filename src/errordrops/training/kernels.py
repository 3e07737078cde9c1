"""Batch norm, addition of a shortcut and ReLU in one sweep over memory, in bfloat16 on a processor.

torch takes a sweep for each, and is slow where channels are few: at 16 channels these loops take a quarter of its time,
which is an eighth of a whole training step. They round once, at the end, where torch rounds after every operation.

Arrays of images are views (rows, width) of channels-last memory; a row holds the channels of one or more pixels.
bfloat16 is handled as its bits: the upper half of a float32.
"""

import math

import numpy as np
from numba import njit

BLOCK = 128  # rows summed in float32 before the sum goes on in float64


@njit(inline="always")
def _float(bits):
    return np.uint32(np.uint32(bits) << np.uint32(16)).view(np.float32)


@njit(inline="always")
def _rounded(value):
    """To bfloat16, to nearest, ties to even; not-a-number stays what it is."""
    bits = np.float32(value).view(np.uint32)
    up = np.uint32(np.uint32(0x7FFF) + np.uint32(np.uint32(bits >> np.uint32(16)) & np.uint32(1)))
    return np.uint16(np.uint32(bits + up) >> np.uint32(16))


@njit(cache=True)
def _over_pixels(sums, channels):
    """Sums (width,) over rows to sums (channels,) over pixels."""
    return sums.reshape(-1, channels).sum(0)


@njit(cache=True, error_model="numpy")
def moments(x, channels):
    """Mean and biased variance (channels,) of each channel of x (rows, width), in float64."""
    rows, width = x.shape
    total, squares = np.zeros(width), np.zeros(width)
    part, part_squares = np.empty(width, np.float32), np.empty(width, np.float32)
    for start in range(0, rows, BLOCK):
        part[:], part_squares[:] = 0, 0
        for row in range(start, min(start + BLOCK, rows)):
            for i in range(width):
                value = _float(x[row, i])
                part[i] += value
                part_squares[i] += value * value
        total += part
        squares += part_squares
    count = rows * width // channels
    mean = _over_pixels(total, channels) / count
    return mean, np.maximum(_over_pixels(squares, channels) / count - mean * mean, 0)


@njit(cache=True, fastmath={"contract"}, error_model="numpy")
def scale_add_relu(x, shortcut, scale, shift, out):
    """out = relu(x * scale + shift [+ shortcut]); scale and shift (width,) float32, shortcut as x or None."""
    rows, width = x.shape
    for row in range(rows):
        for i in range(width):
            value = _float(x[row, i]) * scale[i] + shift[i]
            if shortcut is not None:
                value += _float(shortcut[row, i])
            out[row, i] = np.uint16(0) if value <= 0 else _rounded(value)


@njit(cache=True, error_model="numpy")
def gradient_sums(x, out, gradient, channels):
    """Over all pixels with out > 0, the sums (channels,) of gradient and of gradient * x, in float64."""
    rows, width = x.shape
    total, products = np.zeros(width), np.zeros(width)
    part, part_products = np.empty(width, np.float32), np.empty(width, np.float32)
    for start in range(0, rows, BLOCK):
        part[:], part_products[:] = 0, 0
        for row in range(start, min(start + BLOCK, rows)):
            for i in range(width):
                passed = _float(gradient[row, i]) if out[row, i] != 0 else np.float32(0)
                part[i] += passed
                part_products[i] += passed * _float(x[row, i])
        total += part
        products += part_products
    return _over_pixels(total, channels), _over_pixels(products, channels)


@njit(cache=True, fastmath={"contract"}, error_model="numpy")
def input_gradient(x, out, gradient, a, b, c, to_x, to_shortcut):
    """to_x = a * g + b * x + c with g the gradient where out > 0, else 0; to_shortcut = g, or None."""
    rows, width = x.shape
    for row in range(rows):
        for i in range(width):
            passed = gradient[row, i] if out[row, i] != 0 else np.uint16(0)
            to_x[row, i] = _rounded(a[i] * _float(passed) + b[i] * _float(x[row, i]) + c[i])
            if to_shortcut is not None:
                to_shortcut[row, i] = passed


@njit(cache=True, error_model="numpy")
def _to_width(values, width):
    """(channels,) to float32 (width,), once for every pixel in a row."""
    wide = np.empty((width // len(values), len(values)), np.float32)
    wide[:] = values.astype(np.float32)
    return wide.reshape(-1)


@njit(cache=True, error_model="numpy")
def forward_batch(x, shortcut, weight, bias, running_mean, running_variance, step, eps, out):
    """relu(batch norm of x by its own moments [+ shortcut]) into out; returns mean and biased variance (channels,).

    The running statistics, in place, go the share `step` of the way to mean and unbiased variance.
    """
    mean, variance = moments(x, len(weight))
    forward_fixed(x, shortcut, weight, bias, mean, variance, eps, out)
    pixels = x.size // len(weight)
    running_mean += (step * (mean - running_mean)).astype(np.float32)
    running_variance += (step * (variance * pixels / (pixels - 1) - running_variance)).astype(np.float32)
    return mean, variance


@njit(cache=True, error_model="numpy")
def forward_fixed(x, shortcut, weight, bias, mean, variance, eps, out):
    """relu(batch norm of x by given moments [+ shortcut]) into out."""
    scale = weight / np.sqrt(variance + eps)
    width = x.shape[1]
    scale_add_relu(x, shortcut, _to_width(scale, width), _to_width(bias - mean * scale, width), out)


@njit(cache=True, error_model="numpy")
def backward_batch(x, out, gradient, weight, mean, variance, eps, to_x, to_shortcut):
    """Gradients of forward_batch into to_x and to_shortcut (or None); returns those of weight and bias (channels,).

    With s = 1 / sqrt(variance + eps), n pixels, x' = (x - mean) s and g the gradient behind the ReLU:
    to_x = weight s (g - sum(g) / n - x' sum(g x') / n)  (Ioffe & Szegedy 2015, section 3).
    """
    channels, width = len(weight), x.shape[1]
    count = x.size // channels
    total, products = gradient_sums(x, out, gradient, channels)
    s = 1 / np.sqrt(variance + eps)
    to_weight = (products - mean * total) * s
    a = weight * s
    b = -a * s * to_weight / count
    c = -a * total / count - b * mean
    wide_a, wide_b, wide_c = _to_width(a, width), _to_width(b, width), _to_width(c, width)
    input_gradient(x, out, gradient, wide_a, wide_b, wide_c, to_x, to_shortcut)
    return to_weight.astype(np.float32), total.astype(np.float32)


def width_of_rows(pixels: int, channels: int) -> int:
    """Elements of a row: a whole number of pixels, and enough of them to keep vector units busy."""
    return channels * math.gcd(pixels, max(1, 64 // channels))
