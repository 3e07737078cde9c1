"""Intervals over seeds and test images crossed: the same images were read in every seed, so both are samples.

A mean over seeds alone holds for this test set. Over both, V = V_seeds + V_images - V_cells (Cameron, Gelbach & Miller
2011, section 2.1; Owen 2007 on crossed random effects), with Student's t of seeds - 1 degrees of freedom.
"""

import math

import numpy as np

from ..results.intervals import Interval, t_quantile


def covariance(first: np.ndarray, second: np.ndarray) -> float:
    """Of the grand means of two tables (seeds, images) that share both; the variance of one where they are the same.

    V_cells is what seeds and images leave of a cell, which both of the others have counted: with few seeds the plain
    variance of cells would take away a part of the images' own.
    """
    seeds, images = first.shape
    a, b = first - first.mean(), second - second.mean()
    a_seed, b_seed = a.mean(axis=1, keepdims=True), b.mean(axis=1, keepdims=True)
    a_image, b_image = a.mean(axis=0, keepdims=True), b.mean(axis=0, keepdims=True)
    over_seeds = (a_seed * b_seed).sum() / (seeds - 1) / seeds
    over_images = (a_image * b_image).sum() / (images - 1) / images
    left = ((a - a_seed - a_image) * (b - b_seed - b_image)).sum() / ((seeds - 1) * (images - 1))
    return float(over_seeds + over_images - left / (seeds * images))


def variance(table: np.ndarray) -> float:
    """Of the grand mean; never less than that over seeds alone, which chance may bring the formula below."""
    seeds = table.shape[0]
    return max(covariance(table, table), float(table.mean(axis=1).var(ddof=1) / seeds))


def crossed_interval(table: np.ndarray, confidence: float = 0.95) -> Interval:
    """Of the mean of a table (seeds, images). NaN bounds for one seed."""
    seeds = len(table)
    mean = float(table.mean())
    if seeds < 2:
        return Interval(mean, math.nan, math.nan)
    half = t_quantile(confidence, seeds - 1) * math.sqrt(variance(table))
    return Interval(mean, mean - half, mean + half)
