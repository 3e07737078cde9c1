"""The mechanism of the drop: what is measured in the checkpoints around a milestone.

`surface` is the loss as a function of the weights; `spectrum` its curvature; `units`, `hessian`, `displacement`,
`gradient_noise`, `path`, `relaxation`, `sharpness` and `loss_map` are the probes, each a rule of the workflow (see
`probe_run`).
"""
