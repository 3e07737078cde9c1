"""The mechanism of the drop: what is measured in the checkpoints around a milestone, and the model that predicts it.

`surface` is the loss as a function of the weights; `spectrum` its curvature; `units`, `curvature`, `motion`, `noise`,
`path`, `relaxation`, `sharpness` and `landscape` are the probes, each a rule of the workflow (see `probes`); `toy` is
the noisy quadratic.
"""
